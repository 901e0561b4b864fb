/* word.h - eight bytes a step.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_WORD_H
#define ATL_BASE_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `b` in each of the eight bytes of a word. */
#define ATL_WORD_EACH(b) (0x0101010101010101u * (uint64_t)(b))

/* Eight bytes at `p`, the first one lowest. */
static inline uint64_t
atl_word_load(const char *p)
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
atl_word_load_few(const char *p, size_t len)
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
atl_word_store(char *p, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(p, &word, sizeof(word));
}

/*
 * Where `word` holds `b`: the lowest byte whose top bit is set is the first
 * one.  Behind it a borrow may have set others.
 */
static inline uint64_t
atl_word_find(uint64_t word, char b)
{
    uint64_t x = word ^ ATL_WORD_EACH((unsigned char)b);

    return (x - ATL_WORD_EACH(1)) & ~x & ATL_WORD_EACH(0x80);
}

/* How many bytes precede the first one whose top bit is set in `mask`. */
static inline size_t
atl_word_before(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

#endif
