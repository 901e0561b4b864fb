/* utf8.h - UTF-8 as RFC 3629 has it: no surrogates, no overlong forms.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_UTF8_H
#define ATL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool
atl_utf8_is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* The length of the character at the end of a text, byte by byte. */
static inline size_t
atl_utf8_len_last(const char *p, size_t left)
{
    const unsigned char *s = (const unsigned char *)p;
    unsigned char c = s[0];

    if (c < 0x80)
        return 1;
    if (c < 0xe0)
        return c >= 0xc2 && left >= 2 && atl_utf8_is_tail(s[1]) ? 2 : 0;
    if (c >= 0xf0 || left < 3 || !atl_utf8_is_tail(s[1]) ||
        !atl_utf8_is_tail(s[2]))
        return 0;
    if (c == 0xe0)
        return s[1] >= 0xa0 ? 3 : 0;
    return c != 0xed || s[1] < 0xa0 ? 3 : 0; /* surrogates */
}

/*
 * The length of the character at `p`, of which `left` (at least 1) bytes are
 * there: 1 to 4, or 0 if it is none.
 */
static inline size_t
atl_utf8_len(const char *p, size_t left)
{
    uint32_t word, rest;

    if (left < 4)
        return atl_utf8_len_last(p, left);
    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    if ((word & 0x80) == 0)
        return 1;
    if ((word & 0xc0e0) == 0x80c0)
        return (word & 0x1e) != 0 ? 2 : 0; /* not overlong */
    if ((word & 0xc0c0f0) == 0x8080e0) {
        rest = word & 0x200f; /* 0: overlong; 0x200d: a surrogate */
        return rest != 0 && rest != 0x200d ? 3 : 0;
    }
    if ((word & 0xc0c0c0f8) != 0x808080f0)
        return 0;
    rest = word & 0x3007;
    if ((rest & 7) >= 4) /* up to U+10FFFF */
        return rest == 4 ? 4 : 0;
    return rest != 0 ? 4 : 0;
}

/*
 * Copy the character at `p`, as above, to `out`, where there is room for four
 * bytes; returns its length, or 0 if it is none.
 */
static inline size_t
atl_utf8_copy(char *out, const char *p, size_t left)
{
    size_t len = atl_utf8_len(p, left);

    if (left >= 4)
        memcpy(out, p, 4); /* sooner done than so many */
    else
        memcpy(out, p, len);
    return len;
}

/* Write the character `code`, which is valid; returns its length, 1 to 4. */
static inline size_t
atl_utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

#endif
