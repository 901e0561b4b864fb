/* escape.h - text into HTML.
 * SPDX-License-Identifier: MIT
 *
 * The five bytes & < > " ' become &amp; &lt; &gt; &quot; &#39;, which is
 * enough between tags and inside attribute values that stand in quotes of
 * either kind.  It is not enough inside <script>, <style>, unquoted values, or
 * for the scheme of a link.
 */
#ifndef ATL_WEB_ESCAPE_H
#define ATL_WEB_ESCAPE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define ATL_ESCAPE_GROWTH                               \
    6 /* an escaped text has at most so many times more \
       */

/* How many bytes of `s` precede the first one to be escaped; s.len if none. */
size_t atl_escape_plain_len(struct atl_str s);

/* `s` itself if nothing is to be escaped, else its escaped form in `arena`. */
struct atl_str atl_escape_html(struct atl_str s, struct atl_arena *arena);

/*
 * Append `s` (not in `out`), escaped.  Returns 0, or ATL_E_TOOBIG with `out`
 * as it was.
 */
int atl_escape_html_append(struct atl_buf *out, struct atl_str s)
    __attribute__((warn_unused_result));

#endif
