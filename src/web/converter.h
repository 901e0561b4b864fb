/* converter.h - what a parameter of a path may be: {id:int}, {rest:path}.
 * SPDX-License-Identifier: MIT
 *
 *   string  one byte or more of one segment; what {name} alone means
 *   int     decimal digits, at most 2^53: larger ones don't match, so that
 *           none is ever rounded
 *   number  decimal digits, and possibly a point with digits behind it; its
 *           whole part at most 2^53
 *   uuid    8-4-4-4-12 hex digits of either case
 *   slug    letters, digits, '-' and '_' of ASCII
 *   path    anything, nothing and slashes included
 *
 * Others are registered by name.  They never see a slash that divides
 * segments, and are asked at most ATL_CONVERTER_MAX_CALLS times for one path:
 * beyond that they match nothing.
 */
#ifndef ATL_WEB_CONVERTER_H
#define ATL_WEB_CONVERTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define ATL_CONVERTER_MAX_CALLS 64  /* of registered ones, for one path */
#define ATL_CONVERTER_MAX_NAME 64   /* bytes */
#define ATL_CONVERTER_MAX_NUMBER 64 /* bytes of an int or number */
#define ATL_CONVERTER_UUID_LEN 36

/* In the order in which they are tried where several could match. */
enum atl_converter_kind {
    ATL_CONVERTER_UUID,
    ATL_CONVERTER_INT,
    ATL_CONVERTER_NUMBER,
    ATL_CONVERTER_CUSTOM, /* those registered first come first */
    ATL_CONVERTER_SLUG,
    ATL_CONVERTER_STRING,
    ATL_CONVERTER_PATH,
};

/*
 * Is `value`, decoded and not empty, one of these?  It is lent until the
 * function returns.  The function may not call the router that asks, nor
 * leave by longjmp().
 */
typedef bool (*atl_converter_fn)(void *data, struct atl_str value);

struct atl_converter {
    struct atl_str name;
    enum atl_converter_kind kind;
    unsigned order; /* of registration, among the custom ones */
    atl_converter_fn match;
    void *data;
    struct atl_converter *next; /* of those registered */
};

/* The built-in converters and those registered by name. */
struct atl_converters {
    struct atl_converter *custom; /* owned, the last one first */
    unsigned count;
};

void atl_converters_init(struct atl_converters *c);

/* Patterns that were parsed with `c` must not be used after. */
void atl_converters_deinit(struct atl_converters *c);

/*
 * Register a converter.  `name` (copied) is an identifier; `data` is passed
 * to `match`.  Returns 0; ATL_E_INVALID if `name` isn't an identifier or is
 * longer than ATL_CONVERTER_MAX_NAME; ATL_E_STATE if it is taken, by a
 * built-in one as well.
 */
int atl_converters_add(struct atl_converters *c, struct atl_str name,
                       atl_converter_fn match, void *data)
    __attribute__((warn_unused_result));

/* The converter called `name`, or NULL.  It lives until the deinit. */
const struct atl_converter *atl_converters_find(const struct atl_converters *c,
                                                struct atl_str name);

/* Is `value`, decoded, wholly one that `c` takes? */
bool atl_converter_takes(const struct atl_converter *c, struct atl_str value);

/*
 * The value of decimal digits that make at most 2^53: true, and *out is set.
 * All that {x:int} matches is such a text.
 */
bool atl_converter_parse_int(struct atl_str value, int64_t *out);

/* How many bytes from `p` on, up to `end`, may stand in a slug. */
size_t atl_converter_slug_len(const char *p, const char *end);

/* Letters of ASCII, digits and '_', no digit first: a parameter's name. */
bool atl_converter_is_identifier(struct atl_str s);

#endif
