/* parts.h - parts of a pattern against bytes: what pattern and router share.
 * SPDX-License-Identifier: MIT
 *
 * Law: a path is matched in its canonical form, which is its decoded form but
 * for encoded slashes: these are NULs, since no path has others.  So a slash
 * is always one that divides segments, and nothing else is.
 */
#ifndef ATL_WEB_PARTS_H
#define ATL_WEB_PARTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "web/pattern.h"

/* What parts are matched against, for one lookup. */
struct atl_parts_text {
    struct atl_str text; /* canonical */
    char separator;      /* '/' of a path, '.' of a host */
    bool has_slashes;    /* some are encoded; the text is writable then */
    unsigned calls_left; /* of registered converters */
};

/*
 * Make the canonical form of a path: of itself if `is_plain`, else in
 * `arena`.  False for a bad escape, or a NUL in any form.
 */
bool atl_parts_text_path(struct atl_parts_text *t, struct atl_str path,
                         bool is_plain, struct atl_arena *arena);

/*
 * The canonical form of a Host field: lower case, without port and final dot;
 * in `arena` only if it has capital letters.  False if nothing is left, or
 * more than ATL_PATTERN_MAX bytes.
 */
bool atl_parts_text_host(struct atl_parts_text *t, struct atl_str host,
                         struct atl_arena *arena);

/* Matching is over: make the text the decoded one, for the values' sake. */
void atl_parts_text_finish(struct atl_parts_text *t);

/*
 * Do the parts match all of `s`, a slice of t->text?  `values` gets one slice
 * of it for each parameter.  Undefined if they don't.
 */
bool atl_parts_match(struct atl_parts_text *t,
                     const struct atl_pattern_part *parts, unsigned count,
                     struct atl_str s, struct atl_str *values);

/* Less than, equal to or greater than 0: by precedence (law 1 of router.h). */
int atl_parts_compare(const struct atl_pattern_part *a, unsigned a_count,
                      const struct atl_pattern_part *b, unsigned b_count);

#endif
