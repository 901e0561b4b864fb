/* router_find.c - looking a target up.  See router.h.
 * SPDX-License-Identifier: MIT
 *
 * A depth-first walk in the order of precedence.  A segment is one step of
 * the trie, so that every node has one place in the path, and is visited at
 * most once.
 */
#include "web/router_tree.h"

#include "base/arena.h"
#include "base/url.h"

struct search {
    struct atl_parts_text text;
    uint64_t want;    /* methods of which a leaf must have one */
    uint64_t allowed; /* methods of the leaves that had none */
    struct atl_str *values;
    unsigned value_count; /* where the search ended well */
    const struct atl_router_leaf *leaf;
    const char *prefix_end; /* NULL: the leaf is no mount's */
};

/* Does the search end here?  `n` values were found on the way. */
static bool
settle(struct search *s, const struct atl_router_leaf *leaf,
       const char *prefix_end, unsigned n)
{
    if ((leaf->methods & s->want) == 0) {
        s->allowed |= leaf->methods;
        return false;
    }
    s->leaf = leaf;
    s->prefix_end = prefix_end;
    s->value_count = n;
    return true;
}

static bool walk(struct search *s, const struct atl_router_node *node,
                 const char *at, unsigned n);

/* A segment led to `node` and ended at `stop`. */
static bool
step(struct search *s, const struct atl_router_node *node, const char *stop,
     unsigned n)
{
    if (stop != s->text.text.ptr + s->text.text.len)
        return walk(s, node, stop + 1, n);
    return settle(s, &node->leaf, NULL, n) || settle(s, &node->mount, stop, n);
}

/* Most variants are one parameter alone, which needs no search. */
static inline bool
match_variant(struct search *s, const struct atl_router_variant *v,
              struct atl_str segment, unsigned n)
{
    const struct atl_converter *c = v->parts[0].converter;

    if (v->count > 1 || c->kind == ATL_CONVERTER_CUSTOM)
        return atl_parts_match(&s->text, v->parts, v->count, segment,
                               s->values + n);
    s->values[n] = segment;
    return segment.len > 0 &&
           (c->kind == ATL_CONVERTER_STRING || atl_converter_takes(c, segment));
}

/* What may follow instead of plain text; `at` begins `segment`. */
static bool
walk_others(struct search *s, const struct atl_router_node *node,
            struct atl_str segment, unsigned n)
{
    const char *stop = segment.ptr + segment.len;
    struct atl_str rest = {segment.ptr, 0};
    uint32_t i;

    for (i = 0; i < node->variants.count; i++) {
        const struct atl_router_variant *v = &node->variants.list[i];

        if (match_variant(s, v, segment, n) &&
            step(s, v->node, stop, n + v->params))
            return true;
    }
    rest.len = (size_t)(s->text.text.ptr + s->text.text.len - rest.ptr);
    for (i = 0; i < node->tails.count; i++) {
        const struct atl_router_variant *v = &node->tails.list[i];

        if (atl_parts_match(&s->text, v->parts, v->count, rest,
                            s->values + n) &&
            settle(s, &v->node->leaf, NULL, n + v->params))
            return true;
    }
    return settle(s, &node->mount, segment.ptr - 1, n);
}

/* The segment at `at` comes next; before it stands a slash. */
static bool
walk(struct search *s, const struct atl_router_node *node, const char *at,
     unsigned n)
{
    const char *base = s->text.text.ptr, *end = base + s->text.text.len;

    for (;;) {
        const struct atl_router_node *child;
        struct atl_str segment = {at, 0};
        const char *stop;
        uint64_t hash;

        stop = atl_router_scan(base, at, end, '/', &hash);
        segment.len = (size_t)(stop - at);
        child = atl_router_table_find(&node->texts, hash, segment);
        if (node->has_forks) {
            if (child != NULL && step(s, child, stop, n))
                return true;
            return walk_others(s, node, segment, n);
        }
        if (child == NULL)
            return false;
        if (stop == end)
            return step(s, child, stop, n);
        node = child;
        at = stop + 1;
    }
}

/* Search the routes of one host, or of any; `n` values are the host's. */
static bool
search_paths(struct search *s, const struct atl_router_node *root, unsigned n)
{
    return walk(s, root, s->text.text.ptr + 1, n);
}

static bool
search_hosts(struct search *s, const struct atl_router *r, struct atl_str host,
             struct atl_arena *arena)
{
    const struct atl_router_host *there;
    struct atl_parts_text t;
    uint64_t hash;

    if (!atl_parts_text_host(&t, host, arena))
        return false;
    atl_router_scan(t.text.ptr, t.text.ptr, t.text.ptr + t.text.len, '\0',
                    &hash);
    there = atl_router_table_find(&r->host_texts, hash, t.text);
    if (there != NULL && search_paths(s, &there->root, 0))
        return true;
    for (there = r->host_forms; there != NULL; there = there->next) {
        const struct atl_pattern *p = there->pattern;

        if (atl_parts_match(&t, p->parts, p->part_count, t.text, s->values) &&
            search_paths(s, &there->root, p->param_count))
            return true;
    }
    return false;
}

/* The leaf has one for `method`, or for GET if that is HEAD, or for any. */
static const struct atl_route *
choose_route(const struct atl_router_leaf *leaf, uint64_t method)
{
    uint64_t wanted[] = {method, method == ATL_METHOD_HEAD ? ATL_METHOD_GET : 0,
                         ATL_METHOD_ANY};
    const struct atl_route *route;
    size_t i;

    for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        for (route = leaf->routes; route != NULL; route = route->next)
            if (route->methods & wanted[i])
                return route;
    return NULL;
}

/* How many bytes of a raw path make the first `n` of its canonical form. */
static size_t
raw_len(struct atl_str path, size_t n)
{
    size_t i = 0;

    for (; n > 0; n--)
        i += path.ptr[i] == '%' ? 3 : 1;
    return i;
}

static void
set_found(const struct search *s, const struct atl_target *t,
          struct atl_match *out)
{
    out->outcome = ATL_OUTCOME_FOUND;
    out->route = choose_route(s->leaf, t->method);
    out->value_count = s->value_count;
    if (s->prefix_end == NULL)
        return;
    out->prefix.ptr = s->text.text.ptr;
    out->prefix.len = (size_t)(s->prefix_end - out->prefix.ptr);
    out->prefix_len =
        t->is_plain ? out->prefix.len : raw_len(t->path, out->prefix.len);
}

void
atl_router_find(const struct atl_router *r, const struct atl_target *t,
                struct atl_arena *arena, struct atl_match *out)
{
    struct atl_str path = t->path.len > 0 ? t->path : ATL_STR("/");
    struct search s;
    bool found = false;

    out->outcome = ATL_OUTCOME_NONE;
    out->route = NULL;
    out->allowed = 0;
    out->prefix_len = 0;
    out->prefix = (struct atl_str){"", 0};
    out->value_count = 0;
    if (path.ptr[0] != '/' ||
        !atl_parts_text_path(&s.text, path, t->is_plain, arena))
        return;
    s.want = t->method == ATL_METHOD_WEBSOCKET ? ATL_METHOD_WEBSOCKET
                                               : t->method | ATL_METHOD_ANY;
    s.allowed = 0;
    s.values = out->values;
    if (r->host_texts.count > 0 || r->host_forms != NULL)
        found = search_hosts(&s, r, t->host, arena);
    if (!found)
        found = search_paths(&s, &r->root, 0);
    atl_parts_text_finish(&s.text);
    if (found) {
        set_found(&s, t, out);
        return;
    }
    s.allowed &= ~(ATL_METHOD_ANY | ATL_METHOD_WEBSOCKET);
    if (s.allowed == 0 || t->method == ATL_METHOD_WEBSOCKET)
        return;
    out->outcome = ATL_OUTCOME_WRONG_METHOD;
    out->allowed = s.allowed | ATL_METHOD_OPTIONS; /* RFC 9110 9.3.7 */
}

bool
atl_router_find_slash(const struct atl_router *r, const struct atl_target *t,
                      struct atl_arena *arena, struct atl_str *path_out)
{
    struct atl_target other = *t;
    struct atl_str path = t->path;
    struct atl_match match;
    char *copy;

    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[1] == '/' ||
        path.ptr[1] == '\\')
        return false;
    copy = atl_arena_alloc(arena, path.len + 1);
    memcpy(copy, path.ptr, path.len);
    copy[path.len] = '/';
    other.path.ptr = copy;
    other.path.len = copy[path.len - 1] == '/' ? path.len - 1 : path.len + 1;
    atl_router_find(r, &other, arena, &match);
    *path_out = other.path;
    return match.outcome == ATL_OUTCOME_FOUND;
}

bool
atl_router_skip_root(struct atl_str path, bool is_plain, struct atl_str root,
                     size_t *len_out)
{
    size_t i = 0, n;

    for (n = 0; n < root.len; n++) {
        char c;

        if (i >= path.len)
            return false;
        c = path.ptr[i++];
        if (c == '%' && !is_plain) {
            if (path.len - i < 2)
                return false;
            /* An encoded slash is one here: the root is decoded. */
            atl_url_decode_loose((struct atl_str){path.ptr + i - 1, 3}, &c);
            i += 2;
        }
        if (c != root.ptr[n])
            return false;
    }
    if (i < path.len && path.ptr[i] != '/')
        return false;
    *len_out = i;
    return true;
}
