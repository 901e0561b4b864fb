/* accept.h - negotiation: what of our offers a client wants most.
 * SPDX-License-Identifier: MIT
 *
 * Qualities are thousandths, 0 to 1000 (RFC 9110 12.4.2).  Members that are
 * malformed count as absent; at most ATL_ACCEPT_MAX members are looked at.
 * Where a client likes offers equally, the first one wins.
 */
#ifndef ATL_WEB_ACCEPT_H
#define ATL_WEB_ACCEPT_H

#include <stddef.h>

#include "base/str.h"

#define ATL_ACCEPT_MAX 64

/*
 * The quality that an Accept field gives to `type`, such as "text/html": that
 * of its most specific range that fits (RFC 9110 12.5.1).  An empty field
 * takes everything.  A range with parameters fits only if `type` has them all.
 */
int atl_accept_quality(struct atl_str field, struct atl_str type);

/* The index of the best of `count` types; -1 if none is acceptable. */
int atl_accept_best(struct atl_str field, const struct atl_str *types,
                    size_t count);

/*
 * The quality that an Accept-Encoding field gives to a content coding
 * (RFC 9110 12.5.3).  "identity" has 1 (the least) where nothing names it: it
 * is acceptable, but only if nothing else is.  An empty field takes identity
 * alone; x-gzip is gzip.
 */
int atl_accept_coding_quality(struct atl_str field, struct atl_str coding);

/*
 * The index of the best of `count` codings; -1 if none is acceptable: send it
 * as it is, or answer 406 if "identity" was among them.
 */
int atl_accept_coding_best(struct atl_str field, const struct atl_str *codings,
                           size_t count);

#endif
