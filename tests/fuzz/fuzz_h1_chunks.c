/* fuzz_h1_chunks.c - chunked bodies: one result, however the bytes come in.
 * SPDX-License-Identifier: MIT
 *
 * Each input is decoded whole, byte by byte and in random pieces, with the
 * usual limits and with small ones; all must agree with each other, and with
 * a decoder that is written for nothing but to be read, where that takes it.
 */
#include "http/h1_parse.h"

#include <string.h>

#include "fuzz/fuzz.h"

#define WHOLE SIZE_MAX /* not in pieces */

static const struct atl_h1_limits all_limits[] = {
    {8192, 65536, 100, 8192},
    {8192, 65536, 100, 12},
};

struct decode {
    struct atl_h1_chunks chunks;
    enum atl_h1_verdict verdict;
    char *body; /* owned */
    size_t body_len;
    size_t used;
};

static void
decode(struct decode *d, const struct atl_h1_limits *limits,
       const uint8_t *data, size_t size, size_t max_piece)
{
    uint64_t random = fuzz_seed(data, size);
    size_t at = 0;

    memset(d, 0, sizeof(*d));
    d->verdict = ATL_H1_MORE;
    d->body = malloc(size);
    while (d->verdict == ATL_H1_MORE && at < size) {
        size_t piece = 1 + fuzz_random(&random) % max_piece;
        size_t body_len, used;
        char *copy;

        if (max_piece == WHOLE || piece > size - at)
            piece = size - at;
        copy = malloc(piece);
        memcpy(copy, data + at, piece);
        d->verdict = atl_h1_parse_chunks(&d->chunks, limits, copy, piece,
                                         &body_len, &used);
        FUZZ_CHECK(body_len <= used && used <= piece);
        if (d->verdict == ATL_H1_MORE)
            FUZZ_CHECK(used == piece);
        if (d->verdict == ATL_H1_DONE)
            FUZZ_CHECK(memcmp(copy + used, data + at + used, piece - used) ==
                       0);
        memcpy(d->body + d->body_len, copy, body_len);
        d->body_len += body_len;
        d->used += used;
        at += piece;
        free(copy);
    }
}

/* The line at data[*at] without its CRLF, whose length is returned. */
static size_t
next_line(const uint8_t *data, size_t size, size_t *at)
{
    size_t start = *at;

    while (*at + 2 <= size && memcmp(data + *at, "\r\n", 2) != 0)
        ++*at;
    FUZZ_CHECK(*at + 2 <= size);
    *at += 2;
    return *at - 2 - start;
}

/* `d` took its input: the same body again, by the grammar of RFC 9112 7.1. */
static void
check_by_grammar(const struct decode *d, const uint8_t *data, size_t size)
{
    size_t at = 0, body_len = 0;

    for (;;) {
        char digits[17] = {0};
        unsigned long long n;
        size_t start = at, len = next_line(data, size, &at);

        memcpy(digits, data + start, len < 16 ? len : 16);
        n = strtoull(digits, NULL, 16);
        if (n == 0)
            break;
        FUZZ_CHECK(n <= size - at && n <= d->body_len - body_len);
        FUZZ_CHECK(memcmp(d->body + body_len, data + at, n) == 0);
        body_len += n;
        at += n;
        FUZZ_CHECK(next_line(data, size, &at) == 0);
    }
    while (next_line(data, size, &at) != 0)
        continue;
    FUZZ_CHECK(body_len == d->body_len);
    FUZZ_CHECK(at == d->used);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t max_pieces[] = {1, 3, 40};
    struct decode whole, pieces;
    size_t i, k;

    for (i = 0; i < sizeof(all_limits) / sizeof(all_limits[0]); i++) {
        decode(&whole, &all_limits[i], data, size, WHOLE);
        if (whole.verdict == ATL_H1_REFUSE)
            FUZZ_CHECK(whole.chunks.status >= 400 &&
                       whole.chunks.reason != NULL);
        if (whole.verdict == ATL_H1_DONE)
            check_by_grammar(&whole, data, size);
        for (k = 0; k < sizeof(max_pieces) / sizeof(max_pieces[0]); k++) {
            decode(&pieces, &all_limits[i], data, size, max_pieces[k]);
            FUZZ_CHECK(pieces.verdict == whole.verdict);
            FUZZ_CHECK(pieces.chunks.status == whole.chunks.status);
            FUZZ_CHECK(pieces.chunks.reason == whole.chunks.reason);
            FUZZ_CHECK(pieces.body_len == whole.body_len);
            FUZZ_CHECK(pieces.body_len == 0 ||
                       memcmp(pieces.body, whole.body, whole.body_len) == 0);
            if (whole.verdict != ATL_H1_REFUSE)
                FUZZ_CHECK(pieces.used == whole.used);
            free(pieces.body);
        }
        free(whole.body);
    }
    return 0;
}
