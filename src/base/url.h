/* url.h - percent-coding (RFC 3986 2.1).
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_URL_H
#define ATL_BASE_URL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* The value of a hex digit of either case (RFC 3986 2.1), or -1. */
int atl_url_hex(char c);

/*
 * Decode `in` to `out`, which has room for in.len bytes and may be in.ptr
 * itself.  A `+` stays a `+`: only forms read it as a space.  Returns 0 and
 * sets *len_out; ATL_E_INVALID for a `%` without two hex digits or for %00,
 * `out` then undefined.
 */
int atl_url_decode(struct atl_str in, char *out, size_t *len_out)
    __attribute__((warn_unused_result));

/*
 * The same for text that may be anything: a `%` without two hex digits stands
 * for itself, and %00 is a NUL.  Returns the length.
 */
size_t atl_url_decode_loose(struct atl_str in, char *out);

/* Beside letters and digits, what stands for itself in (RFC 3986 3.3, 2.2): */
#define ATL_URL_UNRESERVED "-._~"
#define ATL_URL_SEGMENT "-._~!$&'()*+,;=:@"
#define ATL_URL_PATH "-._~!$&'()*+,;=:@/"
#define ATL_URL_ANYWHERE "-._~!$&'()*+,;=:@/?#[]"

/*
 * Append `in`, which is not in `out`: letters and digits of ASCII and the
 * bytes of `keep` as they are, all others percent-encoded in upper case.
 * Returns 0, or ATL_E_TOOBIG with `out` as it was.
 */
int atl_url_append(struct atl_buf *out, struct atl_str in, const char *keep)
    __attribute__((warn_unused_result));

#endif
