/* accept.c - negotiation.  See accept.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/accept.h"

#include <stdbool.h>

#include "web/media.h"

/* A walk over the members of a list field (RFC 9110 5.6.1). */
struct list {
    struct atl_str rest;
    int left;
};

/* Up to the next comma that stands in no quotes; false at the end. */
static bool
next_member(struct list *l, struct atl_str *out)
{
    bool quoted = false;
    size_t n;

    if (l->rest.len == 0 || l->left-- == 0)
        return false;
    for (n = 0; n < l->rest.len && (quoted || l->rest.ptr[n] != ','); n++) {
        if (l->rest.ptr[n] == '"')
            quoted = !quoted;
        else if (quoted && l->rest.ptr[n] == '\\' && n + 1 < l->rest.len)
            n++;
    }
    *out = (struct atl_str){l->rest.ptr, n};
    n += n < l->rest.len;
    l->rest.ptr += n;
    l->rest.len -= n;
    return true;
}

/* qvalue (RFC 9110 12.4.2) in thousandths; -1 if it is none. */
static int
parse_quality(struct atl_str s)
{
    int q, unit = 100;
    size_t i;

    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') ||
        (s.len > 1 && s.ptr[1] != '.'))
        return -1;
    q = (s.ptr[0] - '0') * 1000;
    for (i = 2; i < s.len; i++, unit /= 10) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -1;
        q += (s.ptr[i] - '0') * unit;
    }
    return q <= 1000 ? q : -1;
}

/* One range: what stands before its weight, and that. */
struct range {
    struct atl_media media; /* the parameters end before the weight */
    unsigned params;
    int quality;
};

static bool
parse_range(struct atl_str member, struct range *out)
{
    struct atl_media_param param;
    struct atl_str rest, begun;

    if (!atl_media_parse(member, &out->media))
        return false;
    out->params = 0;
    out->quality = 1000;
    rest = out->media.params;
    for (begun = rest; atl_media_param_next(&rest, &param); begun = rest) {
        if (!atl_str_eq_nocase(param.name, ATL_STR("q"))) {
            out->params++;
            continue;
        }
        out->media.params.len = (size_t)(begun.ptr - out->media.params.ptr);
        out->quality = parse_quality(param.value);
        break;
    }
    return out->quality >= 0;
}

static bool
has_param(const struct atl_media *m, const struct atl_media_param *wanted)
{
    struct atl_media_param param;

    return atl_media_param_find(m, wanted->name, &param) &&
           atl_str_eq_nocase(param.value, wanted->value);
}

/* How exactly the range fits: 0 not at all, more the more it says. */
static unsigned
fit(const struct range *r, const struct atl_media *type)
{
    struct atl_str rest = r->media.params;
    struct atl_media_param param;

    if (atl_str_eq(r->media.type, ATL_STR("*")))
        return atl_str_eq(r->media.subtype, ATL_STR("*")) ? 1 : 0;
    if (!atl_str_eq_nocase(r->media.type, type->type))
        return 0;
    if (atl_str_eq(r->media.subtype, ATL_STR("*")))
        return 2;
    if (!atl_str_eq_nocase(r->media.subtype, type->subtype))
        return 0;
    while (atl_media_param_next(&rest, &param))
        if (!has_param(type, &param))
            return 0;
    return 3 + r->params;
}

int
atl_accept_quality(struct atl_str field, struct atl_str type)
{
    struct list list = {field, ATL_ACCEPT_MAX};
    struct atl_str member;
    struct atl_media offer;
    unsigned best = 0;
    bool any = false;
    int quality = 0;

    if (!atl_media_parse(type, &offer))
        return 0;
    while (next_member(&list, &member)) {
        struct range range;
        unsigned fits;

        if (!parse_range(member, &range))
            continue;
        any = true;
        fits = fit(&range, &offer);
        if (fits > best ||
            (fits == best && fits > 0 && range.quality > quality)) {
            best = fits;
            quality = range.quality;
        }
    }
    return any ? quality : 1000;
}

int
atl_accept_best(struct atl_str field, const struct atl_str *types, size_t count)
{
    int best = -1, quality = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        int q = atl_accept_quality(field, types[i]);

        if (q > quality) {
            best = (int)i;
            quality = q;
        }
    }
    return best;
}

/* ---- content codings ---- */

/* Old names for the same (RFC 9110 8.4.1). */
static struct atl_str
modern(struct atl_str coding)
{
    if (atl_str_eq_nocase(coding, ATL_STR("x-gzip")))
        return ATL_STR("gzip");
    if (atl_str_eq_nocase(coding, ATL_STR("x-compress")))
        return ATL_STR("compress");
    return coding;
}

/* A member is "coding" or "coding;q=0.5": read as a media range's rest. */
static bool
parse_coding(struct atl_str member, struct atl_str *coding_out,
             int *quality_out)
{
    const char *p = member.ptr, *end = p + member.len, *from;
    struct atl_media_param param;
    struct atl_str rest;

    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    for (from = p; p < end && *p != ' ' && *p != '\t' && *p != ';';)
        p++;
    *coding_out = (struct atl_str){from, (size_t)(p - from)};
    *quality_out = 1000;
    rest = (struct atl_str){p, (size_t)(end - p)};
    while (rest.len > 0 && (*rest.ptr == ' ' || *rest.ptr == '\t')) {
        rest.ptr++;
        rest.len--;
    }
    if (coding_out->len == 0 || (rest.len > 0 && *rest.ptr != ';'))
        return false;
    while (atl_media_param_next(&rest, &param))
        if (atl_str_eq_nocase(param.name, ATL_STR("q"))) {
            *quality_out = parse_quality(param.value);
            break;
        }
    return *quality_out >= 0;
}

int
atl_accept_coding_quality(struct atl_str field, struct atl_str coding)
{
    struct list list = {field, ATL_ACCEPT_MAX};
    int named = -1, star = -1, quality;
    struct atl_str member, name;

    while (next_member(&list, &member)) {
        if (!parse_coding(member, &name, &quality))
            continue;
        if (atl_str_eq(name, ATL_STR("*")))
            star = star > quality ? star : quality;
        else if (atl_str_eq_nocase(modern(name), modern(coding)))
            named = named > quality ? named : quality;
    }
    if (named >= 0)
        return named;
    if (star >= 0)
        return star;
    return atl_str_eq_nocase(coding, ATL_STR("identity")) ? 1 : 0;
}

int
atl_accept_coding_best(struct atl_str field, const struct atl_str *codings,
                       size_t count)
{
    int best = -1, quality = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        int q = atl_accept_coding_quality(field, codings[i]);

        if (q > quality) {
            best = (int)i;
            quality = q;
        }
    }
    return best;
}
