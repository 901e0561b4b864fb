/* json_scan.h - the bytes of JSON strings, eight a step.
 * SPDX-License-Identifier: MIT
 *
 * Plain is a byte that stands for itself in a string (RFC 8259 7) and is
 * ASCII: not a quote, a backslash, or a control character.
 */
#ifndef ATL_LUA_JSON_SCAN_H
#define ATL_LUA_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ATL_JSON_EACH(b) (0x0101010101010101u * (uint64_t)(b))

/* Eight bytes at `p`, the first one lowest. */
static inline uint64_t
atl_json_load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The 1 to 7 bytes at `p`, the first one lowest; 0 behind them. */
static inline uint64_t
atl_json_load_few(const char *p, size_t len)
{
    const unsigned char *s = (const unsigned char *)p;

    if (len >= 4) { /* two halves, which overlap */
        uint64_t low = s[0] | s[1] << 8 | s[2] << 16 | (uint32_t)s[3] << 24;

        s += len - 4;
        return low |
               (uint64_t)(s[0] | s[1] << 8 | s[2] << 16 | (uint32_t)s[3] << 24)
                   << 8 * (len - 4);
    }
    return s[0] | (uint64_t)s[len / 2] << 8 * (len / 2) |
           (uint64_t)s[len - 1] << 8 * (len - 1);
}

static inline void
atl_json_store(char *p, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(p, &word, sizeof(word));
}

/*
 * The lowest byte whose top bit is set in the result is the first of `word`
 * that isn't plain; bytes above it may be marked by the borrow alone.
 */
static inline uint64_t
atl_json_special(uint64_t word)
{
    return (word | (word - ATL_JSON_EACH(0x20)) |
            ((word ^ ATL_JSON_EACH('"')) - ATL_JSON_EACH(1)) |
            ((word ^ ATL_JSON_EACH('\\')) - ATL_JSON_EACH(1))) &
           ATL_JSON_EACH(0x80);
}

/* How many bytes precede the first that is marked in `mask`, which isn't 0. */
static inline size_t
atl_json_before(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

/* The first byte in [p, end) that isn't plain, or `end`. */
static inline const char *
atl_json_skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t mask = atl_json_special(atl_json_load(p));

        if (mask != 0)
            return p + atl_json_before(mask);
        p += 8;
    }
    while (p < end &&
           atl_json_special((unsigned char)*p | ATL_JSON_EACH(' ') << 8) == 0)
        p++;
    return p;
}

#endif
