/* fuzz_router.c - the router against a naive one.
 * SPDX-License-Identifier: MIT
 *
 * An input is lines:
 *
 *   R METHODS HOST PATTERN   add a route; METHODS is letters of GPHWA: GET,
 *                            POST, HEAD, WebSocket, any; HOST is - for none
 *   M HOST PATTERN           add a mount
 *   G HOST PATH              look it up with each method (raw)
 *   D HOST PATH              the same, decoded already
 *
 * The naive router tries every route by plain backtracking, and chooses among
 * those that match by comparing their patterns.
 */
#include "fuzz/fuzz.h"
#include "web/router.h"

#include <stdbool.h>

#include "base/err.h"

#define MAX_ROUTES 24
#define MAX_PATH 28 /* bytes: backtracking is exponential */
#define MAX_PARAMS 5
#define SLASH 0x100 /* an encoded one */

struct entry {
    struct atl_pattern *host; /* NULL: any */
    struct atl_pattern *path;
    uint64_t methods;
    bool is_mount;
};

static struct entry entries[MAX_ROUTES];
static unsigned entry_count;
static struct atl_converters converters;
static unsigned calls;

/* Odd in its ways: no prefix or suffix of a good value need be good. */
static bool
is_odd(void *data, struct atl_str value)
{
    (void)data;
    calls++;
    return value.len % 2 == 1 && value.ptr[0] != 'x';
}

/* ---- the naive matcher ---- */

/* One byte each, as a number; an encoded slash is none that divides. */
struct naive_text {
    int c[MAX_PATH];
    int len;
    int divider;
};

struct naive_ends {
    int from[MAX_PARAMS];
    int to[MAX_PARAMS];
};

static bool
naive_takes(const struct atl_converter *c, const struct naive_text *t, int from,
            int to)
{
    char value[MAX_PATH];
    int i;

    for (i = from; i < to; i++) {
        if (t->c[i] == t->divider && c->kind != ATL_CONVERTER_PATH)
            return false;
        value[i - from] = t->c[i] == SLASH ? '/' : (char)t->c[i];
    }
    if (c->kind == ATL_CONVERTER_CUSTOM)
        return to > from && (to - from) % 2 == 1 && value[0] != 'x';
    return atl_converter_takes(c, (struct atl_str){value, (size_t)(to - from)});
}

/* Parts from `i` on, of which `skip` bytes are done, against t from `at`. */
static bool
naive_match(const struct atl_pattern *p, unsigned i, unsigned n, size_t skip,
            const struct naive_text *t, int at, bool is_mount,
            struct naive_ends *ends)
{
    const struct atl_pattern_part *part = &p->parts[i];
    size_t k;
    int to;

    if (i == p->part_count)
        return at == t->len || (is_mount && t->c[at] == '/');
    if (part->converter == NULL) {
        size_t len = part->text.len;

        if (is_mount && i + 1 == p->part_count &&
            part->text.ptr[len - 1] == '/')
            len--; /* a mount's last slash doesn't count */
        for (k = skip; k < len; k++, at++)
            if (at == t->len || t->c[at] != (unsigned char)part->text.ptr[k])
                return false;
        return naive_match(p, i + 1, n, 0, t, at, is_mount, ends);
    }
    for (to = t->len; to >= at; to--) {
        if (!naive_takes(part->converter, t, at, to))
            continue;
        ends->from[n] = at;
        ends->to[n] = to;
        if (naive_match(p, i + 1, n + 1, 0, t, to, is_mount, ends))
            return true;
    }
    return false;
}

/* Where the mount's prefix ends in canonical bytes. */
static int
naive_prefix(const struct atl_pattern *p, const struct naive_ends *ends)
{
    const struct atl_pattern_part *last = &p->parts[p->part_count - 1];
    int len;

    if (last->converter != NULL)
        return ends->to[p->param_count - 1];
    len = (int)last->text.len - (last->text.ptr[last->text.len - 1] == '/');
    return len + (p->param_count > 0 ? ends->to[p->param_count - 1] : 0);
}

/* ---- the naive precedence ---- */

/* The pattern's next segment: text as bytes, parameters as 0x200 + rank. */
struct naive_segment {
    int token[ATL_PATTERN_MAX];
    int len;
    bool is_text;
    bool is_tail;
    bool is_end; /* there is none: the pattern ended before */
};

struct naive_walk {
    const struct atl_pattern *p;
    unsigned part;
    size_t skip;
    bool ended;
};

static bool
next_token(struct naive_walk *w, int *out)
{
    const struct atl_pattern_part *part = &w->p->parts[w->part];

    if (w->part == w->p->part_count)
        return false;
    if (part->converter != NULL) {
        *out = 0x200 + (int)part->converter->kind;
        w->part++;
        w->skip = 0;
        return true;
    }
    *out = (unsigned char)part->text.ptr[w->skip++];
    if (w->skip == part->text.len) {
        w->part++;
        w->skip = 0;
    }
    return true;
}

static void
next_segment(struct naive_walk *w, struct naive_segment *s)
{
    int token = 0;

    s->len = 0;
    s->is_text = true;
    s->is_tail = false;
    s->is_end = w->ended;
    while (!w->ended) {
        if (!next_token(w, &token)) {
            w->ended = true;
            break;
        }
        if (token == '/' && !s->is_tail)
            return;
        if (token >= 0x200)
            s->is_text = false;
        if (token == 0x200 + ATL_CONVERTER_PATH && !s->is_tail) {
            s->is_tail = true;
        }
        s->token[s->len++] = token;
    }
}

/* How long the run of text at `i` is. */
static int
run_len(const struct naive_segment *s, int i)
{
    int n = 0;

    while (i + n < s->len && s->token[i + n] < 0x200)
        n++;
    return n;
}

static int
compare_tokens(const struct naive_segment *a, const struct naive_segment *b)
{
    int i, k;

    for (i = 0; i < a->len && i < b->len;) {
        int run_a = run_len(a, i), run_b = run_len(b, i);

        if (run_a != run_b)
            return run_a > run_b ? -1 : 1;
        for (k = 0; k < run_a; k++)
            if (a->token[i + k] != b->token[i + k])
                return a->token[i + k] < b->token[i + k] ? -1 : 1;
        i += run_a;
        if (i == a->len || i == b->len)
            break;
        if (a->token[i] != b->token[i])
            return a->token[i] < b->token[i] ? -1 : 1;
        i++;
    }
    return a->len == b->len ? 0 : a->len > b->len ? -1 : 1;
}

static int
segment_class(const struct naive_segment *s, bool is_mount)
{
    if (s->is_end)
        return is_mount ? 4 : 0;
    return s->is_text ? 1 : s->is_tail ? 3 : 2;
}

/* Less than 0 if `a` is preferred; both match, and belong to one host. */
static int
compare_paths(const struct entry *a, const struct entry *b)
{
    struct naive_walk wa = {a->path, 0, 1, false};
    struct naive_walk wb = {b->path, 0, 1, false};
    static struct naive_segment sa, sb;
    struct naive_walk *walks[] = {&wa, &wb};
    unsigned i;

    for (i = 0; i < 2; i++) {
        const struct entry *e = i == 0 ? a : b;

        if (walks[i]->p->parts[0].text.len == 1) {
            walks[i]->part = 1;
            walks[i]->skip = 0;
        }
        if (e->is_mount && e->path->source.len == 1)
            walks[i]->ended = true;
    }
    for (;;) {
        int ca, cb, order;

        next_segment(&wa, &sa);
        next_segment(&wb, &sb);
        /* The last, empty segment of "/a/" is no segment of a mount. */
        if (a->is_mount && !sa.is_end && sa.len == 0 && wa.ended)
            sa.is_end = true;
        if (b->is_mount && !sb.is_end && sb.len == 0 && wb.ended)
            sb.is_end = true;
        ca = segment_class(&sa, a->is_mount);
        cb = segment_class(&sb, b->is_mount);
        if (ca != cb)
            return ca - cb;
        if (sa.is_end)
            return 0;
        if ((order = compare_tokens(&sa, &sb)) != 0)
            return order;
        if (sa.is_tail)
            return 0;
    }
}

static int
compare_hosts(const struct atl_pattern *a, const struct atl_pattern *b)
{
    static struct naive_segment sa, sb;
    struct naive_walk wa = {a, 0, 0, false}, wb = {b, 0, 0, false};

    if (a == NULL || b == NULL)
        return (a == NULL) - (b == NULL);
    if ((a->param_count == 0) != (b->param_count == 0))
        return a->param_count == 0 ? -1 : 1;
    for (sa.len = 0; next_token(&wa, &sa.token[sa.len]);)
        sa.len++;
    for (sb.len = 0; next_token(&wb, &sb.token[sb.len]);)
        sb.len++;
    return compare_tokens(&sa, &sb);
}

static int
compare_entries(const struct entry *a, const struct entry *b)
{
    int order = compare_hosts(a->host, b->host);

    if (order == 0)
        order = compare_paths(a, b);
    return order;
}

/* ---- lookups ---- */

static bool
make_text(struct naive_text *t, struct atl_str path, bool is_plain)
{
    size_t i;

    t->len = 0;
    t->divider = '/';
    for (i = 0; i < path.len; i++) {
        unsigned c = (unsigned char)path.ptr[i];
        char hex[3] = {0};
        char *end;

        if (c == '%' && !is_plain) {
            if (path.len - i < 3)
                return false;
            memcpy(hex, path.ptr + i + 1, 2);
            c = (unsigned)strtoul(hex, &end, 16);
            if (end != hex + 2 || hex[0] == ' ' || hex[0] == '+' ||
                hex[0] == '-' || (hex[0] >= '\t' && hex[0] <= '\r'))
                return false;
            if (c == '/')
                c = SLASH;
            i += 2;
        }
        if (c == 0 && !is_plain)
            return false;
        t->c[t->len++] = (int)c;
    }
    return true;
}

static bool
make_host(struct naive_text *t, struct atl_str host)
{
    size_t i, end = 0;

    t->len = 0;
    t->divider = '.';
    if (host.len > 0 && host.ptr[0] == '[')
        while (end < host.len && host.ptr[end] != ']')
            end++;
    while (end < host.len && host.ptr[end] != ':')
        end++;
    if (end > 0 && host.ptr[end - 1] == '.')
        end--;
    for (i = 0; i < end; i++)
        t->c[t->len++] = (unsigned char)atl_lower(host.ptr[i]);
    return t->len > 0;
}

static void
check_value(struct atl_str value, const struct naive_text *t, int from, int to)
{
    int i;

    FUZZ_CHECK(value.len == (size_t)(to - from));
    for (i = from; i < to; i++)
        FUZZ_CHECK((unsigned char)value.ptr[i - from] ==
                   (t->c[i] == SLASH ? '/' : t->c[i]));
}

static bool
naive_try(const struct entry *e, bool has_host, const struct naive_text *host,
          const struct naive_text *path, struct naive_ends *host_ends,
          struct naive_ends *path_ends)
{
    if (e->host != NULL && (!has_host || !naive_match(e->host, 0, 0, 0, host, 0,
                                                      false, host_ends)))
        return false;
    return naive_match(e->path, 0, 0, 0, path, 0, e->is_mount, path_ends);
}

static bool
serves(uint64_t methods, uint64_t method)
{
    if (method == ATL_METHOD_WEBSOCKET)
        return methods & method;
    return methods & (method | ATL_METHOD_ANY) ||
           (method == ATL_METHOD_HEAD && methods & ATL_METHOD_GET);
}

static void
check_format(const struct atl_match *m, struct atl_arena *arena)
{
    const struct atl_route *route = m->route;
    unsigned i, skip = route->host != NULL ? route->host->param_count : 0;
    struct atl_str again[ATL_PATTERN_MAX_PARAMS];
    struct atl_pattern_error error;
    struct atl_buf out;

    if (route->is_mount)
        return;
    atl_buf_init(&out, 4096);
    if (atl_pattern_format(route->path, m->values + skip,
                           route->path->param_count, &out, &error) == 0) {
        FUZZ_CHECK(atl_pattern_match(route->path,
                                     (struct atl_str){out.data, out.len}, false,
                                     arena, again));
        for (i = 0; i < route->path->param_count; i++)
            FUZZ_CHECK(atl_str_eq(again[i], m->values[skip + i]));
    } else {
        FUZZ_CHECK(strstr(error.text, "would") != NULL ||
                   strstr(error.text, "has a NUL") != NULL);
    }
    atl_buf_deinit(&out);
}

static void
check_found(const struct atl_match *m, const struct entry *want,
            const struct naive_text *host, const struct naive_text *path,
            const struct naive_ends *host_ends,
            const struct naive_ends *path_ends)
{
    const struct atl_route *route = m->route;
    unsigned i, n = 0;

    FUZZ_CHECK(m->outcome == ATL_OUTCOME_FOUND);
    FUZZ_CHECK(route->is_mount == want->is_mount);
    FUZZ_CHECK(route->path == want->path && route->host == want->host);
    for (i = 0; want->host != NULL && i < want->host->param_count; i++)
        check_value(m->values[n++], host, host_ends->from[i], host_ends->to[i]);
    for (i = 0; i < want->path->param_count; i++)
        check_value(m->values[n++], path, path_ends->from[i], path_ends->to[i]);
    FUZZ_CHECK(m->value_count == n);
    FUZZ_CHECK(atl_route_param(route, n) == NULL);
    if (want->is_mount)
        check_value(m->prefix, path, 0, naive_prefix(want->path, path_ends));
}

static void
check_lookup(const struct atl_router *r, const struct atl_target *t,
             struct atl_arena *arena)
{
    struct naive_ends he, pe, best_he = {{0}, {0}}, best_pe = {{0}, {0}};
    struct naive_text host, path;
    bool has_host = make_host(&host, t->host);
    const struct entry *best = NULL;
    struct atl_match m, slash;
    struct atl_str other;
    uint64_t allowed = 0;
    unsigned i;

    calls = 0;
    atl_router_find(r, t, arena, &m);
    if (calls >= ATL_CONVERTER_MAX_CALLS / 2)
        return; /* host and path have a limit each */
    if (!make_text(&path, t->path, t->is_plain)) {
        FUZZ_CHECK(m.outcome == ATL_OUTCOME_NONE);
        return;
    }
    for (i = 0; i < entry_count; i++) {
        const struct entry *e = &entries[i];

        if (!naive_try(e, has_host, &host, &path, &he, &pe))
            continue;
        if (!serves(e->methods, t->method)) {
            allowed |= e->methods;
            continue;
        }
        /* For HEAD its own route before GET's, and both before any's. */
        if (best != NULL) {
            int order = compare_entries(e, best);

            if (order > 0 || (order == 0 && !(e->methods & t->method) &&
                              (best->methods & t->method ||
                               !(best->methods & ATL_METHOD_ANY))))
                continue;
        }
        best = e;
        best_he = he;
        best_pe = pe;
    }
    if (best != NULL) {
        check_found(&m, best, &host, &path, &best_he, &best_pe);
        check_format(&m, arena);
        return;
    }
    allowed &= ~(ATL_METHOD_ANY | ATL_METHOD_WEBSOCKET);
    FUZZ_CHECK((m.outcome == ATL_OUTCOME_WRONG_METHOD) ==
               (allowed != 0 && t->method != ATL_METHOD_WEBSOCKET));
    if (atl_router_find_slash(r, t, arena, &other)) {
        struct atl_target again = *t;

        again.path = other;
        FUZZ_CHECK(other.len == t->path.len + 1 ||
                   other.len + 1 == t->path.len);
        atl_router_find(r, &again, arena, &slash);
        FUZZ_CHECK(slash.outcome == ATL_OUTCOME_FOUND);
    }
}

/* ---- inputs ---- */

/* Cut the next word (or line) off *s. */
static struct atl_str
cut(struct atl_str *s, char divider)
{
    const char *end = s->len > 0 ? memchr(s->ptr, divider, s->len) : NULL;
    struct atl_str word = {s->ptr,
                           end != NULL ? (size_t)(end - s->ptr) : s->len};

    s->ptr += word.len + (end != NULL);
    s->len -= word.len + (end != NULL);
    return word;
}

static uint64_t
parse_methods(struct atl_str s)
{
    static const char letters[] = "GPHWA";
    static const uint64_t bits[] = {ATL_METHOD_GET, ATL_METHOD_POST,
                                    ATL_METHOD_HEAD, ATL_METHOD_WEBSOCKET,
                                    ATL_METHOD_ANY};
    uint64_t mask = 0;
    size_t i;

    for (i = 0; i < s.len; i++) {
        const char *at = s.ptr[i] ? strchr(letters, s.ptr[i]) : NULL;

        if (at != NULL)
            mask |= bits[at - letters];
    }
    return mask;
}

/* A mount that is written with a slash at its end is the same without. */
static bool
is_same_place(const struct entry *a, const struct entry *b)
{
    return a->is_mount == b->is_mount && compare_entries(a, b) == 0;
}

static void
add_entry(struct atl_router *r, struct entry e, struct atl_str source)
{
    const struct atl_route *route;
    struct atl_pattern_error error;
    bool is_taken = false, has_path = false;
    unsigned i;
    int err;

    if (atl_pattern_new(source, ATL_PATTERN_PATH, &converters, &e.path,
                        &error) != 0) {
        FUZZ_CHECK(memchr(error.text, '\0', sizeof(error.text)) != NULL);
        atl_pattern_free(e.host);
        return;
    }
    for (i = 0; i < e.path->param_count; i++)
        has_path |=
            atl_pattern_param(e.path, i)->converter->kind == ATL_CONVERTER_PATH;
    if (entry_count == MAX_ROUTES || e.path->param_count > MAX_PARAMS ||
        (e.host != NULL && e.host->param_count > MAX_PARAMS) ||
        e.methods == 0) {
        atl_pattern_free(e.host);
        atl_pattern_free(e.path);
        return;
    }
    for (i = 0; i < entry_count; i++)
        is_taken |= is_same_place(&entries[i], &e) &&
                    (entries[i].methods & e.methods) != 0;
    if (e.is_mount)
        err = atl_router_mount(r, e.host, e.path, NULL, &route, &error);
    else
        err =
            atl_router_add(r, e.host, e.path, e.methods, NULL, &route, &error);
    FUZZ_CHECK(err == (e.is_mount && has_path ? ATL_E_INVALID
                       : is_taken             ? ATL_E_STATE
                                              : 0));
    if (err == 0) {
        entries[entry_count++] = e;
        return;
    }
    FUZZ_CHECK(memchr(error.text, '\0', sizeof(error.text)) != NULL);
    /* A node may have been made of it; so the patterns live on. */
    e.methods = 0;
    entries[entry_count++] = e;
}

static void
run_line(struct atl_router *r, struct atl_str line, struct atl_arena *arena)
{
    static const uint64_t methods[] = {ATL_METHOD_GET,       ATL_METHOD_POST,
                                       ATL_METHOD_HEAD,      ATL_METHOD_PUT,
                                       ATL_METHOD_WEBSOCKET, 0};
    struct atl_str verb = cut(&line, ' '), host;
    struct entry e = {NULL, NULL, 0, false};
    struct atl_pattern_error error;
    size_t i;

    if (verb.len != 1 || strchr("RMGD", verb.ptr[0]) == NULL)
        return;
    if (verb.ptr[0] == 'R')
        e.methods = parse_methods(cut(&line, ' '));
    host = cut(&line, ' ');
    if (verb.ptr[0] == 'G' || verb.ptr[0] == 'D') {
        struct atl_target t = {0, host, line, verb.ptr[0] == 'D'};

        if (line.len == 0 || line.len > MAX_PATH || host.len > MAX_PATH)
            return;
        for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
            t.method = methods[i];
            check_lookup(r, &t, arena);
        }
        return;
    }
    e.is_mount = verb.ptr[0] == 'M';
    if (e.is_mount)
        e.methods = ATL_METHOD_ANY | ATL_METHOD_WEBSOCKET;
    if (!atl_str_eq(host, ATL_STR("-")) &&
        atl_pattern_new(host, ATL_PATTERN_HOST, &converters, &e.host, &error) !=
            0)
        return;
    add_entry(r, e, line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atl_str all = {(const char *)data, size};
    struct atl_router *r = atl_router_new();
    struct atl_arena arena;
    unsigned i;

    if (converters.count == 0 &&
        atl_converters_add(&converters, ATL_STR("odd"), is_odd, NULL) != 0)
        abort();
    atl_arena_init(&arena, NULL, 0);
    entry_count = 0;
    while (all.len > 0)
        run_line(r, cut(&all, '\n'), &arena);
    atl_router_free(r);
    atl_arena_reset(&arena);
    for (i = 0; i < entry_count; i++) {
        atl_pattern_free(entries[i].host);
        atl_pattern_free(entries[i].path);
    }
    return 0;
}
