/* router.h - from host, path and method to a route.
 * SPDX-License-Identifier: MIT
 *
 * A trie of segments.  Where a segment begins, a node has a hash table of the
 * texts that may stand there (so that a step costs the same beside ten and
 * ten thousand routes), a short list of the segments with parameters, and one
 * of the ends with a {x:path} in them.
 *
 * Laws:
 * 1. Precedence, from left to right, segment by segment: text before text
 *    with parameters before parameters alone before {x:path} before a mount.
 *    Among segments with parameters, what stands first decides: text before
 *    a parameter, longer text before shorter, parameters in the order of enum
 *    atl_converter_kind; one that goes on before one that ends.
 * 2. Where the preferred way ends nowhere, the others are tried: every path
 *    that some route matches finds a route.
 * 3. A route that serves the method is preferred to all that don't.
 * 4. No node is visited twice for one path, and nothing is allocated for a
 *    path without '%': what a lookup costs is bounded by the routes and by
 *    the path's length.
 * 5. Routes belong to a host pattern or to none; those of a host that matches
 *    come first, and those of none last.
 * 6. The order in which routes were added never matters.
 */
#ifndef ATL_WEB_ROUTER_H
#define ATL_WEB_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "web/pattern.h"

/* Parameters of a route, those of its host counted in. */
#define ATL_ROUTER_MAX_PARAMS (2 * ATL_PATTERN_MAX_PARAMS)

/* A set of methods is a mask: these bits, and those of other methods, which
 * a router gives out (atl_router_add_method). */
#define ATL_METHOD_MAP(X) \
    X(GET, 0)             \
    X(HEAD, 1)            \
    X(POST, 2)            \
    X(PUT, 3)             \
    X(PATCH, 4)           \
    X(DELETE, 5)          \
    X(OPTIONS, 6)         \
    X(TRACE, 7)

enum atl_method {
#define X(name, bit) ATL_METHOD_##name = 1u << (bit),
    ATL_METHOD_MAP(X)
#undef X
};

/* Every method, whether the router knows it or not. */
#define ATL_METHOD_ANY ((uint64_t)1 << 62)
/* Not a method: a WebSocket handshake, which only such a route serves. */
#define ATL_METHOD_WEBSOCKET ((uint64_t)1 << 63)

struct atl_route {
    const struct atl_pattern *host; /* NULL: any host */
    const struct atl_pattern *path;
    uint64_t methods; /* as added: HEAD isn't in it for GET's sake */
    bool is_mount;
    void *data;             /* the caller's */
    struct atl_route *next; /* the router's own: others of the same patterns */
};

enum atl_outcome {
    ATL_OUTCOME_NONE,         /* 404 */
    ATL_OUTCOME_WRONG_METHOD, /* 405; 204 or 200 if the method is OPTIONS */
    ATL_OUTCOME_FOUND,
};

/* What is looked up.  All slices are lent until the match is forgotten. */
struct atl_target {
    uint64_t method;     /* of atl_router_method(), or ATL_METHOD_WEBSOCKET */
    struct atl_str host; /* the Host field; empty if there is none */
    struct atl_str path; /* without the query; an empty one counts as "/" */
    bool is_plain;       /* the path is decoded already, or holds no '%' */
};

struct atl_match {
    enum atl_outcome outcome;
    const struct atl_route *route; /* NULL unless FOUND */
    uint64_t allowed; /* WRONG_METHOD: what the routes that match the path
                         serve, with HEAD where GET is, and OPTIONS */
    /*
     * Of a mount: how many bytes of the target's path (as it was given: raw
     * or plain) it took.  The rest is empty or begins with a slash.
     */
    size_t prefix_len;
    struct atl_str prefix; /* the same decoded: what root_path grows by */
    unsigned value_count;
    /* Decoded, in the order of atl_route_param(): slices of the target's host
     * and path, or of the arena where these had to be decoded. */
    struct atl_str values[ATL_ROUTER_MAX_PARAMS];
};

struct atl_router;

/* Free with atl_router_free(). */
struct atl_router *atl_router_new(void);

/* Frees the routes, but neither patterns nor data.  NULL is allowed. */
void atl_router_free(struct atl_router *r);

/*
 * Add a route for `methods` (not 0).  The patterns are lent and must outlive
 * the router; `host` may be NULL.  A route for GET serves HEAD as well where
 * none was added for HEAD itself.
 * Returns 0 and sets *out (may be NULL); ATL_E_STATE with *error_out filled
 * in if one of the methods is taken for the same patterns (which are the same
 * whatever their parameters are called): nothing is added then.
 */
int atl_router_add(struct atl_router *r, const struct atl_pattern *host,
                   const struct atl_pattern *path, uint64_t methods, void *data,
                   const struct atl_route **out,
                   struct atl_pattern_error *error_out)
    __attribute__((warn_unused_result));

/*
 * Add a mount: it takes `path`, whatever follows it behind a slash, and every
 * method, WebSockets included, if no route does.  A slash at the pattern's end
 * doesn't count: "/" mounts at the root.  Errors as for atl_router_add();
 * ATL_E_INVALID if the pattern has a {x:path}.
 */
int atl_router_mount(struct atl_router *r, const struct atl_pattern *host,
                     const struct atl_pattern *path, void *data,
                     const struct atl_route **out,
                     struct atl_pattern_error *error_out)
    __attribute__((warn_unused_result));

/* How many routes and mounts were added. */
size_t atl_router_count(const struct atl_router *r);

/*
 * The bit of the method called `name` (case counts), or 0 if the router has
 * not met it; then only a route for ATL_METHOD_ANY can serve it.
 */
uint64_t atl_router_method(const struct atl_router *r, struct atl_str name);

/*
 * The same, but an unknown method gets a bit.  Returns 0 if `name` is not a
 * token of at most 32 bytes without lower case letters, or if the router has
 * met 48 others already.
 */
uint64_t atl_router_add_method(struct atl_router *r, struct atl_str name);

/*
 * Append the methods of `mask` as an Allow field has them: "GET, HEAD".
 * Returns 0, or ATL_E_TOOBIG with `out` as it was.
 */
int atl_router_allow(const struct atl_router *r, uint64_t mask,
                     struct atl_buf *out) __attribute__((warn_unused_result));

/*
 * Look `t` up.  Fills in *out; `values` beyond value_count are left as they
 * are.  `arena` is used only for a path that isn't plain, and for a host with
 * capital letters if there are routes for hosts.  A path that begins with no
 * slash ("*"), or has a bad escape or %00, is found nowhere.
 */
void atl_router_find(const struct atl_router *r, const struct atl_target *t,
                     struct atl_arena *arena, struct atl_match *out);

/*
 * For a target that was not found: would it be with a slash more, or one
 * less, at its end?  True if so; *path_out is then that path in `arena`, as
 * raw or plain as the target's.  Never for one that begins with two slashes:
 * a redirect there would lead to another host.
 */
bool atl_router_find_slash(const struct atl_router *r,
                           const struct atl_target *t, struct atl_arena *arena,
                           struct atl_str *path_out);

/* Parameter `i` of `route`, the host's first; NULL if it has no more. */
const struct atl_pattern_part *atl_route_param(const struct atl_route *route,
                                               unsigned i);

/*
 * Cut `root`, a decoded prefix that ends in no slash, off a path: true, and
 * *len_out is how many bytes of `path` it took.  False if `path` doesn't begin
 * with it, or goes on with something else than a slash.
 */
bool atl_router_skip_root(struct atl_str path, bool is_plain,
                          struct atl_str root, size_t *len_out);

/* How `method` and `path` fit one route, as the original's Route:matches. */
enum atl_fit {
    ATL_FIT_NONE,
    ATL_FIT_PARTIAL, /* the path does, the method doesn't */
    ATL_FIT_FULL,
};

/* Of a plain path; `methods` and `method` as above. */
enum atl_fit atl_route_fit(const struct atl_pattern *path, uint64_t methods,
                           uint64_t method, struct atl_str plain_path);

#endif
