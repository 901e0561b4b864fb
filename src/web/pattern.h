/* pattern.h - patterns of paths and hosts, parsed, matched and filled in.
 * SPDX-License-Identifier: MIT
 *
 *   /users/{id:int}/posts/{slug}    {name} or {name:converter}
 *   /files/{name}.txt  /{a}-{b}     a segment may hold text and parameters
 *   /files/{rest:path}              takes slashes too, here or further left
 *   {tenant}.example.org            a host: labels instead of segments
 *
 * Laws:
 * 1. A pattern is plain text: no part of it is percent-encoded.
 * 2. A path is split at its slashes before it is decoded, so that an encoded
 *    slash (%2F) divides no segment; text is compared and values are handed
 *    out decoded.
 * 3. Where the split between parameters is open, the left one takes as much
 *    as it can: {name}.{ext} reads "a.tar.gz" as "a.tar" and "gz".
 * 4. Matching costs at most parameters x bytes, whatever the path holds.
 * 5. Dot segments (".", "..") are ordinary text here.  Who makes a file name
 *    of a {x:path} checks it.
 */
#ifndef ATL_WEB_PATTERN_H
#define ATL_WEB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "web/converter.h"

#define ATL_PATTERN_MAX 1024 /* bytes of a pattern */
#define ATL_PATTERN_MAX_PARAMS 16
#define ATL_PATTERN_MAX_PARTS (2 * ATL_PATTERN_MAX_PARAMS + 1)

enum atl_pattern_kind {
    ATL_PATTERN_PATH, /* begins with a slash */
    ATL_PATTERN_HOST, /* without a port; its text is lower case */
};

/* A run of text, or a parameter. */
struct atl_pattern_part {
    struct atl_str text; /* the text, or the parameter's name */
    const struct atl_converter *converter; /* NULL: text */
};

/* Parameters never stand side by side: there is text between them. */
struct atl_pattern {
    struct atl_str source; /* as it was written */
    enum atl_pattern_kind kind;
    unsigned param_count;
    unsigned part_count;
    struct atl_pattern_part parts[]; /* slices of memory behind them */
};

/* Why a pattern was refused: one line for its author, NUL-terminated. */
struct atl_pattern_error {
    char text[512];
};

/*
 * Parse `source` (copied), whose converters come from `c`, which must outlive
 * the pattern.  Returns 0 and sets *out, to be freed with atl_pattern_free();
 * ATL_E_INVALID with *error_out filled in.
 */
int atl_pattern_new(struct atl_str source, enum atl_pattern_kind kind,
                    const struct atl_converters *c, struct atl_pattern **out,
                    struct atl_pattern_error *error_out)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void atl_pattern_free(struct atl_pattern *p);

/* The part of parameter `i`, from 0 to param_count - 1: name and converter. */
const struct atl_pattern_part *atl_pattern_param(const struct atl_pattern *p,
                                                 unsigned i);

/*
 * Does all of `path` match?  `is_plain`: it is decoded already, or holds no
 * '%' (a request's path_is_plain).  Otherwise it is raw; one with a bad
 * escape or %00 matches nothing.  For a host pattern `path` is a Host field:
 * case and port don't count, and `is_plain` is true.
 *
 * If it does, `values` (room for param_count) gets the decoded values in the
 * order of the pattern: slices of `path`, or of `arena` if that had to be
 * decoded, or a host made lower case.  Otherwise nothing is allocated.
 */
bool atl_pattern_match(const struct atl_pattern *p, struct atl_str path,
                       bool is_plain, struct atl_arena *arena,
                       struct atl_str *values);

/*
 * Append the path (or host) that `p` makes of `values`, one for each of its
 * parameters in order, percent-encoded; a path's slashes stay.  What is made
 * matches `p` and gives `values` again, but for the split that law 3 makes.
 * Returns 0; ATL_E_INVALID with *error_out filled in, and `out` as it was, if
 * `count` isn't the pattern's, or a value is not one that its converter takes,
 * or the result would hold a segment "." or "..", which clients resolve away;
 * ATL_E_TOOBIG if `out` is full.
 */
int atl_pattern_format(const struct atl_pattern *p,
                       const struct atl_str *values, unsigned count,
                       struct atl_buf *out, struct atl_pattern_error *error_out)
    __attribute__((warn_unused_result));

#endif
