/* number_read.c - from text to the nearest double.  See number.h.
 * SPDX-License-Identifier: MIT
 *
 * A number is m * 10^e.  In this order, each for what the one before leaves:
 * 1. both m and 10^|e| are doubles: one multiplication or division, which
 *    rounds once;
 * 2. m * 10^e to 128 bits: unless it is too near to the middle between two
 *    doubles, that tells which is nearest;
 * 3. strtod(), of digits without a decimal point, on which locales differ.
 */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/pow10.h"

_Static_assert(FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53,
               "arithmetic rounds once, to IEEE 754 doubles");

__extension__ typedef unsigned __int128 u128;

#define MAX_DIGITS 19          /* any so many fit in 64 bits */
#define MAX_EXACT (1ull << 53) /* integers up to it are doubles */
#define MAX_EXACT_POWER 22     /* 10^22 is a double, 10^23 isn't */
/* More than in the middle between any two doubles: a further digit other than
 * 0 then only says that the number is above what the first ones say. */
#define MAX_SLOW_DIGITS 800
#define MAX_EXPONENT 100000000000 /* more than a text has digits */
#define HUGE_EXPONENT 100000      /* all beyond it are 0 or too large */

/* The parts of a number's text. */
struct parts {
    const char *digits, *digits_end;     /* before the point */
    const char *fraction, *fraction_end; /* behind it; empty if there is none */
    uint64_t m; /* of all digits; wrong if they are more than MAX_DIGITS */
    int64_t exponent; /* as written */
    bool negative;
    bool is_integer;
};

static bool
is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Eight digits at `p` as a number, if they all are digits. */
static bool
read_eight(const char *p, uint64_t *m)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t w;

    memcpy(&w, p, 8);
    /* The high nibbles are 3, before and after 6 is added. */
    if ((w & 0xf0f0f0f0f0f0f0f0u) != 0x3030303030303030u ||
        ((w + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) !=
            0x3030303030303030u)
        return false;
    w -= 0x3030303030303030u;
    /* Pairs, fours, eights; the first digit is in the lowest byte. */
    w = w * 10 + (w >> 8);
    w = (((w & 0x000000ff000000ffu) * 0x000f424000000064u) +
         (((w >> 16) & 0x000000ff000000ffu) * 0x0000271000000001u)) >>
        32;
    *m = *m * 100000000 + (uint32_t)w;
    return true;
#else
    (void)p, (void)m;
    return false;
#endif
}

static const char *
read_digits(const char *p, const char *end, uint64_t *m)
{
    uint64_t sum = *m;

    while (end - p >= 8 && read_eight(p, &sum))
        p += 8;
    for (; p < end && is_digit(*p); p++)
        sum = sum * 10 + (uint64_t)(*p - '0');
    *m = sum;
    return p;
}

/* The exponent behind "e"; returns its end, or NULL with the bad byte. */
static const char *
read_exponent(struct parts *n, const char *p, const char *end,
              const char **bad_out)
{
    bool negative = false;

    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    if (p == end || !is_digit(*p)) {
        *bad_out = p;
        return NULL;
    }
    for (; p < end && is_digit(*p); p++)
        if (n->exponent < MAX_EXPONENT)
            n->exponent = n->exponent * 10 + (*p - '0');
    if (negative)
        n->exponent = -n->exponent;
    return p;
}

/* Returns the number's end, or NULL with the bad byte. */
static const char *
split(struct parts *n, const char *p, const char *end, const char **bad_out)
{
    n->m = 0;
    n->exponent = 0;
    n->is_integer = true;
    n->negative = *p == '-';
    if (n->negative)
        p++;
    n->digits = p;
    if (p < end && *p == '0')
        p++;
    else
        p = read_digits(p, end, &n->m);
    *bad_out = p;
    if (p == n->digits || (p < end && is_digit(*p)))
        return NULL; /* no digit, or one behind a leading 0 */
    n->digits_end = n->fraction = n->fraction_end = p;
    if (p < end && *p == '.') {
        n->is_integer = false;
        n->fraction = p + 1;
        p = n->fraction_end = read_digits(n->fraction, end, &n->m);
        *bad_out = p;
        if (p == n->fraction)
            return NULL;
    }
    if (p < end && (*p | 0x20) == 'e') {
        n->is_integer = false;
        return read_exponent(n, p + 1, end, bad_out);
    }
    return p;
}

/*
 * m * 10^e, m not 0, unless the 128 bits can't tell which double is nearest.
 * The product is truncated twice: the true one is less than 2 above it.
 */
static bool
scale(uint64_t m, int64_t e, double *out)
{
    int lead, top, exponent, shift;
    uint64_t bits, word;
    u128 product, rest, half;

    if (e < ATL_POW10_MIN || e > DBL_MAX_10_EXP) {
        /* Below 2^64 * 10^-343 all are 0. */
        *out = e < 0 ? 0 : HUGE_VAL;
        return true;
    }
    lead = __builtin_clzll(m);
    m <<= lead;
    word = (uint64_t)(((u128)m * ATL_POW10_LOW(e)) >> 64);
    product = (u128)m * ATL_POW10_HIGH(e) + word;
    top = (int)(product >> 127);
    /* It is in [2^exponent, 2^(exponent + 1)). */
    exponent = 63 + top - lead + ATL_POW10_LOG2((int)e);
    shift = 74 + top;       /* leaves 53 bits */
    if (exponent < -1022) { /* fewer, for a subnormal */
        shift += -1022 - exponent;
        exponent = -1022;
        if (shift > 126)
            return false;
    }
    bits = (uint64_t)(product >> shift);
    rest = product & (((u128)1 << shift) - 1);
    half = (u128)1 << (shift - 1);
    if (e >= 0 && e <= 27) { /* not truncated at all */
        bits += rest > half || (rest == half && (bits & 1) != 0);
    } else {
        if (rest == half || rest == half - 1)
            return false;
        bits += rest > half;
    }
    /* A carry out of the bits goes into the exponent, as it should. */
    bits += (uint64_t)(exponent + 1022) << 52;
    if (bits >= 0x7ffull << 52)
        *out = HUGE_VAL;
    else
        memcpy(out, &bits, sizeof(bits));
    return true;
}

/* Digits of the number in `text`, without leading zeros; returns how many. */
static size_t
copy_digits(const struct parts *n, char *text, size_t max, bool *more_out)
{
    const char *p = n->digits;
    size_t count = 0;

    *more_out = false;
    for (; p < n->fraction_end; p++) {
        if (p == n->digits_end)
            p = n->fraction;
        if (p == n->fraction_end)
            break;
        if (count == max)
            *more_out = *more_out || *p != '0';
        else if (count > 0 || *p != '0')
            text[count++] = *p;
    }
    return count;
}

/* How many digits there are from the first that isn't 0. */
static int64_t
count_digits(const struct parts *n)
{
    int64_t count = n->digits_end - n->digits;
    int64_t all = count + (n->fraction_end - n->fraction);
    const char *p = n->digits;

    while (p < n->digits_end && *p == '0')
        p++;
    all -= p - n->digits;
    if (p < n->digits_end)
        return all;
    for (p = n->fraction; p < n->fraction_end && *p == '0'; p++)
        all--;
    return all;
}

static int64_t
clamp(int64_t e)
{
    if (e > HUGE_EXPONENT)
        return HUGE_EXPONENT;
    return e < -HUGE_EXPONENT ? -HUGE_EXPONENT : e;
}

/* `e` is the exponent of the last of `digits` digits. */
static double
read_slowly(const struct parts *n, int64_t digits, int64_t e)
{
    char text[MAX_SLOW_DIGITS + 1 + 24], *p;
    bool more;
    size_t count = copy_digits(n, text, MAX_SLOW_DIGITS, &more);

    e += digits - (int64_t)count;
    p = text + count;
    if (more) {
        *p++ = '1';
        e--;
    }
    *p++ = 'e';
    *atl_number_write_integer(p, clamp(e)) = '\0';
    return strtod(text, NULL);
}

/* More digits than `m` holds, of which there are MAX_DIGITS at least. */
static double
read_many(const struct parts *n, int64_t digits, int64_t e)
{
    char text[MAX_DIGITS] = "";
    double low, high;
    uint64_t m = 0;
    bool more;
    size_t i;

    /* If the first digits, and the same plus 1, are nearest to one double,
     * then so is all between them. */
    copy_digits(n, text, MAX_DIGITS, &more);
    for (i = 0; i < MAX_DIGITS; i++)
        m = m * 10 + (uint64_t)(text[i] - '0');
    if (scale(m, e + digits - MAX_DIGITS, &low) &&
        scale(m + 1, e + digits - MAX_DIGITS, &high) && low == high)
        return low;
    return read_slowly(n, digits, e);
}

static double
to_real(const struct parts *n)
{
    int64_t e = n->exponent - (n->fraction_end - n->fraction);
    int64_t digits = count_digits(n);
    uint64_t m = n->m;
    double real;

    if (digits == 0)
        return 0;
    if (digits <= MAX_DIGITS) {
        if (m <= MAX_EXACT && e >= -MAX_EXACT_POWER && e <= MAX_EXACT_POWER) {
            static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,
                                            1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
                                            1e18, 1e19, 1e20, 1e21, 1e22};

            return e < 0 ? (double)m / powers[-e] : (double)m * powers[e];
        }
        return scale(m, e, &real) ? real : read_slowly(n, digits, e);
    }
    return read_many(n, digits, e);
}

void
atl_number_read(struct atl_number *n, const char *p, const char *end)
{
    struct parts parts;
    const char *bad;

    p = split(&parts, p, end, &bad);
    if (p == NULL) {
        n->kind = ATL_NUMBER_BAD;
        n->end = bad;
        return;
    }
    n->end = p;
    if (parts.is_integer && p - parts.digits <= MAX_DIGITS &&
        parts.m <= (uint64_t)INT64_MAX + parts.negative &&
        !(parts.negative && parts.m == 0)) {
        n->kind = ATL_NUMBER_INTEGER;
        n->integer = (int64_t)(parts.negative ? -parts.m : parts.m);
        return;
    }
    n->real = to_real(&parts);
    if (parts.negative)
        n->real = -n->real;
    if (parts.is_integer && n->real != 0)
        n->kind = ATL_NUMBER_BIG;
    else
        n->kind = isinf(n->real) ? ATL_NUMBER_HUGE : ATL_NUMBER_REAL;
}
