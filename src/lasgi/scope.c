/* scope.c - the scope of an HTTP request, computed as it is read.
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <string.h>

#include "base/url.h"
#include "lasgi/lasgi.h"
#include "lua/args.h"
#include "lua/reg.h"

#define SCOPE_TYPE "atlas.Scope"

void
atl_scope_push(lua_State *L, struct atl_lasgi *l, struct atl_exchange *x)
{
    struct atl_scope_ud *ud = atl_newuserdata(L, sizeof(*ud));

    *ud = (struct atl_scope_ud){.x = x, .serial = x->serial, .lasgi = l};
    atl_vm_push(L, l->scope_meta);
    lua_setmetatable(L, -2);
}

/* --- one function a field: pushes its value --- */

static void
push_str(lua_State *L, struct atl_exchange *x, struct atl_span span)
{
    struct atl_str s = atl_request_str(&x->req, span);

    lua_pushlstring(L, s.ptr, s.len);
}

static void
push_type(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    (void)x;
    lua_pushliteral(L, "http");
}

/* Push {version = ..., spec_version = ...}. */
static void
push_versions(lua_State *L, const char *version, const char *spec)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, version);
    lua_setfield(L, -2, "version");
    lua_pushstring(L, spec);
    lua_setfield(L, -2, "spec_version");
}

static void
push_lasgi(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    (void)x;
    push_versions(L, "1.0", "1.0");
}

static void
push_asgi(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    (void)x;
    push_versions(L, "3.0", "2.3");
}

void
atl_call_push_version(lua_State *L, struct atl_exchange *x)
{
    if (x->req.version_major == 2)
        lua_pushliteral(L, "2");
    else if (x->req.version_minor == 0)
        lua_pushliteral(L, "1.0");
    else
        lua_pushliteral(L, "1.1");
}

static void
push_http_version(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    atl_call_push_version(L, x);
}

static void
push_method(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    push_str(L, x, x->req.method);
}

static void
push_scheme(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    (void)x;
    lua_pushliteral(L, "http");
}

void
atl_call_push_path(lua_State *L, struct atl_exchange *x, size_t raw_len)
{
    struct atl_str raw = atl_request_str(&x->req, x->req.path);
    char small[512], *decoded = small;
    size_t len = 0;

    assert(raw_len <= raw.len);
    raw.len = raw_len;
    if (x->req.path_is_plain) {
        lua_pushlstring(L, raw.ptr, raw.len);
        return;
    }
    if (raw.len > sizeof(small))
        decoded = lua_newuserdata(L, raw.len);
    if (atl_url_decode(raw, decoded, &len) != 0)
        len = 0; /* not reached: the parser has checked it */
    lua_pushlstring(L, decoded, len);
    if (decoded != small)
        lua_remove(L, -2);
}

static void
push_path(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    atl_call_push_path(L, x, x->req.path.len);
}

static void
push_raw_path(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    push_str(L, x, x->req.path);
}

static void
push_query_string(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    push_str(L, x, x->req.query);
}

static void
push_root_path(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    atl_call_push_path(L, x, atl_call_of(x)->root_len);
}

static void
push_headers(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    int i;

    (void)ud;
    lua_createtable(L, x->req.field_count, 0);
    for (i = 0; i < x->req.field_count; i++) {
        lua_createtable(L, 2, 0);
        push_str(L, x, x->req.fields[i].name);
        lua_rawseti(L, -2, 1);
        push_str(L, x, x->req.fields[i].value);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, i + 1);
    }
}

/* Push {host, port}; a `port` of -1 leaves the second place empty. */
static void
push_address(lua_State *L, const char *host, int port)
{
    lua_createtable(L, 2, 0);
    lua_pushstring(L, host);
    lua_rawseti(L, -2, 1);
    if (port < 0)
        return;
    lua_pushinteger(L, port);
    lua_rawseti(L, -2, 2);
}

void
atl_call_push_client(lua_State *L, struct atl_exchange *x)
{
    char host[64];
    int port;

    if (atl_exchange_peer(x, host, sizeof(host), &port) == 0 && host[0] != '\0')
        push_address(L, host, port);
    else
        lua_pushnil(L);
}

static void
push_client(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    atl_call_push_client(L, x);
}

void
atl_call_push_server(lua_State *L, struct atl_exchange *x)
{
    char host[128];
    int port;

    if (atl_exchange_local(x, host, sizeof(host), &port) == 0)
        push_address(L, host, port);
    else
        lua_pushnil(L);
}

static void
push_server(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)ud;
    atl_call_push_server(L, x);
}

/* A copy, so that what a request sets stays its own. */
void
atl_call_push_state(lua_State *L, const struct atl_lasgi *l)
{
    lua_newtable(L);
    atl_vm_push(L, l->state);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

static void
push_state(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    (void)x;
    atl_call_push_state(L, ud->lasgi);
}

/* The scope itself stands at 1, as in every metamethod. */
static void
push_extensions(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x)
{
    static const char *const names[] = {"http.response.pathsend",
                                        "http.response.informational",
                                        "http.response.trailers"};
    size_t i;

    (void)x;
    lua_createtable(L, 0, 4);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lua_newtable(L);
        lua_setfield(L, -2, names[i]);
    }
    lua_pushlightuserdata(L, ud->lasgi->vm);
    lua_pushliteral(L, "atlas.max_body");
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, atl_lasgi_max_body, 3);
    lua_setfield(L, -2, "atlas.max_body");
}

struct scope_field {
    const char *name;
    void (*push)(lua_State *L, struct atl_scope_ud *ud, struct atl_exchange *x);
    bool keep; /* a table: each read gives the same one */
};

static const struct scope_field scope_fields[] = {
    {"type", push_type, false},
    {"lasgi", push_lasgi, true},
    {"asgi", push_asgi, true},
    {"http_version", push_http_version, false},
    {"method", push_method, false},
    {"scheme", push_scheme, false},
    {"path", push_path, false},
    {"raw_path", push_raw_path, false},
    {"query_string", push_query_string, false},
    {"root_path", push_root_path, false},
    {"headers", push_headers, true},
    {"client", push_client, true},
    {"server", push_server, true},
    {"state", push_state, true},
    {"extensions", push_extensions, true},
};

#define FIELD_COUNT (sizeof(scope_fields) / sizeof(scope_fields[0]))

static_assert(FIELD_COUNT == ATL_SCOPE_FIELDS, "one key a field");

static const struct scope_field *
find_field(const struct atl_lasgi *l, const char *name)
{
    size_t i;

    for (i = 0; i < FIELD_COUNT; i++)
        if (l->scope_keys[i] == name)
            return &scope_fields[i];
    return NULL;
}

/* --- what was set, and the tables that were made --- */

/* Stands for a field that was set to nil. */
static const char set_to_nil;

/* Push the table of fields of the scope at 1. */
static void
push_fields(lua_State *L, struct atl_scope_ud *ud)
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

/* Set fields[key at 2] to the popped value. */
static void
set_field(lua_State *L, struct atl_scope_ud *ud)
{
    push_fields(L, ud);
    lua_insert(L, -2);
    lua_pushvalue(L, 2);
    lua_insert(L, -2);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* With the key at 2: push its value. */
static void
push_field(lua_State *L, struct atl_scope_ud *ud)
{
    const struct scope_field *field = NULL;
    struct atl_exchange *x;

    if (ud->has_fields) {
        atl_getuservalue(L, 1);
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
        lua_replace(L, -2);
        if (lua_touserdata(L, -1) == &set_to_nil) {
            lua_pop(L, 1);
            lua_pushnil(L);
            return;
        }
        if (!lua_isnil(L, -1))
            return;
        lua_pop(L, 1);
    }
    if (lua_type(L, 2) == LUA_TSTRING)
        field = find_field(ud->lasgi, lua_tostring(L, 2));
    if (field == NULL) {
        lua_pushnil(L);
        return;
    }
    if ((x = atl_scope_exchange(ud)) == NULL)
        atl_raise(L,
                  "scope.%s: the request is over; read what is needed later "
                  "while it runs",
                  field->name);
    field->push(L, ud, x);
    if (field->keep && !lua_isnil(L, -1)) {
        lua_pushvalue(L, -1);
        set_field(L, ud);
    }
}

static int
m_index(lua_State *L)
{
    push_field(L, lua_touserdata(L, 1));
    return 1;
}

static int
m_newindex(lua_State *L)
{
    if (lua_isnil(L, 3)) {
        lua_pushlightuserdata(L, (void *)&set_to_nil);
        lua_replace(L, 3);
    }
    lua_settop(L, 3);
    set_field(L, lua_touserdata(L, 1));
    return 0;
}

/* Copy what was set into the table at 3; nil takes a field away. */
static void
add_set_fields(lua_State *L)
{
    atl_getuservalue(L, 1);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_touserdata(L, -1) == &set_to_nil) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 3);
    }
    lua_pop(L, 1);
}

/* pairs(scope): over a copy that holds every field. */
static int
m_pairs(lua_State *L)
{
    struct atl_scope_ud *ud = lua_touserdata(L, 1);
    size_t i;

    lua_settop(L, 2); /* 2 is where push_field() looks for the key */
    lua_newtable(L);
    for (i = 0; i < FIELD_COUNT; i++) {
        lua_pushstring(L, scope_fields[i].name);
        lua_replace(L, 2);
        lua_pushvalue(L, 2);
        push_field(L, ud);
        lua_rawset(L, 3);
    }
    if (ud->has_fields)
        add_set_fields(L);
    lua_getglobal(L, "next");
    lua_pushvalue(L, 3);
    lua_pushnil(L);
    return 3;
}

void
atl_scope_open_type(struct atl_lasgi *l)
{
    static const struct atl_reg metamethods[] = {
        {"__index", m_index, 0},
        {"__newindex", m_newindex, 0},
        {"__pairs", m_pairs, 0},
        {NULL, NULL, 0},
    };
    lua_State *L = l->vm->L;
    size_t i;

    atl_reg_type(L, l->vm, SCOPE_TYPE, NULL, metamethods);
    for (i = 0; i < FIELD_COUNT; i++) {
        lua_pushstring(L, scope_fields[i].name);
        l->scope_keys[i] = lua_tostring(L, -1);
        lua_rawseti(L, -2, (int)i + 1);
    }
    l->scope_meta = luaL_ref(L, LUA_REGISTRYINDEX);
}
