/* number_write.c - the shortest text of a double.  See number.h.
 * SPDX-License-Identifier: MIT
 *
 * How the digits are found is described, and proved, in R. Giulietti, "The
 * Schubfach way to render doubles" (2020); names below are as there.  In
 * short: with k so that the numbers that are read as v = c * 2^q hold one or
 * a few multiples of 10^k, and at most one of 10^(k+1), those next to v are
 * compared with the bounds; everything is scaled by 10^-k, cut to an integer
 * whose lowest bit says whether something was cut off.
 */
#include "base/number.h"

#include <stdbool.h>
#include <string.h>

#include "base/pow10.h"

__extension__ typedef unsigned __int128 u128;

#define MIN_Q (-1074)
#define HIDDEN_BIT (1ull << 52)
#define MAX_PLAIN 16   /* digits before the point */
#define MIN_PLAIN (-4) /* 0.0001 is plain, 0.00001 is 1e-5 */

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* g * cp / 2^64, cut, its lowest bit set if anything but 0 was cut off. */
static uint64_t
multiply(uint64_t g1, uint64_t g0, uint64_t cp)
{
    u128 low = (u128)g0 * cp;
    u128 high = (u128)g1 * cp + (uint64_t)(low >> 64);

    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The digits for c * 2^q; `regular` unless the double below v is nearer. */
static struct decimal
find_shortest(uint64_t c, int q, bool regular)
{
    int k = (q * 1262611 - (regular ? 0 : 524031)) >> 22;
    int h = q + ATL_POW10_LOG2(-k) + 1;
    uint64_t g1 = ATL_POW10_HIGH(-k), g0 = ATL_POW10_LOW(-k);
    uint64_t out = c & 1; /* the bounds themselves are read as v if c is even */
    uint64_t lower, upper, vb, s, s10;
    bool below, above;

    /* Not exact: the paper wants it rounded up. */
    if (-k < 0 || -k > 55)
        g1 += ++g0 == 0;
    vb = multiply(g1, g0, (4 * c) << h);
    lower = multiply(g1, g0, (4 * c - (regular ? 2 : 1)) << h) + out;
    upper = multiply(g1, g0, (4 * c + 2) << h) - out;
    s = vb / 4;
    s10 = s / 10;
    below = lower <= 40 * s10;
    above = 40 * (s10 + 1) <= upper;
    if (below != above)
        return (struct decimal){below ? s10 : s10 + 1, k + 1};
    below = lower <= 4 * s;
    above = 4 * (s + 1) <= upper;
    if (below == above) { /* both or none: the nearest, to even from midway */
        uint64_t middle = 4 * s + 2;

        below = vb < middle || (vb == middle && (s & 1) == 0);
    }
    return (struct decimal){below ? s : s + 1, k};
}

static int
count_digits(uint64_t n)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      10000000000000000000u};
    /* By its bits within one. */
    int digits = ((64 - __builtin_clzll(n | 1)) * 1233) >> 12;

    return digits + (n >= powers[digits] || digits == 0);
}

/* The `count` digits of `n` up to out[count]. */
static void
put_digits(char *out, uint64_t n, int count)
{
    char *p = out + count;

    while (n >= 100) {
        uint64_t rest = n / 100;

        p -= 2;
        memcpy(p, pairs + 2 * (n - 100 * rest), 2);
        n = rest;
    }
    if (p - out >= 2)
        memcpy(out, pairs + 2 * n, 2);
    else if (p > out)
        *out = (char)('0' + n);
}

static char *
put_unsigned(char *out, uint64_t n)
{
    int count = count_digits(n);

    put_digits(out, n, count);
    return out + count;
}

/* `count` digits, the point behind the first `point` of them. */
static char *
put_plain(char *out, uint64_t digits, int count, int point)
{
    if (point > 0) {
        put_digits(out, digits, count);
        memmove(out + point + 1, out + point, (size_t)(count - point));
        out[point] = '.';
        return out + count + 1;
    }
    memcpy(out, "0.0000", 6);
    out += 2 - point;
    put_digits(out, digits, count);
    return out + count;
}

static char *
put_scientific(char *out, uint64_t digits, int count, int exponent)
{
    put_digits(out + 1, digits, count);
    out[0] = out[1];
    out[1] = '.';
    out += count > 1 ? count + 1 : 1;
    *out++ = 'e';
    return atl_number_write_integer(out, exponent);
}

static char *
put_decimal(char *out, struct decimal d)
{
    int count, point;

    while (d.digits % 100 == 0) {
        d.digits /= 100;
        d.exponent += 2;
    }
    if (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    count = count_digits(d.digits);
    point = count + d.exponent;
    if (d.exponent < 0 && point > MIN_PLAIN && point <= MAX_PLAIN)
        return put_plain(out, d.digits, count, point);
    return put_scientific(out, d.digits, count, point - 1);
}

char *
atl_number_write(char *out, double real)
{
    uint64_t bits, c;
    int exponent;

    memcpy(&bits, &real, sizeof(bits));
    if (bits >> 63)
        *out++ = '-';
    exponent = (int)(bits >> 52 & 0x7ff);
    c = bits & (HIDDEN_BIT - 1);
    if (exponent == 0) {
        if (c == 0) {
            *out = '0';
            return out + 1;
        }
        return put_decimal(out, find_shortest(c, MIN_Q, true));
    }
    c |= HIDDEN_BIT;
    exponent += MIN_Q - 1;
    /* An integer of at most 53 bits, or 2^53? */
    if (exponent >= -52 && exponent <= 0 &&
        (c & ((1ull << -exponent) - 1)) == 0)
        return put_unsigned(out, c >> -exponent);
    if (exponent == 1 && c == HIDDEN_BIT)
        return put_unsigned(out, c << 1);
    return put_decimal(
        out, find_shortest(c, exponent, c != HIDDEN_BIT || exponent == MIN_Q));
}

char *
atl_number_write_integer(char *out, int64_t integer)
{
    uint64_t n = (uint64_t)integer;

    if (integer < 0) {
        *out++ = '-';
        n = -n;
    }
    return put_unsigned(out, n);
}
