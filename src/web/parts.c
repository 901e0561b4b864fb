/* parts.c - parts of a pattern against bytes.  See parts.h.
 * SPDX-License-Identifier: MIT
 *
 * Backtracking, but without doing anything twice.  A parameter tries its ends
 * from the furthest to the nearest, so the one behind it begins ever further
 * left; and whether the rest matches from some end doesn't depend on where
 * the parameter began.  What is left of a run of good bytes is good as well.
 * So the ends that were tried from one beginning need not be tried from
 * another one further left: for each parameter it is enough to remember the
 * lowest end (`low`).  Two kinds are different:
 *
 * - a uuid has one end for each beginning, all of them different;
 * - what a registered converter takes can't be foreseen, so nothing is
 *   remembered for it, and the beginnings of the next one may go right again
 *   (then that one forgets).  The number of calls bounds this.
 */
#include "web/parts.h"

#include "base/url.h"

struct run {
    struct atl_parts_text *text;
    const struct atl_pattern_part *parts;
    unsigned count;
    const char *end;
    struct atl_str *values;
    struct {
        const char *begun; /* where it began last; NULL: nowhere yet */
        const char *low;   /* ends from here on need not be tried again */
    } seen[ATL_PATTERN_MAX_PARAMS];
};

/* ---- canonical forms ---- */

bool
atl_parts_text_path(struct atl_parts_text *t, struct atl_str path,
                    bool is_plain, struct atl_arena *arena)
{
    char *out;
    size_t i, n = 0;

    *t = (struct atl_parts_text){path, '/', false, ATL_CONVERTER_MAX_CALLS};
    if (is_plain)
        return true;
    out = atl_arena_alloc(arena, path.len);
    for (i = 0; i < path.len; i++) {
        char c = path.ptr[i];

        if (c == '%') {
            int high = path.len - i > 2 ? atl_url_hex(path.ptr[i + 1]) : -1;
            int low = high >= 0 ? atl_url_hex(path.ptr[i + 2]) : -1;

            if (low < 0)
                return false;
            i += 2;
            c = (char)(high << 4 | low);
            if (c == '/') {
                t->has_slashes = true;
                out[n++] = '\0';
                continue;
            }
        }
        if (c == '\0')
            return false;
        out[n++] = c;
    }
    t->text = (struct atl_str){out, n};
    return true;
}

/* uri-host of uri-host [":" port]; the colons of an IPv6 address are its own
 * (RFC 3986 3.2.2). */
static struct atl_str
cut_port(struct atl_str host)
{
    const char *p = host.ptr, *end = p + host.len;

    if (p < end && *p == '[')
        while (p < end && *p != ']')
            p++;
    while (p < end && *p != ':')
        p++;
    return (struct atl_str){host.ptr, (size_t)(p - host.ptr)};
}

bool
atl_parts_text_host(struct atl_parts_text *t, struct atl_str host,
                    struct atl_arena *arena)
{
    size_t i, n;
    char *copy;

    host = cut_port(host);
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--; /* the root's dot: the same name */
    if (host.len == 0 || host.len > ATL_PATTERN_MAX)
        return false;
    *t = (struct atl_parts_text){host, '.', false, ATL_CONVERTER_MAX_CALLS};
    for (n = 0; n < host.len && atl_lower(host.ptr[n]) == host.ptr[n];)
        n++;
    if (n == host.len)
        return true;
    copy = atl_arena_alloc(arena, host.len);
    for (i = 0; i < host.len; i++)
        copy[i] = atl_lower(host.ptr[i]);
    t->text.ptr = copy;
    return true;
}

static void
swap_bytes(char *p, const char *end, char from, char to)
{
    for (; p < end; p++)
        if (*p == from)
            *p = to;
}

void
atl_parts_text_finish(struct atl_parts_text *t)
{
    char *p = (char *)t->text.ptr;

    if (t->has_slashes)
        swap_bytes(p, p + t->text.len, '\0', '/');
}

/* ---- one parameter ---- */

/* A registered converter is shown slashes as such; no divider is in `value`. */
static bool
ask_custom(struct atl_parts_text *t, const struct atl_converter *c,
           struct atl_str value)
{
    char *p = (char *)value.ptr;
    bool taken;

    if (t->calls_left == 0)
        return false;
    t->calls_left--;
    if (!t->has_slashes)
        return atl_converter_takes(c, value);
    swap_bytes(p, p + value.len, '\0', '/');
    taken = atl_converter_takes(c, value);
    swap_bytes(p, p + value.len, '/', '\0');
    return taken;
}

/* Is it one, for a value that keeps to find_reach()? */
static inline bool
takes(struct atl_parts_text *t, const struct atl_converter *c,
      struct atl_str value)
{
    if (c->kind == ATL_CONVERTER_STRING || c->kind == ATL_CONVERTER_SLUG)
        return value.len > 0;
    if (c->kind == ATL_CONVERTER_CUSTOM)
        return value.len > 0 && ask_custom(t, c, value);
    return atl_converter_takes(c, value);
}

/*
 * The furthest end, at most `bound`, that a parameter which begins at `p`
 * could have, by its bytes; `p` itself if it can't begin there.
 */
static const char *
find_reach(const struct run *r, const struct atl_converter *c, const char *p,
           const char *bound)
{
    size_t room = (size_t)(bound - p);
    const char *stop;

    switch (c->kind) {
    case ATL_CONVERTER_PATH:
        return bound;
    case ATL_CONVERTER_UUID:
        return room < ATL_CONVERTER_UUID_LEN ? p : p + ATL_CONVERTER_UUID_LEN;
    case ATL_CONVERTER_INT:
    case ATL_CONVERTER_NUMBER:
        /* What begins with a point is none, though its end would do. */
        if (room == 0 || *p < '0' || *p > '9')
            return p;
        return room > ATL_CONVERTER_MAX_NUMBER ? p + ATL_CONVERTER_MAX_NUMBER
                                               : bound;
    case ATL_CONVERTER_SLUG:
        return p + atl_converter_slug_len(p, bound);
    case ATL_CONVERTER_STRING:
    case ATL_CONVERTER_CUSTOM:
        break;
    }
    stop = room > 0 ? memchr(p, r->text->separator, room) : NULL;
    return stop != NULL ? stop : bound;
}

static bool match_param(struct run *r, unsigned i, unsigned n, const char *p);

/* The text behind parameter `n` stands at `end`: does all else match? */
static bool
try_end(struct run *r, unsigned i, unsigned n, const char *p, const char *end)
{
    struct atl_str value = {p, (size_t)(end - p)};

    if (!takes(r->text, r->parts[i].converter, value))
        return false;
    r->values[n] = value;
    if (i + 2 >= r->count)
        return true;
    return match_param(r, i + 2, n + 1, end + r->parts[i + 1].text.len);
}

/* The last parameter, behind which `tail` must stand, ends in one place. */
static bool
match_last(struct run *r, unsigned i, unsigned n, const char *p,
           struct atl_str tail)
{
    const char *end;

    if ((size_t)(r->end - p) < tail.len)
        return false;
    end = r->end - tail.len;
    if (tail.len > 0 && memcmp(end, tail.ptr, tail.len) != 0)
        return false;
    return find_reach(r, r->parts[i].converter, p, end) == end &&
           try_end(r, i, n, p, end);
}

/* Part `i`, parameter `n`, begins at `p`; there is another parameter. */
static bool
match_inner(struct run *r, unsigned i, unsigned n, const char *p)
{
    const struct atl_converter *c = r->parts[i].converter;
    struct atl_str next = r->parts[i + 1].text;
    const char *first = p + 1, *bound = r->end, *end;
    bool met = false;

    if ((size_t)(bound - p) < next.len)
        return false;
    bound -= next.len;
    /* Right of the last beginning, what was seen says nothing. */
    if (r->seen[n].begun == NULL || p >= r->seen[n].begun)
        r->seen[n].low = NULL;
    if (r->seen[n].low != NULL && r->seen[n].low <= bound)
        bound = r->seen[n].low - 1; /* which is not left of p */
    r->seen[n].begun = p;
    bound = find_reach(r, c, p, bound);
    if (c->kind == ATL_CONVERTER_PATH)
        first = p;
    else if (c->kind == ATL_CONVERTER_UUID && bound > p)
        first = bound;
    for (end = bound + 1; end > first;) {
        end--;
        if (*end != next.ptr[0] || memcmp(end, next.ptr, next.len) != 0)
            continue;
        met = true;
        if (try_end(r, i, n, p, end))
            return true;
        if (c->kind == ATL_CONVERTER_CUSTOM && r->text->calls_left == 0)
            return false;
    }
    if (bound == p && c->kind != ATL_CONVERTER_PATH)
        return false; /* it can't begin here: no end was tried */
    if (c->kind != ATL_CONVERTER_UUID &&
        !(c->kind == ATL_CONVERTER_CUSTOM && met))
        r->seen[n].low = first;
    else
        r->seen[n].low = NULL;
    return false;
}

static bool
match_param(struct run *r, unsigned i, unsigned n, const char *p)
{
    if (i + 2 < r->count)
        return match_inner(r, i, n, p);
    return match_last(r, i, n, p,
                      i + 1 < r->count ? r->parts[i + 1].text
                                       : (struct atl_str){"", 0});
}

bool
atl_parts_match(struct atl_parts_text *t, const struct atl_pattern_part *parts,
                unsigned count, struct atl_str s, struct atl_str *values)
{
    struct run r = {.text = t, .values = values}; /* nothing is seen yet */

    if (count > 0 && parts[0].converter == NULL) {
        struct atl_str text = parts[0].text;

        if (s.len < text.len || memcmp(s.ptr, text.ptr, text.len) != 0)
            return false;
        s.ptr += text.len;
        s.len -= text.len;
        parts++;
        count--;
    }
    if (count == 0)
        return s.len == 0;
    r.parts = parts;
    r.count = count;
    r.end = s.ptr + s.len;
    return match_param(&r, 0, 0, s.ptr);
}

/* ---- precedence ---- */

static int
compare_texts(struct atl_str a, struct atl_str b)
{
    if (a.len != b.len)
        return a.len > b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static int
compare_parts(const struct atl_pattern_part *a,
              const struct atl_pattern_part *b)
{
    if (a->converter == NULL && b->converter == NULL)
        return compare_texts(a->text, b->text);
    if (a->converter == NULL || b->converter == NULL)
        return a->converter == NULL ? -1 : 1;
    if (a->converter->kind != b->converter->kind)
        return a->converter->kind < b->converter->kind ? -1 : 1;
    if (a->converter->order != b->converter->order)
        return a->converter->order < b->converter->order ? -1 : 1;
    /* Differ only if they were registered in different places. */
    return compare_texts(a->converter->name, b->converter->name);
}

int
atl_parts_compare(const struct atl_pattern_part *a, unsigned a_count,
                  const struct atl_pattern_part *b, unsigned b_count)
{
    unsigned i;

    for (i = 0; i < a_count && i < b_count; i++) {
        int order = compare_parts(&a[i], &b[i]);

        if (order != 0)
            return order;
    }
    if (a_count == b_count)
        return 0;
    return a_count > b_count ? -1 : 1;
}
