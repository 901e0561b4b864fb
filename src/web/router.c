/* router.c - adding routes; methods.  See router.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/router.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "web/router_tree.h"

#define MAX_METHOD 32 /* bytes */
#define FIRST_OTHER 8 /* the bit of the first method that isn't in the map */

static const struct {
    struct atl_str name;
    uint64_t bit;
} known_methods[] = {
#define X(name, bit) {ATL_STR(#name), ATL_METHOD_##name},
    ATL_METHOD_MAP(X)
#undef X
};

#define KNOWN_METHODS (sizeof(known_methods) / sizeof(known_methods[0]))

struct atl_router *
atl_router_new(void)
{
    return atl_calloc(1, sizeof(struct atl_router));
}

void
atl_router_free(struct atl_router *r)
{
    unsigned i;

    if (r == NULL)
        return;
    for (i = 0; i < r->other_method_count; i++)
        atl_free(r->other_methods[i]);
    atl_router_tree_free(r);
    atl_free(r);
}

size_t
atl_router_count(const struct atl_router *r)
{
    return r->route_count;
}

/* ---- methods ---- */

uint64_t
atl_router_method(const struct atl_router *r, struct atl_str name)
{
    size_t i;

    for (i = 0; i < KNOWN_METHODS; i++)
        if (atl_str_eq(known_methods[i].name, name))
            return known_methods[i].bit;
    for (i = 0; i < r->other_method_count; i++)
        if (atl_str_eq(atl_str_from(r->other_methods[i]), name))
            return (uint64_t)1 << (FIRST_OTHER + i);
    return 0;
}

/* tchar (RFC 9110 5.6.2) but for lower case: no request has such a method. */
static bool
is_method(struct atl_str name)
{
    size_t i;

    for (i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.len > 0 && name.len <= MAX_METHOD;
}

uint64_t
atl_router_add_method(struct atl_router *r, struct atl_str name)
{
    uint64_t bit = atl_router_method(r, name);

    if (bit != 0)
        return bit;
    if (!is_method(name) || r->other_method_count == ATL_ROUTER_OTHER_METHODS)
        return 0;
    r->other_methods[r->other_method_count++] = atl_strndup(name.ptr, name.len);
    return atl_router_method(r, name);
}

/* The name of the lowest bit of `mask`; empty if it is no method's. */
static struct atl_str
method_name(const struct atl_router *r, uint64_t mask)
{
    size_t i;

    for (i = 0; i < KNOWN_METHODS; i++)
        if (mask & known_methods[i].bit)
            return known_methods[i].name;
    for (i = 0; i < r->other_method_count; i++)
        if (mask & (uint64_t)1 << (FIRST_OTHER + i))
            return atl_str_from(r->other_methods[i]);
    return (struct atl_str){"", 0};
}

int
atl_router_allow(const struct atl_router *r, uint64_t mask, struct atl_buf *out)
{
    size_t before = out->len, i;
    int err = 0;

    for (i = 0; i < FIRST_OTHER + r->other_method_count && err == 0; i++) {
        struct atl_str name = method_name(r, mask & (uint64_t)1 << i);

        if (name.len == 0)
            continue;
        if (out->len > before)
            err = atl_buf_append(out, ", ", 2);
        if (err == 0)
            err = atl_buf_append(out, name.ptr, name.len);
    }
    if (err != 0)
        out->len = before;
    return err;
}

/* ---- adding ---- */

/* "host/path", of which each half may have been cut. */
static int
show(char *out, size_t size, const struct atl_pattern *host,
     const struct atl_pattern *path)
{
    struct atl_str h = host != NULL ? host->source : (struct atl_str){"", 0};

    return snprintf(out, size, "%.*s%.*s", h.len > 60 ? 60 : (int)h.len, h.ptr,
                    path->source.len > 120 ? 120 : (int)path->source.len,
                    path->source.ptr);
}

/* `GET /users/{name}: taken by /users/{id}` */
static int
refuse_taken(const struct atl_router *r, uint64_t methods,
             const struct atl_route *there, const struct atl_pattern *host,
             const struct atl_pattern *path, struct atl_pattern_error *error)
{
    struct atl_str name = method_name(r, methods & there->methods);
    char added[200], taken[200];

    if (there->is_mount)
        name = ATL_STR("mount");
    else if (methods & there->methods & ATL_METHOD_WEBSOCKET)
        name = ATL_STR("websocket");
    else if (name.len == 0)
        name = ATL_STR("any method");
    show(added, sizeof(added), host, path);
    show(taken, sizeof(taken), there->host, there->path);
    snprintf(error->text, sizeof(error->text), "%.*s %s: taken by %s",
             (int)name.len, name.ptr, added, taken);
    return ATL_E_STATE;
}

static int
add(struct atl_router *r, struct atl_router_leaf *leaf, struct atl_route route,
    const struct atl_route **out, struct atl_pattern_error *error)
{
    struct atl_route **link, *made;

    for (link = &leaf->routes; *link != NULL; link = &(*link)->next)
        if ((*link)->methods & route.methods)
            return refuse_taken(r, route.methods, *link, route.host, route.path,
                                error);
    made = atl_malloc(sizeof(*made));
    *made = route;
    *link = made;
    leaf->methods |= route.methods;
    if (leaf->methods & ATL_METHOD_GET)
        leaf->methods |= ATL_METHOD_HEAD; /* RFC 9110 9.1 */
    r->route_count++;
    if (out != NULL)
        *out = made;
    return 0;
}

int
atl_router_add(struct atl_router *r, const struct atl_pattern *host,
               const struct atl_pattern *path, uint64_t methods, void *data,
               const struct atl_route **out,
               struct atl_pattern_error *error_out)
{
    struct atl_router_node *root = atl_router_tree_host(r, host);
    struct atl_route route = {
        .host = host, .path = path, .methods = methods, .data = data};

    return add(r, atl_router_tree_grow(root, path, false), route, out,
               error_out);
}

int
atl_router_mount(struct atl_router *r, const struct atl_pattern *host,
                 const struct atl_pattern *path, void *data,
                 const struct atl_route **out,
                 struct atl_pattern_error *error_out)
{
    struct atl_route route = {
        .host = host,
        .path = path,
        .methods = ATL_METHOD_ANY | ATL_METHOD_WEBSOCKET,
        .is_mount = true,
        .data = data,
    };
    struct atl_router_node *root;
    unsigned i;

    for (i = 0; i < path->part_count; i++)
        if (path->parts[i].converter != NULL &&
            path->parts[i].converter->kind == ATL_CONVERTER_PATH) {
            char shown[200];

            show(shown, sizeof(shown), host, path);
            snprintf(error_out->text, sizeof(error_out->text),
                     "mount %s: the rest of the path is the mounted "
                     "application's: no {%.*s:path}",
                     shown, (int)path->parts[i].text.len,
                     path->parts[i].text.ptr);
            return ATL_E_INVALID;
        }
    root = atl_router_tree_host(r, host);
    return add(r, atl_router_tree_grow(root, path, true), route, out,
               error_out);
}

/* ---- single routes ---- */

const struct atl_pattern_part *
atl_route_param(const struct atl_route *route, unsigned i)
{
    if (route->host != NULL) {
        if (i < route->host->param_count)
            return atl_pattern_param(route->host, i);
        i -= route->host->param_count;
    }
    return atl_pattern_param(route->path, i);
}

enum atl_fit
atl_route_fit(const struct atl_pattern *path, uint64_t methods, uint64_t method,
              struct atl_str plain_path)
{
    struct atl_str values[ATL_PATTERN_MAX_PARAMS];

    /* No arena: a plain path is matched where it is. */
    if (!atl_pattern_match(path, plain_path, true, NULL, values))
        return ATL_FIT_NONE;
    if (method == ATL_METHOD_HEAD && (methods & ATL_METHOD_GET))
        return ATL_FIT_FULL;
    if (method != ATL_METHOD_WEBSOCKET)
        method |= ATL_METHOD_ANY;
    return methods & method ? ATL_FIT_FULL : ATL_FIT_PARTIAL;
}
