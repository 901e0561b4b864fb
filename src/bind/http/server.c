/* server.c - module atlas.server.core: a server, for lua/atlas/cli/serve.lua.
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>

#include "base/alloc.h"
#include "bind/init.h"
#include "http/server.h"
#include "app/app.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/watch.h"

#define SERVER_TYPE "atlas.Server"

struct server {
    struct atl_server http;
    struct atl_app_server app; /* its `lasgi` serves any other callable */
    struct atl_vm *vm;
    struct atl_wait *draining; /* the task in drain() */
};

/* The userdata: the server's address must not depend on the VM. */
struct holder {
    struct server *server;
};

static struct server *
arg_server(lua_State *L)
{
    struct holder *ud = atl_arg_userdata(L, 1, SERVER_TYPE);

    return ud->server;
}

static void
on_drained(struct atl_server *http)
{
    struct server *s = ATL_OWNER(http, struct server, http);
    struct atl_wait *wait = s->draining;

    if (wait == NULL)
        return;
    s->draining = NULL;
    lua_pushboolean(atl_wait_stack(wait), 1);
    atl_wake(wait, 1);
}

/* --- limits by name --- */

/* `scale`: seconds become milliseconds. */
struct limit {
    const char *name;
    size_t at; /* in struct atl_http_limits */
    int scale;
};

#define AT(member) offsetof(struct atl_http_limits, member)

static const struct limit limits32[] = {
    {"max_request_line", AT(h1.request_line), 1},
    {"max_header_bytes", AT(h1.header_section), 1},
    {"max_headers", AT(h1.fields), 1},
    {"max_chunk_overhead", AT(h1.chunk_overhead), 1},
    {"max_pipelined", AT(max_pipelined), 1},
};

static const struct limit limits64[] = {
    {"max_body", AT(max_body), 1},
    {"header_timeout", AT(header_timeout_ms), 1000},
    {"body_timeout", AT(body_timeout_ms), 1000},
    {"write_timeout", AT(write_timeout_ms), 1000},
    {"keep_alive", AT(keep_alive_ms), 1000},
    {"drain_idle", AT(drain_idle_ms), 1000},
};

/* options[name], scaled, or UINT64_MAX if it isn't there. */
static uint64_t
get_limit(lua_State *L, int options, const struct limit *l)
{
    uint64_t n = UINT64_MAX;

    lua_getfield(L, options, l->name);
    if (!lua_isnil(L, -1)) {
        if (!lua_isnumber(L, -1) || !(lua_tonumber(L, -1) >= 0))
            atl_raise(L, "setting '%s' is a number, not negative", l->name);
        n = (uint64_t)(lua_tonumber(L, -1) * l->scale);
    }
    lua_pop(L, 1);
    return n;
}

static void
set_limits(lua_State *L, int options, struct atl_http_limits *to)
{
    uint64_t n;
    size_t i;

    for (i = 0; i < sizeof(limits32) / sizeof(limits32[0]); i++)
        if ((n = get_limit(L, options, &limits32[i])) <= UINT32_MAX)
            *(uint32_t *)(void *)((char *)to + limits32[i].at) = (uint32_t)n;
    for (i = 0; i < sizeof(limits64) / sizeof(limits64[0]); i++)
        if ((n = get_limit(L, options, &limits64[i])) != UINT64_MAX)
            *(uint64_t *)(void *)((char *)to + limits64[i].at) = n;
    if (to->h1.fields > ATL_MAX_FIELDS)
        to->h1.fields = ATL_MAX_FIELDS;
}

/* --- the server --- */

/*
 * Atlas's own Application, which has its core in `core`, is called without
 * LASGI in between.
 */
static void
start_face(lua_State *L, struct server *s, struct atl_vm *vm)
{
    struct atl_app *core = NULL;

    if (lua_istable(L, 1)) {
        lua_pushliteral(L, "core");
        lua_rawget(L, 1);
        core = luaL_testudata(L, -1, ATL_APP_TYPE);
        lua_pop(L, 1);
    }
    if (core == NULL) {
        atl_server_init(&s->http, &vm->loop, &atl_lasgi_ops, &s->app.lasgi);
        atl_lasgi_init(&s->app.lasgi, vm, L, 1, 2);
    } else {
        atl_server_init(&s->http, &vm->loop, &atl_app_ops, &s->app);
        atl_app_server_init(&s->app, core, L, 1, 2);
    }
}

/* new(app, state, options) -> server */
static int
f_new(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_http_limits wanted;
    struct holder *ud;
    struct server *s;

    atl_arg_callable(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    atl_http_limits_init(&wanted);
    set_limits(L, 3, &wanted);
    ud = atl_newuserdata(L, sizeof(*ud));
    ud->server = s = atl_calloc(1, sizeof(*s));
    luaL_setmetatable(L, SERVER_TYPE);
    s->vm = vm;
    start_face(L, s, vm);
    s->http.on_drained = on_drained;
    s->http.limits = wanted;
    lua_getfield(L, 3, "access_log");
    s->http.access_log = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return 1;
}

/* server:listen(host, port, backlog) -> url | nil, err */
static int
m_listen(lua_State *L)
{
    struct server *s = arg_server(L);
    const char *host = atl_arg_str(L, 2).ptr;
    int port = (int)atl_arg_number(L, 3), backlog = (int)atl_arg_number(L, 4);
    int err = atl_server_listen_tcp(&s->http, host, port, backlog);
    char url[128];

    if (err != 0) {
        lua_pushfstring(L, "%s:%d", host, port);
        return atl_push_error(L, s->vm, err, lua_tostring(L, -1));
    }
    atl_listener_url(
        ATL_OWNER(s->http.listeners.prev, struct atl_listener, link), "http",
        url, sizeof(url));
    lua_pushstring(L, url);
    return 1;
}

/* server:listen_unix(path, backlog) -> url | nil, err */
static int
m_listen_unix(lua_State *L)
{
    struct server *s = arg_server(L);
    const char *path = atl_arg_str(L, 2).ptr;
    int err = atl_server_listen_unix(&s->http, path, (int)atl_arg_number(L, 3));

    if (err != 0)
        return atl_push_error(L, s->vm, err, path);
    lua_pushfstring(L, "unix:%s", path);
    return 1;
}

struct drain_op {
    struct atl_wait wait;
    struct server *server;
};

static void
stop_draining(struct atl_wait *wait)
{
    ATL_OWNER(wait, struct drain_op, wait)->server->draining = NULL;
}

static const struct atl_wait_kind draining = {"drain", stop_draining};

/* server:drain(seconds, now) -> true | nil, err: the last connection has
 * closed, or ETIMEDOUT.  With `now` idle connections are closed at once. */
static int
m_drain(lua_State *L)
{
    struct server *s = arg_server(L);
    lua_Number secs = atl_arg_number(L, 2);
    bool now = lua_toboolean(L, 3);
    struct drain_op *op;
    int pushed = atl_check_task(L);

    if (pushed != 0)
        return pushed;
    if (s->http.conn_count == 0) {
        atl_server_drain(&s->http, now);
        lua_pushboolean(L, 1);
        return 1;
    }
    op = atl_task_op(L, sizeof(*op), &draining);
    op->server = s;
    s->draining = &op->wait;
    atl_wait_set_deadline(&op->wait,
                          s->vm->loop.now_ns + (uint64_t)(secs * 1e9));
    atl_server_drain(&s->http, now);
    return atl_await(L, &op->wait);
}

/* server:abort(): close every connection. */
static int
m_abort(lua_State *L)
{
    struct server *s = arg_server(L);

    atl_server_abort(&s->http);
    return 0;
}

static int
m_gc(lua_State *L)
{
    struct holder *ud = lua_touserdata(L, 1);

    /* serve.lua has seen the last connection close. */
    atl_server_deinit(&ud->server->http);
    atl_app_server_deinit(&ud->server->app);
    atl_free(ud->server);
    return 0;
}

static const struct atl_reg methods[] = {
    {"listen", m_listen, 0},
    {"listen_unix", m_listen_unix, 0},
    {"drain", m_drain, AWAITS},
    {"abort", m_abort, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__gc", m_gc, 0},
    {NULL, NULL, 0},
};

/*
 * watch(block_ms): log what blocks the loop longer, by default 50 ms; 0: don't
 */
static int
f_watch(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    lua_Number ms = lua_isnoneornil(L, 1) ? ATL_BLOCK_MS : atl_arg_number(L, 1);
    int err;

    if (!(ms >= 0 && ms <= ATL_MAX_BLOCK_MS))
        return atl_arg_error(L, 1, "milliseconds from 0 to 3600000 expected");
    if ((err = atl_watch_start(vm, (unsigned)ms, true)) != 0)
        return atl_push_error(L, vm, err, "watchdog");
    lua_pushboolean(L, 1);
    return 1;
}

static const struct atl_reg functions[] = {
    {"new", f_new, 0},
    {"watch", f_watch, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_server(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    atl_reg_type(L, vm, SERVER_TYPE, methods, metamethods);
    lua_pop(L, 1);
    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
