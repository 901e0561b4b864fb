/* multi.c - names with several values.  See multi.h.
 * SPDX-License-Identifier: MIT
 */
#include "app/multi.h"

#include <string.h>

#include "lua/args.h"
#include "lua/reg.h"
#include "web/cookie.h"
#include "web/query.h"

#define MAX_PAIRS 1000 /* of a query or of cookies; the rest is left out */
#define HEADERS_TYPE "atlas.Headers"

/*
 * Append the name and the value on top of the stack to the table below them.
 * Methods of the class must not be hidden by what a client sends.
 */
static void
add(lua_State *L, int *n)
{
    const char *name = lua_tostring(L, -2);

    lua_pushvalue(L, -2);
    lua_rawget(L, -4);
    if (lua_isnil(L, -1) && strcmp(name, "all") != 0 &&
        strcmp(name, "each") != 0) {
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_rawset(L, -6);
    }
    lua_pop(L, 1);
    lua_rawseti(L, -3, *n + 2);
    lua_rawseti(L, -2, *n + 1);
    *n += 2;
}

static void
start(lua_State *L, const struct atl_app_refs *refs)
{
    lua_newtable(L);
    atl_vm_push(L, refs->multi_meta);
    lua_setmetatable(L, -2);
}

/* --- query and cookies --- */

static void
push_query_text(lua_State *L, struct atl_str raw, bool coded)
{
    char small[256], *out = small;
    size_t len;

    if (!coded) {
        lua_pushlstring(L, raw.ptr, raw.len);
        return;
    }
    if (raw.len > sizeof(small))
        out = lua_newuserdata(L, raw.len);
    len = atl_query_decode(raw, out);
    lua_pushlstring(L, out, len);
    if (out != small)
        lua_remove(L, -2);
}

void
atl_multi_push_query(lua_State *L, const struct atl_app_refs *refs,
                     struct atl_str query)
{
    struct atl_query q;
    struct atl_query_pair pair;
    int n = 0;

    start(L, refs);
    atl_query_init(&q, query, MAX_PAIRS);
    while (atl_query_next(&q, &pair)) {
        push_query_text(L, pair.name, pair.name_coded);
        push_query_text(L, pair.value, pair.value_coded);
        add(L, &n);
    }
}

/* One Cookie field; there may be several, of HTTP/2 above all. */
static void
add_cookies(lua_State *L, struct atl_exchange *x, struct atl_str field, int *n)
{
    struct atl_cookies c;
    struct atl_cookie_pair pair;

    atl_cookies_init(&c, field, MAX_PAIRS);
    while (atl_cookies_next(&c, &pair)) {
        struct atl_str value =
            atl_cookie_text(pair.value, pair.coded, &x->arena);

        lua_pushlstring(L, pair.name.ptr, pair.name.len);
        lua_pushlstring(L, value.ptr, value.len);
        add(L, n);
    }
}

void
atl_multi_push_cookies(lua_State *L, const struct atl_app_refs *refs,
                       struct atl_exchange *x)
{
    int i, n = 0;

    start(L, refs);
    for (i = 0; i < x->req.field_count; i++)
        if (atl_str_eq(atl_request_str(&x->req, x->req.fields[i].name),
                       ATL_STR("cookie")))
            add_cookies(L, x, atl_request_str(&x->req, x->req.fields[i].value),
                        &n);
}

/* --- headers --- */

struct headers {
    struct atl_exchange *x;
    uint64_t serial;
};

/* Upvalue of the functions below, after VM and name: their methods. */
#define METHODS lua_upvalueindex(3)

void
atl_headers_push(lua_State *L, const struct atl_app_refs *refs,
                 struct atl_exchange *x)
{
    struct headers *h = atl_newuserdata(L, sizeof(*h));

    *h = (struct headers){x, x->serial};
    atl_vm_push(L, refs->headers_meta);
    lua_setmetatable(L, -2);
    if (x->server != NULL)
        return;
    lua_createtable(L, 1, 0); /* the request at 1 owns such an exchange */
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    atl_setuservalue(L, -2);
}

static const struct atl_request *
check_request(lua_State *L)
{
    const struct headers *h = atl_arg_userdata(L, 1, HEADERS_TYPE);

    if (h->x->serial != h->serial)
        atl_raise(L, "request.headers: the request is over; read what is "
                     "needed later while it runs");
    return &h->x->req;
}

/* The name at 2 in lower case, as the request has its own; in `small` or
 * collected. */
static struct atl_str
check_name(lua_State *L, char *small, size_t size)
{
    struct atl_str name = atl_arg_str(L, 2);
    char *lower = small;
    size_t i;

    for (i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            break;
    if (i == name.len)
        return name;
    if (name.len > size)
        lower = lua_newuserdata(L, name.len);
    for (i = 0; i < name.len; i++)
        lower[i] = atl_lower(name.ptr[i]);
    return (struct atl_str){lower, name.len};
}

/* headers[name] -> the first value, or nil; or one of the methods. */
static int
m_headers_index(lua_State *L)
{
    const struct atl_request *r = check_request(L);
    struct atl_str value;
    char small[64];

    lua_pushvalue(L, 2);
    lua_rawget(L, METHODS);
    if (!lua_isnil(L, -1))
        return 1;
    if (lua_type(L, 2) != LUA_TSTRING ||
        !atl_request_find(r, check_name(L, small, sizeof(small)), &value))
        return 0;
    lua_pushlstring(L, value.ptr, value.len);
    return 1;
}

/* headers:all(name) -> the values, in the order of the wire. */
static int
m_headers_all(lua_State *L)
{
    const struct atl_request *r = check_request(L);
    char small[64];
    struct atl_str name = check_name(L, small, sizeof(small));
    int i, n = 0;

    lua_newtable(L);
    for (i = 0; i < r->field_count; i++) {
        struct atl_str value = atl_request_str(r, r->fields[i].value);

        if (!atl_str_eq(atl_request_str(r, r->fields[i].name), name))
            continue;
        lua_pushlstring(L, value.ptr, value.len);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* The iterator of each(): (headers, i) with i as its own upvalue. */
static int
next_header(lua_State *L)
{
    const struct headers *h = lua_touserdata(L, lua_upvalueindex(1));
    int i = (int)lua_tointeger(L, lua_upvalueindex(2));
    const struct atl_request *r = &h->x->req;
    struct atl_str name, value;

    if (h->x->serial != h->serial || i >= r->field_count)
        return 0;
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(2));
    name = atl_request_str(r, r->fields[i].name);
    value = atl_request_str(r, r->fields[i].value);
    lua_pushlstring(L, name.ptr, name.len);
    lua_pushlstring(L, value.ptr, value.len);
    return 2;
}

/* for name, value in headers:each() do: in the order of the wire. */
static int
m_headers_each(lua_State *L)
{
    (void)check_request(L);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_header, 2);
    return 1;
}

int
atl_headers_open_type(lua_State *L, struct atl_vm *vm)
{
    static const struct atl_reg methods[] = {
        {"all", m_headers_all, 0},
        {"each", m_headers_each, 0},
        {NULL, NULL, 0},
    };
    static const struct atl_reg metamethods[] = {
        {"__pairs", m_headers_each, 0},
        {NULL, NULL, 0},
    };

    atl_reg_type(L, vm, HEADERS_TYPE, NULL, metamethods);
    lua_pushlightuserdata(L, vm);
    lua_pushliteral(L, "headers");
    lua_newtable(L);
    atl_reg_set(L, vm, methods);
    lua_pushcclosure(L, m_headers_index, 3);
    lua_setfield(L, -2, "__index");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}
