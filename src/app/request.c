/* request.c - a request as its handler sees it.  See request.h.
 * SPDX-License-Identifier: MIT
 */
#include "app/request.h"

#include "app/multi.h"
#include "app/params.h"
#include "base/request_id.h"
#include "lua/args.h"
#include "lua/reg.h"

/* Of a request outside any server. */
#define DIRECT_TYPE ATL_REQUEST_TYPE ".direct"

void
atl_request_push(lua_State *L, const struct atl_app_refs *refs,
                 struct atl_exchange *x)
{
    struct atl_request_ud *ud = atl_newuserdata(L, sizeof(*ud));

    *ud = (struct atl_request_ud){.x = x, .serial = x->serial, .refs = refs};
    atl_vm_push(L, refs->request_meta);
    lua_setmetatable(L, -2);
}

struct atl_exchange *
atl_request_check(lua_State *L, int arg)
{
    struct atl_request_ud *ud = luaL_testudata(L, arg, DIRECT_TYPE);
    struct atl_exchange *x;

    if (ud == NULL)
        ud = atl_arg_userdata(L, arg, ATL_REQUEST_TYPE);
    if ((x = atl_request_exchange(ud)) == NULL)
        atl_raise(L, "the request is over");
    return x;
}

/* --- one function a field: pushes its value --- */

static void
push_span(lua_State *L, struct atl_exchange *x, struct atl_span span)
{
    struct atl_str s = atl_request_str(&x->req, span);

    lua_pushlstring(L, s.ptr, s.len);
}

static void
push_method(lua_State *L, struct atl_exchange *x)
{
    push_span(L, x, x->req.method);
}

static void
push_path(lua_State *L, struct atl_exchange *x)
{
    atl_call_push_path(L, x, x->req.path.len);
}

static void
push_raw_path(lua_State *L, struct atl_exchange *x)
{
    push_span(L, x, x->req.path);
}

static void
push_query_string(lua_State *L, struct atl_exchange *x)
{
    push_span(L, x, x->req.query);
}

static void
push_root_path(lua_State *L, struct atl_exchange *x)
{
    atl_call_push_path(L, x, atl_app_call_of(x)->call.root_len);
}

static void
push_query(lua_State *L, struct atl_exchange *x)
{
    atl_multi_push_query(L, atl_app_call_of(x)->refs,
                         atl_request_str(&x->req, x->req.query));
}

static void
push_headers(lua_State *L, struct atl_exchange *x)
{
    atl_headers_push(L, atl_app_call_of(x)->refs, x);
}

static void
push_cookies(lua_State *L, struct atl_exchange *x)
{
    atl_multi_push_cookies(L, atl_app_call_of(x)->refs, x);
}

static void
push_params(lua_State *L, struct atl_exchange *x)
{
    atl_params_push_table(L, x);
}

/* {host, port, host = host, port = port}, or nil on a unix socket. */
static void
push_client(lua_State *L, struct atl_exchange *x)
{
    atl_call_push_client(L, x);
    if (lua_isnil(L, -1))
        return;
    lua_rawgeti(L, -1, 1);
    lua_setfield(L, -2, "host");
    lua_rawgeti(L, -1, 2);
    lua_setfield(L, -2, "port");
}

static void
push_scheme(lua_State *L, struct atl_exchange *x)
{
    (void)x;
    lua_pushliteral(L, "http");
}

static void
push_host(lua_State *L, struct atl_exchange *x)
{
    push_span(L, x, x->req.host);
}

static void
push_url(lua_State *L, struct atl_exchange *x)
{
    push_scheme(L, x);
    lua_pushliteral(L, "://");
    push_host(L, x);
    push_raw_path(L, x);
    lua_pushstring(L, x->req.query.len > 0 ? "?" : "");
    push_query_string(L, x);
    lua_concat(L, 6);
}

static void
push_id(lua_State *L, struct atl_exchange *x)
{
    char id[ATL_REQUEST_ID_MAX];

    lua_pushlstring(L, id, atl_request_id(x->serial, id));
}

static void
push_state(lua_State *L, struct atl_exchange *x)
{
    const struct atl_app_call *call = atl_app_call_of(x);

    if (call->server != NULL)
        atl_call_push_state(L, &call->server->lasgi);
    else
        lua_newtable(L);
}

/* The Route, or nil where none was found. */
static void
push_route(lua_State *L, struct atl_exchange *x)
{
    const struct atl_app_call *call = atl_app_call_of(x);

    if (call->route != NULL && call->route->object != 0)
        atl_app_push_value(L, call->levels[call->level_count - 1].app,
                           call->route->object);
    else
        lua_pushnil(L);
}

struct request_field {
    const char *name;
    void (*push)(lua_State *L, struct atl_exchange *x);
    bool keep; /* a table or userdata: each read gives the same one */
};

static const struct request_field request_fields[] = {
    {"method", push_method, false},
    {"path", push_path, false},
    {"headers", push_headers, true},
    {"query", push_query, true},
    {"params", push_params, true},
    {"cookies", push_cookies, true},
    {"state", push_state, true},
    {"raw_path", push_raw_path, false},
    {"query_string", push_query_string, false},
    {"root_path", push_root_path, false},
    {"client", push_client, true},
    {"scheme", push_scheme, false},
    {"host", push_host, false},
    {"url", push_url, false},
    {"http_version", atl_call_push_version, false},
    {"route", push_route, false},
    {"id", push_id, false},
};

#define FIELD_COUNT (sizeof(request_fields) / sizeof(request_fields[0]))

/* --- reading and setting --- */

/* Upvalues of __index after the VM and the name: name -> number of the field;
 * name -> method. */
#define FIELDS lua_upvalueindex(3)
#define METHODS lua_upvalueindex(4)

/* Push the table of what was set or computed; made on demand. */
static void
push_fields(lua_State *L, struct atl_request_ud *ud)
{
    if (ud->has_fields) {
        atl_getuservalue(L, 1);
        return;
    }
    lua_newtable(L);
    lua_pushvalue(L, -1);
    atl_setuservalue(L, 1);
    ud->has_fields = true;
}

/* What was set, or kept: true if there is something, which is pushed. */
static bool
push_kept(lua_State *L, struct atl_request_ud *ud)
{
    if (!ud->has_fields)
        return false;
    atl_getuservalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 2);
    return false;
}

static int
m_index(lua_State *L)
{
    struct atl_request_ud *ud = lua_touserdata(L, 1);
    const struct request_field *field;
    struct atl_exchange *x;
    int n;

    if (push_kept(L, ud))
        return 1;
    lua_pushvalue(L, 2);
    lua_rawget(L, METHODS);
    if (!lua_isnil(L, -1))
        return 1;
    lua_pushvalue(L, 2);
    lua_rawget(L, FIELDS);
    if ((n = (int)lua_tointeger(L, -1)) == 0)
        return 0;
    field = &request_fields[n - 1];
    if ((x = atl_request_exchange(ud)) == NULL)
        atl_raise(L,
                  "request.%s: the request is over; read what is needed later "
                  "while it runs",
                  field->name);
    field->push(L, x);
    if (field->keep && !lua_isnil(L, -1)) {
        push_fields(L, ud);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -3);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
    return 1;
}

static int
m_newindex(lua_State *L)
{
    push_fields(L, lua_touserdata(L, 1));
    lua_insert(L, 2);
    lua_rawset(L, 2);
    return 0;
}

static int
m_tostring(lua_State *L)
{
    struct atl_exchange *x = atl_request_exchange(lua_touserdata(L, 1));

    if (x == NULL) {
        lua_pushliteral(L, ATL_REQUEST_TYPE " (over)");
        return 1;
    }
    lua_pushliteral(L, ATL_REQUEST_TYPE " (");
    push_method(L, x);
    lua_pushliteral(L, " ");
    push_raw_path(L, x);
    lua_pushliteral(L, ")");
    lua_concat(L, 5);
    return 1;
}

/* A request outside any server owns its exchange. */
static int
m_gc(lua_State *L)
{
    struct atl_request_ud *ud = lua_touserdata(L, 1);

    if (ud->x != NULL)
        atl_exchange_free(ud->x);
    ud->x = NULL;
    return 0;
}

/* Push {name = number of the field}. */
static void
push_field_numbers(lua_State *L)
{
    size_t i;

    lua_createtable(L, 0, (int)FIELD_COUNT);
    for (i = 0; i < FIELD_COUNT; i++) {
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_setfield(L, -2, request_fields[i].name);
    }
}

/* The metatable `type`; the table of methods is on top, and stays. */
static int
open_type(lua_State *L, struct atl_vm *vm, const char *type, bool owns)
{
    static const struct atl_reg metamethods[] = {
        {"__newindex", m_newindex, 0},
        {"__tostring", m_tostring, 0},
        {NULL, NULL, 0},
    };

    atl_reg_type(L, vm, type, NULL, metamethods);
    lua_pushlightuserdata(L, vm);
    lua_pushliteral(L, "request");
    push_field_numbers(L);
    lua_pushvalue(L, -5);
    lua_pushcclosure(L, m_index, 4);
    lua_setfield(L, -2, "__index");
    if (owns) {
        lua_pushcfunction(L, m_gc);
        lua_setfield(L, -2, "__gc");
    }
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void
atl_request_open_types(lua_State *L, struct atl_vm *vm,
                       struct atl_app_refs *refs)
{
    refs->request_meta = open_type(L, vm, ATL_REQUEST_TYPE, false);
    refs->direct_meta = open_type(L, vm, DIRECT_TYPE, true);
}
