/* authority.h - host and port: Host fields and :authority (RFC 9110 7.2).
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_HTTP_AUTHORITY_H
#define ATL_HTTP_AUTHORITY_H

#include <stdbool.h>

#include "base/str.h"

/*
 * Is `s` a non-empty uri-host with an optional port of 0 to 65535, without
 * user information (RFC 3986 3.2)?  An IPv6 address must be one that
 * inet_pton() takes, without a zone; IPvFuture is checked by its characters.
 */
bool atl_authority_is_valid(struct atl_str s);

#endif
