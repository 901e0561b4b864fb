/* query.h - application/x-www-form-urlencoded, read and written.
 * SPDX-License-Identifier: MIT
 *
 * As the URL standard has it (url.spec.whatwg.org, 5): pairs are divided by
 * '&' alone, a name from its value by the first '=', and a '+' is a space.
 * Nothing is an error: a '%' without two hex digits stands for itself.
 */
#ifndef ATL_WEB_QUERY_H
#define ATL_WEB_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define ATL_QUERY_MAX_PAIRS 1000 /* a sensible limit for atl_query_init() */

/* A walk over the pairs of a text, in the order of the wire. */
struct atl_query {
    const char *at;
    const char *end;
    unsigned left;     /* pairs that may still come */
    bool is_truncated; /* there were more: set when they are met */
};

/* One pair, raw.  `coded`: it must be decoded, otherwise it is as it stands. */
struct atl_query_pair {
    struct atl_str name;
    struct atl_str value; /* empty too if there was no '=' */
    bool name_coded;
    bool value_coded;
};

/* Start at the first of at most `max_pairs` pairs of `text` (lent). */
void atl_query_init(struct atl_query *q, struct atl_str text,
                    unsigned max_pairs);

/*
 * The next pair, or false if there is none.  Empty ones ("a=1&&b=2") are left
 * out; one without a name ("=1") has an empty one.
 */
bool atl_query_next(struct atl_query *q, struct atl_query_pair *out);

/*
 * Decode `raw` to `out`, which has room for raw.len bytes and may be raw.ptr
 * itself; returns the length.  %00 becomes a NUL.
 */
size_t atl_query_decode(struct atl_str raw, char *out);

/* `raw` itself unless `coded`, else what it decodes to, in `arena`. */
struct atl_str atl_query_text(struct atl_str raw, bool coded,
                              struct atl_arena *arena);

/*
 * The pair number `nth` (from 0) among the first `max_pairs` of `text` whose
 * name decodes to `name`.  Nothing is allocated.
 */
bool atl_query_find(struct atl_str text, unsigned max_pairs,
                    struct atl_str name, unsigned nth,
                    struct atl_query_pair *out);

/*
 * Append name=value, encoded, to `b`, behind a '&' unless `is_first`.
 * Returns 0; ATL_E_TOOBIG with `b` as it was.
 */
int atl_query_append(struct atl_buf *b, bool is_first, struct atl_str name,
                     struct atl_str value) __attribute__((warn_unused_result));

#endif
