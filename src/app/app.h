/* app.h - Atlas's own Application: a request becomes a handler's call.
 * SPDX-License-Identifier: MIT
 *
 * The second face of http/exchange.h, beside LASGI: without scope table,
 * closures or header tables.  One userdata (the request) is all that Lua
 * allocates for a handler that returns a string.  What is Lua's to do
 * (middleware, error handlers, streams) is in lua/atlas/application.lua.
 *
 * Laws:
 * 1. A request knows its exchange by a serial number and never touches one
 *    that has been given to another.
 * 2. Values of an application (handlers, middleware) live in a table behind
 *    its core; C knows them by their index.
 */
#ifndef ATL_APP_APP_H
#define ATL_APP_APP_H

#include "http/server.h"
#include "lasgi/lasgi.h"
#include "web/router.h"

#define ATL_APP_TYPE "atlas.application.Core"
#define ATL_REQUEST_TYPE "atlas.Request"
#define ATL_APP_LEVELS 8 /* applications mounted in each other */

struct atl_app;

/* What a route's handler is. */
enum atl_app_kind {
    ATL_APP_HANDLER, /* a function (request, params...) */
    ATL_APP_MOUNT,   /* another application, behind a prefix or a host */
    ATL_APP_LASGI,   /* a LASGI callable, behind a prefix or a host */
};

/* Values are numbers in the application's table; 0: none. */
struct atl_app_route {
    enum atl_app_kind kind;
    int handler;              /* the function, or the core of a mount */
    int entry;                /* its own middleware around the handler */
    int object;               /* the Route, for people */
    struct atl_app *mount;    /* of ATL_APP_MOUNT */
    struct atl_pattern *path; /* owned */
    struct atl_pattern *host; /* owned; NULL: any */
    uint64_t max_body;        /* bytes; UINT64_MAX: the server's limit */
    bool finishes; /* a client that leaves never cancels the handler */
    bool cancels;  /* it does, whatever the method is */
    bool parses;   /* Lua functions make values of its parameters */
};

/* The C half of an Application, in a userdata. */
struct atl_app {
    struct atl_vm *vm;
    const struct atl_app_refs *refs;
    struct atl_router *router;     /* owned */
    struct atl_app_route **routes; /* owned, in the order of coming */
    int route_count, route_room;
    int id; /* of its values, in refs->values */
    int value_count;
    int entry;       /* value: its middleware around the rest */
    bool has_errors; /* it has handlers of errors */
    bool debug;      /* tell the client what went wrong */
};

/* What one VM keeps for all applications: registry references. */
struct atl_app_refs {
    struct atl_vm *vm;
    struct atl_converters converters;
    int values; /* table, weak values: id -> an application's values */
    int request_meta;
    int direct_meta;
    int headers_meta;
    int multi_meta;
    int response_meta;
    int http_error_meta;
    int innermost;    /* function (request): what stands in all middleware */
    int handle_error; /* function (request, err) -> response */
    int send_later;   /* function (request, response): it sends its body */
    int call_lasgi;   /* function (request, callable) -> response */
    int keep_trace;   /* message handler of an error that is raised again */
    int keys;         /* table: the strings that Responses are read with */
};

/* One application that is served; the server's `data`. */
struct atl_app_server {
    struct atl_lasgi lasgi; /* first: for what both faces share */
    struct atl_app *root;
    const struct atl_app_refs *refs;
    struct atl_buf json; /* the last answer that was encoded */
};

/* A parameter's value: in the request's bytes, or at `ptr` in its arena. */
struct atl_app_value {
    const char *ptr; /* NULL: at req.base + span.at */
    struct atl_span span;
};

/* What is kept for a request, in x->data. */
struct atl_app_call {
    struct atl_call call; /* first: for what both faces share */
    const struct atl_app_refs *refs;
    struct atl_app_server *server;     /* NULL: outside any server */
    const struct atl_app_route *route; /* NULL: none was found */
    struct atl_app_level *levels;      /* arena, outermost first */
    uint8_t level_count;
    uint8_t outcome; /* enum atl_outcome of the innermost */
    bool later;      /* the body is sent by a function that runs now */
    bool in_error;   /* an error handler runs */
    bool answered;   /* what failed has been answered: nothing to log */
    bool parses;     /* a route or mount on the way does */
};

/* One application of those that a request went through. */
struct atl_app_level {
    struct atl_app *app;
    const struct atl_route *found; /* whose parameters these are, or NULL */
    struct atl_app_value *values;
    unsigned value_count;
};

static inline struct atl_app_call *
atl_app_call_of(struct atl_exchange *x)
{
    return (struct atl_app_call *)(void *)x->data;
}

/* The server's ops; its `data` is a struct atl_app_server. */
extern const struct atl_exchange_ops atl_app_ops;

/* Serve the application of `core`, which the caller keeps alive. */
void atl_app_server_init(struct atl_app_server *s, struct atl_app *core,
                         lua_State *L, int app, int state);
void atl_app_server_deinit(struct atl_app_server *s);

/* --- call.c --- */

/* Find the route of the request, through mounted applications. */
void atl_app_resolve(struct atl_app *root, struct atl_exchange *x);

/* Push value number `i` of an application. */
void atl_app_push_value(lua_State *L, const struct atl_app *app, int i);

/* Push the first middleware behind level `i` (from 0), or the innermost. */
void atl_app_push_next(lua_State *L, struct atl_exchange *x, unsigned i);

#endif
