/* json_scan.h - the bytes of JSON strings, eight a step.
 * SPDX-License-Identifier: MIT
 *
 * Plain is a byte that stands for itself in a string (RFC 8259 7) and is
 * ASCII: not a quote, a backslash, or a control character.
 */
#ifndef ATL_LUA_JSON_SCAN_H
#define ATL_LUA_JSON_SCAN_H

#include <stdbool.h>

#include "base/word.h"

static inline bool
atl_json_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* What follows a number in a compact text. */
static inline bool
atl_json_is_delimiter(char c)
{
    return c == ',' || c == ']' || c == '}';
}

/*
 * The lowest byte whose top bit is set in the result is the first of `word`
 * that isn't plain; bytes above it may be marked by the borrow alone.
 */
static inline uint64_t
atl_json_special(uint64_t word)
{
    return (word | (word - ATL_WORD_EACH(0x20)) |
            ((word ^ ATL_WORD_EACH('"')) - ATL_WORD_EACH(1)) |
            ((word ^ ATL_WORD_EACH('\\')) - ATL_WORD_EACH(1))) &
           ATL_WORD_EACH(0x80);
}

/* The first byte in [p, end) that isn't plain, or `end`. */
static inline const char *
atl_json_skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t mask = atl_json_special(atl_word_load(p));

        if (mask != 0)
            return p + atl_word_before(mask);
        p += 8;
    }
    while (p < end &&
           atl_json_special((unsigned char)*p | ATL_WORD_EACH(' ') << 8) == 0)
        p++;
    return p;
}

#endif
