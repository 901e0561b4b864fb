/* cookie.c - the Cookie field, read; Set-Cookie, written.  See cookie.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/cookie.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/date.h"
#include "base/err.h"
#include "base/url.h"

/* ---- reading (RFC 6265 5.4, read leniently) ---- */

void
atl_cookies_init(struct atl_cookies *c, struct atl_str field,
                 unsigned max_pairs)
{
    c->at = field.ptr;
    c->end = field.len > 0 ? field.ptr + field.len : field.ptr;
    c->left = max_pairs;
}

/* Without white space around it. */
static struct atl_str
trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return (struct atl_str){from, (size_t)(to - from)};
}

bool
atl_cookies_next(struct atl_cookies *c, struct atl_cookie_pair *out)
{
    while (c->at < c->end && c->left > 0) {
        size_t left = (size_t)(c->end - c->at);
        const char *end = memchr(c->at, ';', left), *equals;
        const char *from = c->at;

        if (end == NULL)
            end = c->end;
        c->at = end < c->end ? end + 1 : end;
        equals = memchr(from, '=', (size_t)(end - from));
        if (equals == NULL)
            continue;
        out->name = trim(from, equals);
        if (out->name.len == 0)
            continue;
        out->value = trim(equals + 1, end);
        if (out->value.len >= 2 && out->value.ptr[0] == '"' &&
            out->value.ptr[out->value.len - 1] == '"') {
            out->value.ptr++;
            out->value.len -= 2;
        }
        out->coded = out->value.len > 0 &&
                     memchr(out->value.ptr, '%', out->value.len) != NULL;
        c->left--;
        return true;
    }
    return false;
}

struct atl_str
atl_cookie_text(struct atl_str raw, bool coded, struct atl_arena *arena)
{
    char *out;

    if (!coded)
        return raw;
    out = atl_arena_alloc(arena, raw.len);
    return (struct atl_str){out, atl_url_decode_loose(raw, out)};
}

/* ---- writing ---- */

/* cookie-octet (RFC 6265 4.1.1) but for letters, digits and '%'. */
#define OCTETS "!#$&'()*+-./:<=>?@[]^_`{|}~"

static const struct atl_str same_sites[] = {
    [ATL_SAME_SITE_UNSET] = {"", 0},
    [ATL_SAME_SITE_STRICT] = ATL_STR("Strict"),
    [ATL_SAME_SITE_LAX] = ATL_STR("Lax"),
    [ATL_SAME_SITE_NONE] = ATL_STR("None"),
};

bool
atl_same_site_find(struct atl_str name, enum atl_same_site *out)
{
    int i;

    for (i = ATL_SAME_SITE_STRICT; i <= ATL_SAME_SITE_NONE; i++)
        if (atl_str_eq_nocase(same_sites[i], name)) {
            *out = (enum atl_same_site)i;
            return true;
        }
    return false;
}

static bool
is_alnum(char c)
{
    char lower = atl_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits of ASCII, and the bytes of `more`. */
static bool
consists_of(struct atl_str s, const char *more)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if (!is_alnum(s.ptr[i]) &&
            (s.ptr[i] == '\0' || strchr(more, s.ptr[i]) == NULL))
            return false;
    return true;
}

/* Does the name begin with `prefix`?  In any case, as browsers look. */
static bool
has_prefix(struct atl_str name, struct atl_str prefix)
{
    return name.len >= prefix.len &&
           atl_str_eq_nocase((struct atl_str){name.ptr, prefix.len}, prefix);
}

/* Labels of letters, digits, '-' and '_', none of them empty; a dot in front
 * means nothing any more (RFC 6265 5.2.3). */
static bool
is_domain(struct atl_str s)
{
    size_t i, label = 0;

    for (i = s.ptr[0] == '.'; i < s.len; i++) {
        if (s.ptr[i] == '.' && label == 0)
            return false;
        label = s.ptr[i] == '.' ? 0 : label + 1;
    }
    return label > 0 && consists_of(s, "-._");
}

/* What a browser would refuse because of the name (RFC 6265bis 4.1.3). */
static const char *
find_prefix_fault(const struct atl_cookie *c)
{
    bool host_http = has_prefix(c->name, ATL_STR("__Host-Http-"));
    bool host = has_prefix(c->name, ATL_STR("__Host-"));
    bool http = has_prefix(c->name, ATL_STR("__Http-")) || host_http;
    bool secure = has_prefix(c->name, ATL_STR("__Secure-")) || host || http;

    if (secure && !c->secure)
        return "a cookie with this prefix must be secure";
    if (http && !c->http_only)
        return "a cookie with this prefix must be http_only";
    if (host && !atl_str_eq(c->path, ATL_STR("/")))
        return "a __Host- cookie must have the path \"/\"";
    if (host && c->domain.len > 0)
        return "a __Host- cookie can't have a domain";
    return NULL;
}

/* Why it can't be set, or NULL. */
static const char *
find_fault(const struct atl_cookie *c)
{
    size_t i;

    /* token (RFC 9110 5.6.2) */
    if (c->name.len == 0 || !consists_of(c->name, "!#$%&'*+-.^_`|~"))
        return "a cookie's name must be a token";
    if (c->path.len > ATL_COOKIE_MAX_ATTRIBUTE ||
        c->domain.len > ATL_COOKIE_MAX_ATTRIBUTE)
        return "a cookie's path and domain have at most 1024 bytes";
    if (c->path.len > 0 && c->path.ptr[0] != '/')
        return "a cookie's path begins with a slash";
    for (i = 0; i < c->path.len; i++)
        if (c->path.ptr[i] < ' ' || c->path.ptr[i] > '~' ||
            c->path.ptr[i] == ';')
            return "a cookie's path has no control characters, no ';' and "
                   "only ASCII";
    if (c->domain.len > 0 && !is_domain(c->domain))
        return "a cookie's domain must be a host name";
    if (c->same_site == ATL_SAME_SITE_NONE && !c->secure)
        return "SameSite=None needs a secure cookie";
    if (c->partitioned && !c->secure)
        return "a partitioned cookie must be secure";
    return find_prefix_fault(c);
}

static int
append_str(struct atl_buf *out, struct atl_str before, struct atl_str value)
{
    int err = atl_buf_append(out, before.ptr, before.len);

    return err != 0 ? err : atl_buf_append(out, value.ptr, value.len);
}

static int
append_times(const struct atl_cookie *c, struct atl_buf *out)
{
    char text[ATL_DATE_LEN];
    int err = 0;

    if (c->has_max_age) {
        int n = snprintf(text, sizeof(text), "%" PRId64, c->max_age);

        err = append_str(out, ATL_STR("; Max-Age="),
                         (struct atl_str){text, (size_t)n});
    }
    if (c->has_expires && err == 0) {
        atl_date_format(c->expires, text);
        err = append_str(out, ATL_STR("; Expires="),
                         (struct atl_str){text, sizeof(text)});
    }
    return err;
}

static int
append_attributes(const struct atl_cookie *c, struct atl_buf *out)
{
    static const struct atl_str none = {"", 0};
    struct atl_str domain = c->domain;
    int err = 0;

    if (domain.len > 0 && domain.ptr[0] == '.') {
        domain.ptr++;
        domain.len--;
    }
    if (c->path.len > 0)
        err = append_str(out, ATL_STR("; Path="), c->path);
    if (domain.len > 0 && err == 0)
        err = append_str(out, ATL_STR("; Domain="), domain);
    if (err == 0)
        err = append_times(c, out);
    if (c->secure && err == 0)
        err = append_str(out, ATL_STR("; Secure"), none);
    if (c->http_only && err == 0)
        err = append_str(out, ATL_STR("; HttpOnly"), none);
    if (c->same_site != ATL_SAME_SITE_UNSET && err == 0)
        err = append_str(out, ATL_STR("; SameSite="), same_sites[c->same_site]);
    if (c->partitioned && err == 0)
        err = append_str(out, ATL_STR("; Partitioned"), none);
    return err;
}

int
atl_cookie_write(const struct atl_cookie *c, struct atl_buf *out,
                 const char **reason_out)
{
    const char *fault = find_fault(c);
    size_t before = out->len;
    int err;

    if (fault != NULL) {
        *reason_out = fault;
        return ATL_E_INVALID;
    }
    err = append_str(out, c->name, ATL_STR("="));
    if (err == 0)
        err = atl_url_append(out, c->value, OCTETS);
    if (err == 0 && out->len - before > ATL_COOKIE_MAX_SIZE + 1) {
        *reason_out = "a cookie's name and value have at most 4096 bytes";
        err = ATL_E_INVALID;
    }
    if (err == 0)
        err = append_attributes(c, out);
    if (err != 0)
        out->len = before;
    return err;
}
