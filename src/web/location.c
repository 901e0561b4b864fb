/* location.c - redirect targets.  See location.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/location.h"

#include <stdbool.h>

#include "base/err.h"
#include "base/url.h"

static bool
is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool
is_alpha(char c)
{
    char lower = atl_lower(c);

    return lower >= 'a' && lower <= 'z';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* scheme ":" (RFC 3986 3.1): its length without the colon, or 0. */
static size_t
scheme_len(struct atl_str s)
{
    size_t n = 0;

    if (s.len == 0 || !is_alpha(s.ptr[0]))
        return 0;
    while (n < s.len && (is_alpha(s.ptr[n]) || is_digit(s.ptr[n]) ||
                         s.ptr[n] == '+' || s.ptr[n] == '-' || s.ptr[n] == '.'))
        n++;
    return n < s.len && s.ptr[n] == ':' ? n : 0;
}

/* The digits of a port, of which there may be none. */
static bool
is_port(const char *p, const char *end)
{
    unsigned long port = 0;

    if (end - p > 5)
        return false;
    for (; p < end; p++) {
        if (!is_digit(*p))
            return false;
        port = port * 10 + (unsigned long)(*p - '0');
    }
    return port <= 65535;
}

/*
 * host[:port] that everybody reads alike: a name of letters, digits, '-', '_',
 * '.' and bytes above ASCII, or what may stand in the brackets of an IPv6
 * address.  So without '@' and '%', and not empty.
 */
static bool
is_authority(struct atl_str s)
{
    const char *p = s.ptr, *end = p + s.len, *from = p;

    if (p < end && *p == '[') {
        for (p++; p < end && (atl_url_hex(*p) >= 0 || *p == ':' || *p == '.');)
            p++;
        if (p == end || *p++ != ']' || p - from < 4)
            return false;
    } else {
        while (p < end && (is_alpha(*p) || is_digit(*p) || *p == '-' ||
                           *p == '_' || *p == '.' || (*p & 0x80)))
            p++;
    }
    if (p == from)
        return false;
    return p == end || (*p == ':' && is_port(p + 1, end));
}

/* Behind "http:" or "https:". */
static enum atl_location
classify_rest(struct atl_str rest, struct atl_str *host_out)
{
    size_t n = 2;

    /* Backslashes, or one slash, are "//" to browsers: a disguise here. */
    if (rest.len < 2 || rest.ptr[0] != '/' || rest.ptr[1] != '/')
        return ATL_LOCATION_INVALID;
    /* A backslash ends the host for browsers, but would be encoded: it must
     * not be there, or "http://good\\@evil/" would change its host. */
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?' &&
           rest.ptr[n] != '#')
        n++;
    *host_out = (struct atl_str){rest.ptr + 2, n - 2};
    if (!is_authority(*host_out)) {
        *host_out = (struct atl_str){"", 0};
        return ATL_LOCATION_INVALID;
    }
    return ATL_LOCATION_ABSOLUTE;
}

enum atl_location
atl_location_classify(struct atl_str target, struct atl_str *host_out)
{
    struct atl_str scheme = target, rest = target, unused;
    size_t i;

    if (host_out == NULL)
        host_out = &unused;
    *host_out = (struct atl_str){"", 0};
    for (i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] < ' ' || target.ptr[i] == 0x7f)
            return ATL_LOCATION_INVALID;
    /* Browsers cut spaces off: what is behind them would be the target. */
    if (target.len > 0 && (target.ptr[0] == ' ' || target.ptr[i - 1] == ' '))
        return ATL_LOCATION_INVALID;
    if (target.len > 1 && is_slash(target.ptr[0]) && is_slash(target.ptr[1]))
        return ATL_LOCATION_NETWORK;
    scheme.len = scheme_len(target);
    if (scheme.len == 0)
        return ATL_LOCATION_LOCAL;
    rest.ptr += scheme.len + 1;
    rest.len -= scheme.len + 1;
    if (atl_str_eq_nocase(scheme, ATL_STR("http")) ||
        atl_str_eq_nocase(scheme, ATL_STR("https")))
        return classify_rest(rest, host_out);
    return ATL_LOCATION_SCHEME;
}

static const char *
refusal(enum atl_location kind)
{
    switch (kind) {
    case ATL_LOCATION_NETWORK:
        return "a redirect to another host names its scheme: "
               "\"//host\" is not allowed";
    case ATL_LOCATION_SCHEME:
        return "a redirect leads to http or https";
    case ATL_LOCATION_INVALID:
        return "not a target for a redirect: a control character, a space "
               "around it, or a malformed host";
    case ATL_LOCATION_LOCAL:
    case ATL_LOCATION_ABSOLUTE:
        break;
    }
    return NULL;
}

/* Is there an escape at `i`? */
static bool
is_escape(struct atl_str s, size_t i)
{
    return s.len - i > 2 && atl_url_hex(s.ptr[i + 1]) >= 0 &&
           atl_url_hex(s.ptr[i + 2]) >= 0;
}

int
atl_location_write(struct atl_str target, struct atl_buf *out,
                   const char **reason_out)
{
    const char *reason = refusal(atl_location_classify(target, NULL));
    size_t before = out->len, from = 0, i;
    int err = 0;

    if (reason != NULL) {
        *reason_out = reason;
        return ATL_E_INVALID;
    }
    /* Each escape stands between two pieces that hold none. */
    for (i = 0; i < target.len && err == 0; i++) {
        if (target.ptr[i] != '%' || !is_escape(target, i))
            continue;
        err = atl_url_append(out, (struct atl_str){target.ptr + from, i - from},
                             ATL_URL_ANYWHERE);
        if (err == 0)
            err = atl_buf_append(out, target.ptr + i, 3);
        i += 2;
        from = i + 1;
    }
    if (err == 0 && from < target.len)
        err = atl_url_append(
            out, (struct atl_str){target.ptr + from, target.len - from},
            ATL_URL_ANYWHERE);
    if (err != 0)
        out->len = before;
    return err;
}
