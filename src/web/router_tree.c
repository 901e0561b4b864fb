/* router_tree.c - the trie of segments: growing and freeing.
 * SPDX-License-Identifier: MIT
 */
#include "web/router_tree.h"

#include "base/alloc.h"

/* ---- tables ---- */

static uint64_t
hash_text(struct atl_str text)
{
    uint64_t hash;

    /* No text of a table holds a NUL, so that all of it is one segment. */
    atl_router_scan(text.ptr, text.ptr, text.ptr + text.len, '\0', &hash);
    return hash;
}

static void
place(struct atl_router_table *t, struct atl_router_entry entry)
{
    uint32_t i = (uint32_t)entry.hash & t->mask;

    while (t->entries[i].value != NULL)
        i = (i + 1) & t->mask;
    t->entries[i] = entry;
}

/* `text` isn't there yet.  At most half of the places are taken. */
static void
table_add(struct atl_router_table *t, struct atl_str text, void *value)
{
    uint32_t places = t->entries != NULL ? t->mask + 1 : 0, i;

    if (2 * (t->count + 1) > places) {
        struct atl_router_entry *old = t->entries;
        uint32_t grown = places > 0 ? 2 * places : 4;

        t->entries = atl_calloc(grown, sizeof(t->entries[0]));
        t->mask = grown - 1;
        for (i = 0; i < places; i++)
            if (old[i].value != NULL)
                place(t, old[i]);
        atl_free(old);
    }
    place(t, (struct atl_router_entry){hash_text(text), text, value});
    t->count++;
}

/* ---- variants ---- */

/* Where the parts stand in the list, or should: whether they do. */
static bool
find_variant(const struct atl_router_variants *v,
             const struct atl_pattern_part *parts, unsigned count,
             uint32_t *at_out)
{
    uint32_t low = 0, high = v->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct atl_router_variant *there = &v->list[middle];
        int order = atl_parts_compare(parts, count, there->parts, there->count);

        if (order == 0) {
            *at_out = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *at_out = low;
    return false;
}

static struct atl_router_node *
grow_variant(struct atl_router_variants *v,
             const struct atl_pattern_part *parts, unsigned count)
{
    struct atl_router_variant *made;
    unsigned i;
    uint32_t at;

    if (find_variant(v, parts, count, &at))
        return v->list[at].node;
    if (v->count == v->room) {
        v->room = v->room > 0 ? 2 * v->room : 1;
        v->list = atl_realloc(v->list, v->room * sizeof(v->list[0]));
    }
    made = &v->list[at];
    memmove(made + 1, made, (v->count - at) * sizeof(*made));
    v->count++;
    made->parts = atl_malloc(count * sizeof(parts[0]));
    memcpy(made->parts, parts, count * sizeof(parts[0]));
    made->count = count;
    made->params = 0;
    for (i = 0; i < count; i++)
        made->params += parts[i].converter != NULL;
    made->node = atl_calloc(1, sizeof(*made->node));
    return made->node;
}

static struct atl_router_node *
grow_text(struct atl_router_node *node, struct atl_str text)
{
    struct atl_router_node *child =
        atl_router_table_find(&node->texts, hash_text(text), text);

    if (child == NULL) {
        child = atl_calloc(1, sizeof(*child));
        table_add(&node->texts, text, child);
    }
    return child;
}

/* ---- paths ---- */

/* Where in a pattern: a part, and how much of its text is behind us. */
struct place {
    const struct atl_pattern *pattern;
    unsigned part;
    size_t skip;
};

static bool
is_end(const struct place *at)
{
    const struct atl_pattern *p = at->pattern;

    return at->part == p->part_count ||
           (at->part + 1 == p->part_count &&
            p->parts[at->part].converter == NULL &&
            at->skip == p->parts[at->part].text.len);
}

/* The next part, or what is left of it; the rest of the pattern has one. */
static struct atl_pattern_part
next_part(struct place *at)
{
    struct atl_pattern_part part = at->pattern->parts[at->part++];

    part.text.ptr += at->skip;
    part.text.len -= at->skip;
    at->skip = 0;
    return part;
}

/*
 * Take one segment: its parts (none if it is empty) to `parts`.  Returns true
 * if a slash follows, which is taken as well.
 */
static bool
take_segment(struct place *at, struct atl_pattern_part *parts,
             unsigned *count_out)
{
    unsigned n = 0;

    while (at->part < at->pattern->part_count) {
        size_t skip = at->skip;
        struct atl_pattern_part part = next_part(at);
        const char *slash = part.converter == NULL && part.text.len > 0
                                ? memchr(part.text.ptr, '/', part.text.len)
                                : NULL;

        if (slash != NULL)
            part.text.len = (size_t)(slash - part.text.ptr);
        if (part.converter != NULL || part.text.len > 0)
            parts[n++] = part;
        *count_out = n;
        if (slash != NULL) {
            at->part--; /* there is more of it */
            at->skip = skip + part.text.len + 1;
            return true;
        }
    }
    *count_out = n;
    return false;
}

static bool
has_path(const struct atl_pattern_part *parts, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
        if (parts[i].converter != NULL &&
            parts[i].converter->kind == ATL_CONVERTER_PATH)
            return true;
    return false;
}

/* All parts from `at` on. */
static struct atl_router_node *
grow_tail(struct atl_router_node *node, struct place at)
{
    struct atl_pattern_part parts[ATL_PATTERN_MAX_PARTS];
    unsigned n = 0;

    while (!is_end(&at)) {
        parts[n] = next_part(&at);
        n += parts[n].converter != NULL || parts[n].text.len > 0;
    }
    return grow_variant(&node->tails, parts, n);
}

struct atl_router_leaf *
atl_router_tree_grow(struct atl_router_node *root,
                     const struct atl_pattern *path, bool is_mount)
{
    struct atl_pattern_part parts[ATL_PATTERN_MAX_PARTS];
    struct atl_router_node *node = root;
    struct place at = {path, 0, 1}; /* behind the first slash */
    bool more = true;
    unsigned count;

    while (more && !(is_mount && is_end(&at))) {
        struct place from = at;

        more = take_segment(&at, parts, &count);
        if (has_path(parts, count)) {
            node->has_forks = true;
            return &grow_tail(node, from)->leaf;
        }
        if (count == 0)
            node = grow_text(node, ATL_STR(""));
        else if (count == 1 && parts[0].converter == NULL)
            node = grow_text(node, parts[0].text);
        else {
            node->has_forks = true;
            node = grow_variant(&node->variants, parts, count);
        }
    }
    if (!is_mount)
        return &node->leaf;
    node->has_forks = true;
    return &node->mount;
}

/* ---- hosts ---- */

/* Where `host` stands in the list of forms, or should. */
static struct atl_router_host **
find_form(struct atl_router *r, const struct atl_pattern *host, bool *found_out)
{
    struct atl_router_host **link = &r->host_forms;
    int order = -1;

    for (; *link != NULL; link = &(*link)->next) {
        const struct atl_pattern *there = (*link)->pattern;

        order = atl_parts_compare(host->parts, host->part_count, there->parts,
                                  there->part_count);
        if (order <= 0)
            break;
    }
    *found_out = *link != NULL && order == 0;
    return link;
}

static struct atl_router_node *
grow_form(struct atl_router *r, const struct atl_pattern *host)
{
    struct atl_router_host **link, *made;
    bool found;

    link = find_form(r, host, &found);
    if (found)
        return &(*link)->root;
    made = atl_calloc(1, sizeof(*made));
    made->pattern = host;
    made->next = *link;
    *link = made;
    return &made->root;
}

struct atl_router_node *
atl_router_tree_host(struct atl_router *r, const struct atl_pattern *host)
{
    struct atl_router_host *there;
    struct atl_str text;

    if (host == NULL)
        return &r->root;
    if (host->param_count > 0)
        return grow_form(r, host);
    text = host->parts[0].text;
    there = atl_router_table_find(&r->host_texts, hash_text(text), text);
    if (there == NULL) {
        there = atl_calloc(1, sizeof(*there));
        there->pattern = host;
        table_add(&r->host_texts, text, there);
    }
    return &there->root;
}

/* ---- the end ---- */

static void
free_leaf(struct atl_router_leaf *leaf)
{
    struct atl_route *route, *next;

    for (route = leaf->routes; route != NULL; route = next) {
        next = route->next;
        atl_free(route);
    }
}

static void free_node(struct atl_router_node *node);

static void
free_variants(struct atl_router_variants *v)
{
    uint32_t i;

    for (i = 0; i < v->count; i++) {
        free_node(v->list[i].node);
        atl_free(v->list[i].node);
        atl_free(v->list[i].parts);
    }
    atl_free(v->list);
}

/* What `node` holds; as deep as the longest pattern has segments. */
static void
free_node(struct atl_router_node *node)
{
    uint32_t i;

    for (i = 0; node->texts.count > 0 && i <= node->texts.mask; i++)
        if (node->texts.entries[i].value != NULL) {
            free_node(node->texts.entries[i].value);
            atl_free(node->texts.entries[i].value);
        }
    atl_free(node->texts.entries);
    free_variants(&node->variants);
    free_variants(&node->tails);
    free_leaf(&node->leaf);
    free_leaf(&node->mount);
}

static void
free_host(struct atl_router_host *host)
{
    free_node(&host->root);
    atl_free(host);
}

void
atl_router_tree_free(struct atl_router *r)
{
    struct atl_router_host *host, *next;
    uint32_t i;

    for (i = 0; r->host_texts.count > 0 && i <= r->host_texts.mask; i++)
        if (r->host_texts.entries[i].value != NULL)
            free_host(r->host_texts.entries[i].value);
    atl_free(r->host_texts.entries);
    for (host = r->host_forms; host != NULL; host = next) {
        next = host->next;
        free_host(host);
    }
    free_node(&r->root);
}
