/* number.h - numbers as JSON writes them, from and to text, exactly.
 * SPDX-License-Identifier: MIT
 *
 * The grammar is that of RFC 8259 6.  Nothing here looks at the locale.
 */
#ifndef ATL_BASE_NUMBER_H
#define ATL_BASE_NUMBER_H

#include <stdint.h>

enum atl_number_kind {
    ATL_NUMBER_BAD,     /* not a number: `end` is the byte that is wrong */
    ATL_NUMBER_INTEGER, /* no fraction, no exponent: `integer` is the value */
    ATL_NUMBER_BIG,     /* the same, beyond 64 bits; `real` as below, or inf */
    ATL_NUMBER_REAL,    /* `real` is the double nearest to it */
    ATL_NUMBER_HUGE,    /* beyond all doubles */
};

struct atl_number {
    enum atl_number_kind kind;
    const char *end; /* behind the number */
    int64_t integer;
    double real; /* ties to even; what is too small for a double is 0 */
};

/*
 * Read the number at `p`, which begins with a digit or a minus, from the bytes
 * up to `end`.  What may follow a number is for the caller to say.  "-0" is
 * REAL: no integer is it.
 */
void atl_number_read(struct atl_number *n, const char *p, const char *end);

#define ATL_NUMBER_ROOM 32 /* bytes, for what the following write */

/*
 * Write the shortest text that is read as `real`, which is finite, and of
 * those the one nearest to it.  Without a fraction up to 2^53; larger ones
 * have an exponent, so that they never look like integers.  Not terminated;
 * returns its end.
 */
char *atl_number_write(char *out, double real);
char *atl_number_write_integer(char *out, int64_t integer);

#endif
