/* json_string.h - the strings of a JSON text that is decoded.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_STRING_H
#define ATL_LUA_JSON_STRING_H

#include "base/buf.h"

/*
 * The end of what [p, end) begins with: characters that stand for themselves.
 * What is there is a quote, a backslash, or what must not be in a string.
 */
const char *atl_json_skip_text(const char *p, const char *end);

/*
 * Append to `out` what the string means whose text goes on at `*p`; `*p` is
 * then its closing quote.  Returns NULL; or what is wrong at `*p`, in words.
 */
const char *atl_json_unescape(struct atl_buf *out, const char **p,
                              const char *end);

/* What is wrong with the byte at `p`, at which a string's text has ended. */
const char *atl_json_string_fault(const char *p, const char *end);

#endif
