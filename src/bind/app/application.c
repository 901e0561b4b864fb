/* application.c - module atlas.application.core: the C half of an Application.
 * SPDX-License-Identifier: MIT
 *
 * lua/atlas/application.lua is its only user and checks what users give.
 */
#include <string.h>

#include "app/app.h"
#include "app/multi.h"
#include "app/params.h"
#include "app/reply.h"
#include "app/request.h"
#include "base/alloc.h"
#include "base/err.h"
#include "bind/app/app.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"

/* The registry holds what all applications of a VM share under this key. */
static const char refs_key;

static struct atl_app_refs *
get_refs(lua_State *L)
{
    struct atl_app_refs *refs;

    lua_pushlightuserdata(L, (void *)&refs_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    refs = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return refs;
}

struct atl_app_refs *
atl_bind_app_refs(lua_State *L)
{
    return get_refs(L);
}

struct atl_app *
atl_bind_app_arg(lua_State *L, int arg)
{
    return atl_arg_userdata(L, arg, ATL_APP_TYPE);
}

#define arg_app atl_bind_app_arg

/* --- values --- */

/* Keep the value at `index` with the application at 1; 0 for nil. */
static int
keep(lua_State *L, struct atl_app *app, int index)
{
    if (lua_isnoneornil(L, index))
        return 0;
    atl_getuservalue(L, 1);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, ++app->value_count);
    lua_pop(L, 1);
    return app->value_count;
}

/* --- making one --- */

/* new() -> core */
static int
f_new(lua_State *L)
{
    struct atl_app_refs *refs = get_refs(L);
    struct atl_app *app = atl_newuserdata(L, sizeof(*app));

    memset(app, 0, sizeof(*app));
    app->vm = ATL_VM(L);
    app->refs = refs;
    luaL_setmetatable(L, ATL_APP_TYPE);
    app->router = atl_router_new();
    lua_newtable(L);
    lua_pushvalue(L, -1);
    atl_setuservalue(L, -3);
    atl_vm_push(L, refs->values);
    lua_insert(L, -2);
    app->id = luaL_ref(L, -2);
    lua_pop(L, 1);
    return 1;
}

static int
m_gc(lua_State *L)
{
    struct atl_app *app = lua_touserdata(L, 1);
    int i;

    for (i = 0; i < app->route_count; i++) {
        atl_pattern_free(app->routes[i]->path);
        atl_pattern_free(app->routes[i]->host);
        atl_free(app->routes[i]);
    }
    atl_free(app->routes);
    atl_router_free(app->router);
    if (app->id != 0) {
        atl_vm_push(L, app->refs->values);
        luaL_unref(L, -1, app->id);
    }
    memset(app, 0, sizeof(*app));
    return 0;
}

static struct atl_app_route *
new_route(struct atl_app *app)
{
    struct atl_app_route *route = atl_calloc(1, sizeof(*route));

    if (app->route_count == app->route_room) {
        app->route_room = app->route_room ? app->route_room * 2 : 8;
        app->routes =
            atl_realloc(app->routes, (size_t)app->route_room *
                                         sizeof(struct atl_app_route *));
    }
    app->routes[app->route_count++] = route;
    route->max_body = UINT64_MAX;
    return route;
}

static void
drop_route(struct atl_app *app)
{
    struct atl_app_route *route = app->routes[--app->route_count];

    atl_pattern_free(route->path);
    atl_pattern_free(route->host);
    atl_free(route);
}

/* Parse the patterns at `path` and `host` (may be nil) into `route`. */
static int
parse_patterns(lua_State *L, struct atl_app *app, struct atl_app_route *route,
               int path, int host, struct atl_pattern_error *error)
{
    struct atl_str text = atl_arg_str(L, path);
    int err = atl_pattern_new(text, ATL_PATTERN_PATH, &app->refs->converters,
                              &route->path, error);

    if (err != 0 || lua_isnoneornil(L, host))
        return err;
    return atl_pattern_new(atl_arg_str(L, host), ATL_PATTERN_HOST,
                           &app->refs->converters, &route->host, error);
}

/* The methods in the list at `index`; `names` is set if one can't be. */
static uint64_t
read_methods(lua_State *L, struct atl_app *app, int index)
{
    uint64_t mask = 0, bit;
    int i, n = (int)atl_rawlen(L, index);

    for (i = 1; i <= n; i++) {
        lua_rawgeti(L, index, i);
        bit = atl_router_add_method(app->router, atl_arg_str(L, -1));
        lua_pop(L, 1);
        if (bit == 0)
            return 0;
        mask |= bit;
    }
    return mask;
}

static void
read_options(lua_State *L, struct atl_app_route *route, int index)
{
    lua_getfield(L, index, "max_body");
    if (!lua_isnil(L, -1))
        route->max_body = (uint64_t)lua_tonumber(L, -1);
    lua_getfield(L, index, "on_disconnect");
    if (lua_type(L, -1) == LUA_TSTRING) {
        route->finishes = strcmp(lua_tostring(L, -1), "finish") == 0;
        route->cancels = !route->finishes;
    }
    lua_pop(L, 2);
}

/* Drop the new route and return nil and the message. */
static int
push_refusal(lua_State *L, struct atl_app *app,
             const struct atl_pattern_error *error)
{
    drop_route(app);
    lua_pushnil(L);
    lua_pushstring(L, error->text);
    return 2;
}

/*
 * add(core, path, host, methods, handler, entry, object, options) -> true |
 * nil, message
 */
static int
f_add(lua_State *L)
{
    struct atl_app *app = arg_app(L, 1);
    struct atl_pattern_error error;
    struct atl_app_route *route;
    uint64_t methods = read_methods(L, app, 4);

    if (methods == 0) {
        lua_pushnil(L);
        lua_pushliteral(L, "a list of methods such as \"GET\" expected");
        return 2;
    }
    route = new_route(app);
    if (parse_patterns(L, app, route, 2, 3, &error) != 0 ||
        atl_router_add(app->router, route->host, route->path, methods, route,
                       NULL, &error) != 0)
        return push_refusal(L, app, &error);
    route->kind = ATL_APP_HANDLER;
    route->parses =
        atl_params_parsed(route->path) || atl_params_parsed(route->host);
    route->handler = keep(L, app, 5);
    route->entry = keep(L, app, 6);
    route->object = keep(L, app, 7);
    read_options(L, route, 8);
    lua_pushboolean(L, 1);
    return 1;
}

/* mount(core, path, host, callable | core of another) -> true | nil, message */
static int
f_mount(lua_State *L)
{
    struct atl_app *app = arg_app(L, 1);
    struct atl_pattern_error error;
    struct atl_app_route *route = new_route(app);

    if (parse_patterns(L, app, route, 2, 3, &error) != 0 ||
        atl_router_mount(app->router, route->host, route->path, route, NULL,
                         &error) != 0)
        return push_refusal(L, app, &error);
    route->kind = ATL_APP_LASGI;
    route->parses =
        atl_params_parsed(route->path) || atl_params_parsed(route->host);
    if (lua_type(L, 4) == LUA_TUSERDATA) {
        route->kind = ATL_APP_MOUNT;
        route->mount = arg_app(L, 4);
    }
    route->handler = keep(L, app, 4);
    lua_pushboolean(L, 1);
    return 1;
}

/* set(core, name, value): "entry" (a function or nil), "errors", "debug". */
static int
f_set(lua_State *L)
{
    struct atl_app *app = arg_app(L, 1);
    const char *name = atl_arg_str(L, 2).ptr;

    if (strcmp(name, "entry") == 0)
        app->entry = keep(L, app, 3);
    else if (strcmp(name, "errors") == 0)
        app->has_errors = lua_toboolean(L, 3);
    else if (strcmp(name, "debug") == 0)
        app->debug = lua_toboolean(L, 3);
    return 0;
}

static const struct atl_reg functions[] = {
    {"new", f_new, 0}, {"add", f_add, 0}, {"mount", f_mount, 0},
    {"set", f_set, 0}, {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__gc", m_gc, 0},
    {NULL, NULL, 0},
};

/* --- what all applications share --- */

static int
ref_field(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/*
 * setup(parts): called once by the Lua half with what C calls or recognises:
 * functions, metatables and the methods of requests.
 */
static int
f_setup(lua_State *L)
{
    struct atl_app_refs *refs = get_refs(L);

    luaL_checktype(L, 1, LUA_TTABLE);
    refs->multi_meta = ref_field(L, 1, "multi_meta");
    refs->response_meta = ref_field(L, 1, "response_meta");
    refs->http_error_meta = ref_field(L, 1, "http_error_meta");
    refs->innermost = ref_field(L, 1, "innermost");
    refs->handle_error = ref_field(L, 1, "handle_error");
    refs->send_later = ref_field(L, 1, "send_later");
    refs->call_lasgi = ref_field(L, 1, "call_lasgi");
    refs->keep_trace = ref_field(L, 1, "keep_trace");
    lua_getfield(L, 1, "request_methods");
    atl_request_open_types(L, ATL_VM(L), refs);
    return 0;
}

static int
m_refs_gc(lua_State *L)
{
    struct atl_app_refs *refs = lua_touserdata(L, 1);

    atl_converters_deinit(&refs->converters);
    return 0;
}

/* Make the struct atl_app_refs of this VM, as a userdata in the registry. */
static void
open_refs(lua_State *L, struct atl_vm *vm)
{
    struct atl_app_refs *refs;

    lua_pushlightuserdata(L, (void *)&refs_key);
    refs = atl_newuserdata(L, sizeof(*refs));
    memset(refs, 0, sizeof(*refs));
    refs->vm = vm;
    atl_converters_init(&refs->converters);
    lua_newtable(L);
    lua_pushcfunction(L, m_refs_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_newtable(L); /* weak values: an application that nobody has is gone */
    lua_newtable(L);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    refs->values = luaL_ref(L, LUA_REGISTRYINDEX);
    refs->keys = atl_reply_make_keys(L);
    refs->headers_meta = atl_headers_open_type(L, vm);
}

int
luaopen_atlas_application(lua_State *L)
{
    static const struct atl_reg setup[] = {
        {"setup", f_setup, 0},
        {NULL, NULL, 0},
    };
    struct atl_vm *vm = ATL_VM(L);

    open_refs(L, vm);
    atl_reg_type(L, vm, ATL_APP_TYPE, NULL, metamethods);
    lua_pop(L, 1);
    lua_newtable(L);
    atl_reg_set(L, vm, setup);
    atl_reg_set(L, vm, functions);
    atl_reg_set(L, vm, atl_bind_request_functions);
    atl_reg_set(L, vm, atl_bind_web_functions);
    return 1;
}
