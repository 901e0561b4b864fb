/* cookie.h - the Cookie field, read; Set-Cookie, written (RFC 6265).
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Reading never fails: what is no pair with a name is left out.  (A cookie
 *    without a name could pretend to be another: "=__Host-a=1".)
 * 2. Bytes of a value that are no cookie-octets, and '%', are percent-encoded
 *    when written and decoded when read, so that every value comes back.
 * 3. No input can add an attribute, a second cookie or a field.
 */
#ifndef ATL_WEB_COOKIE_H
#define ATL_WEB_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define ATL_COOKIE_MAX_PAIRS 200 /* a sensible limit for atl_cookies_init() */
#define ATL_COOKIE_MAX_SIZE                        \
    4096 /* bytes of name and value: browsers drop \
            what is larger (RFC 6265 6.1) */
#define ATL_COOKIE_MAX_ATTRIBUTE 1024 /* bytes of a path or domain */

/* A walk over the pairs of a Cookie field, in the order of the wire. */
struct atl_cookies {
    const char *at;
    const char *end;
    unsigned left; /* pairs that may still come */
};

/* One pair.  The value has lost its quotes, if it stood in some. */
struct atl_cookie_pair {
    struct atl_str name;  /* not empty; any bytes but ';', '=' */
    struct atl_str value; /* raw */
    bool coded;           /* the value holds a '%' */
};

/* Start at the first of at most `max_pairs` pairs of `field` (lent). */
void atl_cookies_init(struct atl_cookies *c, struct atl_str field,
                      unsigned max_pairs);

/* The next pair, or false if there is none. */
bool atl_cookies_next(struct atl_cookies *c, struct atl_cookie_pair *out);

/*
 * `raw` itself unless `coded`, else what it decodes to, in `arena`.  A '%'
 * without two hex digits stands for itself.
 */
struct atl_str atl_cookie_text(struct atl_str raw, bool coded,
                               struct atl_arena *arena);

enum atl_same_site {
    ATL_SAME_SITE_UNSET, /* not sent: browsers take it for Lax */
    ATL_SAME_SITE_STRICT,
    ATL_SAME_SITE_LAX,
    ATL_SAME_SITE_NONE,
};

/* "strict", "lax" or "none", in any case; false if it is none of these. */
bool atl_same_site_find(struct atl_str name, enum atl_same_site *out);

/* A cookie to be set.  All zero but the name is a valid start. */
struct atl_cookie {
    struct atl_str name;
    struct atl_str value;
    struct atl_str path;   /* empty: not sent */
    struct atl_str domain; /* empty: not sent; a dot in front is left out */
    bool has_max_age;
    int64_t max_age; /* seconds; 0 or less removes the cookie */
    bool has_expires;
    int64_t expires; /* seconds since 1970, UTC */
    enum atl_same_site same_site;
    bool secure;
    bool http_only;
    bool partitioned;
};

/*
 * Append the value of a Set-Cookie field for `c` to `out`.  Returns 0;
 * ATL_E_INVALID with *reason_out set to one line (static) and `out` as it was:
 *
 * - the name is not a token (RFC 9110 5.6.2);
 * - the path doesn't begin with a slash, or has a control character, a byte
 *   above ASCII or a ';'; the domain is not a host name;
 * - name and value, or an attribute, are too long;
 * - SameSite=None or Partitioned without Secure;
 * - __Secure- without Secure; __Host- without Secure or Path=/, or with a
 *   Domain; __Http- without Secure and HttpOnly; __Host-Http- without all of
 *   these (RFC 6265bis 4.1.3; in any case, as browsers compare);
 *
 * ATL_E_TOOBIG if `out` is full.
 */
int atl_cookie_write(const struct atl_cookie *c, struct atl_buf *out,
                     const char **reason_out)
    __attribute__((warn_unused_result));

#endif
