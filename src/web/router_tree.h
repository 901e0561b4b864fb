/* router_tree.h - the trie of segments behind router.h.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A node is where a segment begins, or where the path has ended.
 * 2. All text is slices of the patterns, which outlive the router.
 * 3. Variants and tails are sorted by atl_parts_compare(), and no two of a
 *    node are equal.
 */
#ifndef ATL_WEB_ROUTER_TREE_H
#define ATL_WEB_ROUTER_TREE_H

#include <stdint.h>

#include "base/str.h"
#include "base/word.h"
#include "web/parts.h"
#include "web/router.h"

/* The routes of the same patterns. */
struct atl_router_leaf {
    struct atl_route *routes; /* owned */
    uint64_t methods;         /* of all; with HEAD if GET is among them */
};

/* From texts to what belongs to them: open addressing. */
struct atl_router_entry {
    uint64_t hash;
    struct atl_str text;
    void *value; /* NULL: a free place */
};

struct atl_router_table {
    struct atl_router_entry *entries; /* owned; NULL while there are none */
    uint32_t mask;                    /* places - 1: a power of two less 1 */
    uint32_t count;
};

/* Parts of one segment with parameters, or from there to the pattern's end. */
struct atl_router_variant {
    struct atl_pattern_part *parts; /* owned */
    unsigned count;
    unsigned params;
    struct atl_router_node *node; /* owned; a tail's has only a leaf */
};

struct atl_router_variants {
    struct atl_router_variant *list; /* owned */
    uint32_t count;
    uint32_t room;
};

struct atl_router_node {
    struct atl_router_table texts; /* of nodes, owned */
    struct atl_router_variants variants;
    struct atl_router_variants tails; /* they begin with a segment that has a
                                         {x:path} in it */
    bool has_forks;                   /* there is more than texts */
    struct atl_router_leaf leaf;      /* for a path that ends here */
    struct atl_router_leaf mount;     /* that, or any that goes on */
};

/* Routes that belong to a host pattern. */
struct atl_router_host {
    const struct atl_pattern *pattern;
    struct atl_router_node root;
    struct atl_router_host *next; /* among those with parameters */
};

#define ATL_ROUTER_OTHER_METHODS 48

struct atl_router {
    struct atl_router_node root;        /* for any host */
    struct atl_router_table host_texts; /* of hosts, owned */
    struct atl_router_host *host_forms; /* owned: those with parameters, in the
                                           order of precedence */
    unsigned other_method_count;
    char *other_methods[ATL_ROUTER_OTHER_METHODS]; /* owned */
    size_t route_count;
};

static inline uint64_t
atl_router_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/*
 * The end of the segment that begins at `p`: the next `divider` or `end`; and
 * its hash.  `base` is where the memory before `p` begins.  Only the patterns'
 * authors choose what is in a table, so that the hash needs no key.
 */
static inline const char *
atl_router_scan(const char *base, const char *p, const char *end, char divider,
                uint64_t *hash_out)
{
    uint64_t hash = 0, word, hits;
    size_t left, n;
    unsigned shift;

    for (; end - p >= 8; p += 8) {
        word = atl_word_load(p);
        hits = atl_word_find(word, divider);
        if (hits != 0) {
            n = atl_word_before(hits);
            word &= ((uint64_t)1 << 8 * n) - 1;
            *hash_out = atl_router_mix(hash, word);
            return p + n;
        }
        hash = atl_router_mix(hash, word);
    }
    left = (size_t)(end - p);
    word = 0;
    if (left > 0 && end - base >= 8) {
        word = atl_word_load(end - 8) >> 8 * (8 - left);
    } else {
        for (n = 0, shift = 0; n < left; n++, shift += 8)
            word |= (uint64_t)(unsigned char)p[n] << shift;
    }
    hits = atl_word_find(word, divider);
    n = left;
    if (hits != 0) {
        n = atl_word_before(hits);
        word &= ((uint64_t)1 << 8 * n) - 1;
    }
    *hash_out = atl_router_mix(hash, word);
    return p + n;
}

/* What belongs to `text`, whose hash atl_router_scan() made; NULL if none. */
static inline void *
atl_router_table_find(const struct atl_router_table *t, uint64_t hash,
                      struct atl_str text)
{
    uint32_t i;

    if (t->count == 0)
        return NULL;
    for (i = (uint32_t)hash & t->mask; t->entries[i].value != NULL;
         i = (i + 1) & t->mask)
        if (t->entries[i].hash == hash && t->entries[i].text.len == text.len &&
            memcmp(t->entries[i].text.ptr, text.ptr, text.len) == 0)
            return t->entries[i].value;
    return NULL;
}

/* The node's leaf for `path` (a mount's, if so), which is made if missing. */
struct atl_router_leaf *atl_router_tree_grow(struct atl_router_node *root,
                                             const struct atl_pattern *path,
                                             bool is_mount);

/* The root of the routes for `host`, which may be NULL; made if missing. */
struct atl_router_node *atl_router_tree_host(struct atl_router *r,
                                             const struct atl_pattern *host);

/* Free what the router's tries hold, routes included. */
void atl_router_tree_free(struct atl_router *r);

#endif
