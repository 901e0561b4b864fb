/* location.h - redirect targets that lead where they seem to.
 * SPDX-License-Identifier: MIT
 *
 * Judged as browsers read a target, not as RFC 3986 does: for them a
 * backslash is a slash, and tabs and line feeds are nothing at all.
 */
#ifndef ATL_WEB_LOCATION_H
#define ATL_WEB_LOCATION_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum atl_location {
    ATL_LOCATION_LOCAL,    /* stays on this host: /a, a/b, ?q, #f, "" */
    ATL_LOCATION_ABSOLUTE, /* http://host/... or https://host/... */
    ATL_LOCATION_NETWORK,  /* another host in disguise: //host, /\host */
    ATL_LOCATION_SCHEME,   /* another scheme: javascript:, data:, mailto: */
    ATL_LOCATION_INVALID,  /* a control character, a space at either end, or a
                              host that not everybody reads alike: it is
                              malformed, or has user information or a
                              backslash in front of it */
};

/* What kind of target is it?  *host_out (may be NULL) is the authority of an
 * absolute one, empty for others. */
enum atl_location atl_location_classify(struct atl_str target,
                                        struct atl_str *host_out);

/*
 * Append `target` as a Location field's value: percent-encoded where it has
 * bytes that may not stand in a URI; escapes that it has already stay, a '%'
 * that is none becomes %25, and a backslash %5C.
 * Returns 0; ATL_E_INVALID, with *reason_out set to one line (static) and
 * `out` as it was, unless it is LOCAL or ABSOLUTE; ATL_E_TOOBIG if `out` is
 * full.
 */
int atl_location_write(struct atl_str target, struct atl_buf *out,
                       const char **reason_out)
    __attribute__((warn_unused_result));

#endif
