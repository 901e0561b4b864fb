/* reply.c - what a handler returned becomes the response (stop 8).
 * SPDX-License-Identifier: MIT
 */
#include "app/reply.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lua/error.h"
#include "lua/json.h"
#include "web/media.h"

#define KEPT_JSON 65536 /* bytes of an encoder's buffer kept for the next */

/* The strings that a Response is read with, in the order of `key_names`. */
enum key {
    STATUS = 1,
    BODY,
    CONTENT_TYPE,
    HEADERS,
    COOKIES,
    SEND,
    KEY_END
};

static const char *const key_names[KEY_END] = {
    [STATUS] = "status",
    [BODY] = "body",
    [CONTENT_TYPE] = "content_type",
    [HEADERS] = "headers",
    [COOKIES] = "cookies",
    [SEND] = "send",
};

int
atl_reply_make_keys(lua_State *L)
{
    int i;

    lua_createtable(L, KEY_END, 0);
    for (i = STATUS; i < KEY_END; i++) {
        lua_pushstring(L, key_names[i]);
        lua_rawseti(L, -2, i);
    }
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Push response[key] without asking its class. */
static void
get(lua_State *L, const struct atl_app_refs *refs, int response, enum key key)
{
    atl_vm_push(L, refs->keys);
    lua_rawgeti(L, -1, key);
    lua_replace(L, -2);
    lua_rawget(L, response);
}

/* --- heads --- */

static int fail(lua_State *L, struct atl_exchange *x, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Push why the response can't be sent, and forget what was held. */
static int
fail(lua_State *L, struct atl_exchange *x, const char *format, ...)
{
    va_list args;

    atl_response_reset(x);
    va_start(args, format);
    lua_pushvfstring(L, format, args);
    va_end(args);
    return ATL_E_INVALID;
}

/* "Name: value" of the two topmost values; pops none. */
static int
put_header(lua_State *L, struct atl_exchange *x, bool *has_type)
{
    struct atl_str name, value;
    int err;

    if (lua_type(L, -2) != LUA_TSTRING)
        return fail(L, x,
                    "response headers: name = value or {name, value} "
                    "expected");
    if (!lua_isstring(L, -1))
        return fail(L, x, "response header %s: a string expected, got %s",
                    lua_tostring(L, -2), luaL_typename(L, -1));
    name.ptr = lua_tolstring(L, -2, &name.len);
    lua_pushvalue(L, -1); /* a number must stay one in the user's table */
    value.ptr = lua_tolstring(L, -1, &value.len);
    err = atl_response_field(x, name, value);
    if (err == ATL_E_INVALID)
        return fail(L, x, "bad response header '%s'", name.ptr);
    lua_pop(L, 1);
    *has_type |=
        name.len == 12 && atl_str_eq_nocase(name, ATL_STR("content-type"));
    return 0;
}

/* A value that is a list: the header is repeated. */
static int
put_repeated(lua_State *L, struct atl_exchange *x, bool *has_type)
{
    int i, n = (int)atl_rawlen(L, -1), err = 0;

    for (i = 1; i <= n && err == 0; i++) {
        lua_pushvalue(L, -2);
        lua_rawgeti(L, -2, i);
        if ((err = put_header(L, x, has_type)) == 0)
            lua_pop(L, 2);
    }
    return err;
}

/* {["x-name"] = value | {value, ...}} or {{name, value}, ...}, on top. */
static int
put_headers(lua_State *L, struct atl_exchange *x, bool *has_type)
{
    int headers = lua_gettop(L), err;

    lua_pushnil(L);
    while (lua_next(L, headers)) {
        if (lua_type(L, -2) == LUA_TNUMBER && lua_istable(L, -1)) {
            lua_rawgeti(L, -1, 1);
            lua_rawgeti(L, -2, 2);
            err = put_header(L, x, has_type);
            lua_pop(L, err == 0 ? 2 : 0);
        } else if (lua_istable(L, -1)) {
            err = put_repeated(L, x, has_type);
        } else {
            err = put_header(L, x, has_type);
        }
        if (err != 0)
            return err;
        lua_pop(L, 1);
    }
    return 0;
}

/* The content type on top of the stack; text gets a charset. */
static int
put_type(lua_State *L, struct atl_exchange *x)
{
    static const struct atl_str charset = {"; charset=utf-8", 15};
    struct atl_str type = {NULL, 0};
    char text[160];

    type.ptr = lua_tolstring(L, -1, &type.len);
    if (type.len + charset.len <= sizeof(text) &&
        atl_media_wants_charset(type)) {
        memcpy(text, type.ptr, type.len);
        memcpy(text + type.len, charset.ptr, charset.len);
        type = (struct atl_str){text, type.len + charset.len};
    }
    return atl_response_field(x, ATL_STR("content-type"), type);
}

/* --- bodies --- */

int
atl_reply_bytes(struct atl_exchange *x, struct atl_str type,
                struct atl_str body)
{
    int err = atl_response_start(x, 200);

    if (err != 0)
        return err;
    if ((err = atl_response_field(x, ATL_STR("content-type"), type)) != 0)
        return err;
    return atl_response_body(x, body, false);
}

int
atl_reply_json(lua_State *L, struct atl_app_server *s, struct atl_exchange *x,
               int index)
{
    struct atl_buf *out = &s->json;
    int err;

    out->len = 0;
    if (atl_json_encode(L, s->lasgi.vm, index, out, NULL) != 0) {
        lua_getfield(L, -1, "message");
        return ATL_E_INVALID;
    }
    err = atl_reply_bytes(x, ATL_STR("application/json"),
                          (struct atl_str){out->data, out->len});
    if (out->cap > KEPT_JSON)
        atl_buf_deinit(out);
    return err;
}

/* --- a Response --- */

static int
get_status(lua_State *L, struct atl_exchange *x,
           const struct atl_app_refs *refs, int index, unsigned *out)
{
    lua_Number n;

    get(L, refs, index, STATUS);
    n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (!(n >= 200 && n <= 999 && n == (lua_Number)(unsigned)n))
        return fail(L, x,
                    "response status: an integer from 200 to 999 "
                    "expected, got %s",
                    lua_isstring(L, -1) ? lua_tostring(L, -1)
                                        : luaL_typename(L, -1));
    *out = (unsigned)n;
    lua_pop(L, 1);
    return 0;
}

static int
put_cookies(lua_State *L, struct atl_exchange *x,
            const struct atl_app_refs *refs, int index)
{
    int i, n, err;

    get(L, refs, index, COOKIES);
    n = lua_istable(L, -1) ? (int)atl_rawlen(L, -1) : 0;
    for (i = 1; i <= n; i++) {
        struct atl_str value = {NULL, 0};

        lua_rawgeti(L, -1, i);
        if (lua_type(L, -1) != LUA_TSTRING)
            return fail(L, x, "response cookies: strings expected, got %s",
                        luaL_typename(L, -1));
        value.ptr = lua_tolstring(L, -1, &value.len);
        err = atl_response_field(x, ATL_STR("set-cookie"), value);
        if (err == ATL_E_INVALID)
            return fail(L, x, "bad cookie '%s'", value.ptr);
        if (err != 0)
            return err;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return 0;
}

/* Statuses whose response has no content have no type either. */
static bool
has_content(unsigned status)
{
    return status != 204 && status != 304;
}

int
atl_reply_head(lua_State *L, struct atl_exchange *x,
               const struct atl_app_refs *refs, int index)
{
    bool has_type = false;
    unsigned status = 0;
    int err;

    if ((err = get_status(L, x, refs, index, &status)) != 0)
        return err;
    if ((err = atl_response_start(x, status)) != 0)
        return err;
    get(L, refs, index, HEADERS);
    if (lua_istable(L, -1) && (err = put_headers(L, x, &has_type)) != 0)
        return err;
    if (!lua_istable(L, -1) && !lua_isnil(L, -1))
        return fail(L, x, "response headers: a table expected, got %s",
                    luaL_typename(L, -1));
    lua_pop(L, 1);
    if ((err = put_cookies(L, x, refs, index)) != 0)
        return err;
    if (has_type || !has_content(status))
        return 0;
    get(L, refs, index, CONTENT_TYPE);
    if (lua_type(L, -1) == LUA_TSTRING && put_type(L, x) != 0)
        return fail(L, x, "bad content type '%s'", lua_tostring(L, -1));
    lua_pop(L, 1);
    return 0;
}

int
atl_reply_response(lua_State *L, struct atl_exchange *x,
                   const struct atl_app_refs *refs, int index)
{
    struct atl_str body = {"", 0};
    int err = atl_reply_head(L, x, refs, index);

    if (err != 0)
        return err;
    get(L, refs, index, BODY);
    if (lua_isstring(L, -1))
        body.ptr = lua_tolstring(L, -1, &body.len);
    else if (!lua_isnil(L, -1))
        return fail(L, x, "response body: a string expected, got %s",
                    luaL_typename(L, -1));
    err = atl_response_body(x, body, false);
    if (err == ATL_E_TOOBIG || err == ATL_E_INVALID)
        return fail(L, x,
                    "response body: %d bytes, but its content-length is "
                    "another",
                    (int)body.len);
    lua_pop(L, 1);
    return err;
}

bool
atl_reply_is_later(lua_State *L, const struct atl_app_refs *refs, int index)
{
    bool later;

    get(L, refs, index, SEND);
    later = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return later;
}

/* Push the field of an HTTPError without asking its class. */
static void
get_field(lua_State *L, int index, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, index);
}

int
atl_reply_http_error(lua_State *L, struct atl_exchange *x, int index)
{
    struct atl_str text;
    bool has_type = false;
    int err;

    get_field(L, index, "status");
    err = atl_response_start(x, (unsigned)lua_tointeger(L, -1));
    if (err == ATL_E_INVALID)
        return fail(L, x, "an HTTPError whose status is no status");
    if (err != 0)
        return err;
    get_field(L, index, "headers");
    if (lua_istable(L, -1) && (err = put_headers(L, x, &has_type)) != 0)
        return err;
    if (!has_type &&
        (err = atl_response_field(x, ATL_STR("content-type"),
                                  ATL_STR("text/plain; charset=utf-8"))) != 0)
        return err;
    get_field(L, index, "message");
    lua_pushliteral(L, "\n");
    lua_concat(L, 2);
    text.ptr = lua_tolstring(L, -1, &text.len);
    return atl_response_body(x, text, false);
}
