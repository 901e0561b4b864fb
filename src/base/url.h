/* url.h - percent-coding (RFC 3986 2.1).
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_URL_H
#define ATL_BASE_URL_H

#include <stddef.h>

#include "base/str.h"

/*
 * Decode `in` to `out`, which has room for in.len bytes and may be in.ptr
 * itself.  A `+` stays a `+`: only forms read it as a space.  Returns 0 and
 * sets *len_out; ATL_E_INVALID for a `%` without two hex digits or for %00,
 * `out` then undefined.
 */
int atl_url_decode(struct atl_str in, char *out, size_t *len_out)
    __attribute__((warn_unused_result));

#endif
