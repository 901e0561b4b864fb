/* scan.h - byte classes of HTTP, and scans that take eight bytes a step.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A scan reads [p, end) and nothing else, and returns the first byte that
 *    does not belong, or `end`.
 * 2. Which byte that is does not depend on alignment or byte order.
 */
#ifndef ATL_HTTP_SCAN_H
#define ATL_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `b` in each of the eight bytes of a word. */
#define ATL_SCAN_EACH(b) (0x0101010101010101u * (uint64_t)(b))

/*
 * The lowest byte whose top bit is set here is the lowest of `word` that is
 * below `b`, or above it; these macros know nothing of the bytes behind that
 * one, for there a borrow or a carry may have come in.  A byte of 0x80 and
 * more may be missed by either of them, but not by both.
 */
#define ATL_SCAN_BELOW(word, b) ((word)-ATL_SCAN_EACH(b))
#define ATL_SCAN_ABOVE(word, b) ((word) + ATL_SCAN_EACH(0x7f - (b)))
#define ATL_SCAN_TOPS(word) ((word)&ATL_SCAN_EACH(0x80))

/* The bytes of a token in lower case; 0 for all others (RFC 9110 5.6.2). */
static const unsigned char atl_scan_token[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$',   ['%'] = '%', ['&'] = '&',
    ['*'] = '*', ['+'] = '+', ['\''] = '\'', ['-'] = '-', ['.'] = '.',
    ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|', ['~'] = '~',
    ['0'] = '0', ['1'] = '1', ['2'] = '2',   ['3'] = '3', ['4'] = '4',
    ['5'] = '5', ['6'] = '6', ['7'] = '7',   ['8'] = '8', ['9'] = '9',
    ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',   ['d'] = 'd', ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h',   ['i'] = 'i', ['j'] = 'j',
    ['k'] = 'k', ['l'] = 'l', ['m'] = 'm',   ['n'] = 'n', ['o'] = 'o',
    ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's', ['t'] = 't',
    ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',   ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c', ['D'] = 'd',
    ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',   ['H'] = 'h', ['I'] = 'i',
    ['J'] = 'j', ['K'] = 'k', ['L'] = 'l',   ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q',   ['R'] = 'r', ['S'] = 's',
    ['T'] = 't', ['U'] = 'u', ['V'] = 'v',   ['W'] = 'w', ['X'] = 'x',
    ['Y'] = 'y', ['Z'] = 'z',
};

/* VCHAR: 0x21 to 0x7e (RFC 5234 B.1). */
static inline bool
atl_scan_is_visible(char c)
{
    return (unsigned char)((unsigned char)c - 0x21) < 0x5e;
}

/* VCHAR, SP, HTAB, obs-text: a byte of a field value (RFC 9110 5.5). */
static inline bool
atl_scan_is_value(char c)
{
    return ((unsigned char)c >= ' ' && c != 0x7f) || c == '\t';
}

/* The value of a hex digit, or -1. */
static inline int
atl_scan_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Eight bytes at `p`, the first one lowest. */
static inline uint64_t
atl_scan_load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void
atl_scan_store(char *p, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(p, &word, sizeof(word));
}

/* How many bytes precede the first one whose top bit is set in `mask`. */
static inline size_t
atl_scan_before(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

/* Where `word` has a byte that is not VCHAR or SP: see ATL_SCAN_BELOW. */
static inline uint64_t
atl_scan_value_hits(uint64_t word)
{
    return ATL_SCAN_TOPS(ATL_SCAN_BELOW(word, ' ') | ATL_SCAN_ABOVE(word, '~'));
}

/*
 * Bytes of a field value: VCHAR, SP, HTAB, obs-text (RFC 9110 5.5).  The
 * whole of a field line consists of them.
 */
static inline const char *
atl_scan_value(const char *p, const char *end)
{
    while (end - p >= 16) {
        uint64_t low = atl_scan_value_hits(atl_scan_load(p));
        uint64_t high = atl_scan_value_hits(atl_scan_load(p + 8));

        if ((low | high) == 0) {
            p += 16;
            continue;
        }
        p += low != 0 ? atl_scan_before(low) : 8 + atl_scan_before(high);
        if (!atl_scan_is_value(*p))
            return p;
        p++; /* HTAB or obs-text */
    }
    if (end - p >= 8) {
        uint64_t hits = atl_scan_value_hits(atl_scan_load(p));

        p += hits != 0 ? atl_scan_before(hits) : 8;
    }
    while (p < end && atl_scan_is_value(*p))
        p++;
    return p;
}

/*
 * Bytes of a token, made lower case in place.  Bytes behind the token are
 * written too, but as they are.
 */
static inline char *
atl_scan_lower(char *p, const char *end)
{
    unsigned char c;

    while (end - p >= 8) {
        /* Most names are letters and '-'; the table knows the others. */
        uint64_t word = atl_scan_load(p);
        uint64_t lower = word | ATL_SCAN_EACH(0x20);
        uint64_t letter =
            ATL_SCAN_ABOVE(lower, 'a' - 1) & ~ATL_SCAN_ABOVE(lower, 'z');
        uint64_t dash = ~ATL_SCAN_ABOVE(word ^ ATL_SCAN_EACH('-'), 0);
        /* `word`: both tests may take a byte of 0x80 and more for good. */
        uint64_t hits = ATL_SCAN_TOPS(~(letter | dash) | word);

        if (hits == 0) {
            atl_scan_store(p, lower);
            p += 8;
            continue;
        }
        /* 0x20 for the bytes below the lowest hit; '-' has it already. */
        lower = ATL_SCAN_EACH(0x20) & (((hits - 1) & ~hits) >> 7);
        atl_scan_store(p, word | lower);
        p += atl_scan_before(hits);
        if ((c = atl_scan_token[(unsigned char)*p]) == 0)
            return p;
        *p++ = (char)c;
    }
    for (; p < end && (c = atl_scan_token[(unsigned char)*p]) != 0; p++)
        *p = (char)c;
    return p;
}

/*
 * Bytes of a target up to its '?': visible ASCII but '#', and each '%' with
 * two hex digits that don't make a NUL; *plain_out is cleared at a '%'.
 */
static inline const char *
atl_scan_path(const char *p, const char *end, bool *plain_out)
{
    for (;;) {
        while (end - p >= 8) {
            uint64_t word = atl_scan_load(p);
            /* The lowest byte that is 0 here is the first '?'. */
            uint64_t mark = ATL_SCAN_BELOW(word ^ ATL_SCAN_EACH('?'), 1);
            uint64_t hits = ATL_SCAN_TOPS(ATL_SCAN_BELOW(word, '&') |
                                          ATL_SCAN_ABOVE(word, '~') | mark);

            if (hits != 0) {
                p += atl_scan_before(hits);
                break;
            }
            p += 8;
        }
        if (p == end || !atl_scan_is_visible(*p) || *p == '#' || *p == '?')
            return p;
        if (*p != '%') {
            p++; /* '!', '"', '$', or one of the last seven */
            continue;
        }
        *plain_out = false;
        if (end - p < 3 || atl_scan_hex(p[1]) < 0 || atl_scan_hex(p[2]) < 0 ||
            (p[1] == '0' && p[2] == '0'))
            return p;
        p += 3;
    }
}

/* Bytes of a target behind its '?': visible ASCII but '#'. */
static inline const char *
atl_scan_query(const char *p, const char *end)
{
    for (;;) {
        while (end - p >= 8) {
            uint64_t word = atl_scan_load(p);
            uint64_t hits = ATL_SCAN_TOPS(ATL_SCAN_BELOW(word, '$') |
                                          ATL_SCAN_ABOVE(word, '~'));

            if (hits != 0) {
                p += atl_scan_before(hits);
                break;
            }
            p += 8;
        }
        if (p == end || !atl_scan_is_visible(*p) || *p == '#')
            return p;
        p++; /* '!', '"', or one of the last seven */
    }
}

#endif
