/* web.c - patterns, cookies, content types for the Lua half of Application.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "app/params.h"
#include "base/err.h"
#include "base/url.h"
#include "bind/app/app.h"
#include "http/status.h"
#include "lua/args.h"
#include "web/cookie.h"
#include "web/escape.h"
#include "web/location.h"
#include "web/media.h"
#include "web/query.h"

#define MAX_TEXT 65536 /* bytes of a cookie, a location, a path */

/* Push what is in `b`, and free it. */
static void
push_buf(lua_State *L, struct atl_buf *b)
{
    lua_pushlstring(L, b->data != NULL ? b->data : "", b->len);
    atl_buf_deinit(b);
}

static int
push_reason(lua_State *L, struct atl_buf *b, const char *reason)
{
    atl_buf_deinit(b);
    lua_pushnil(L);
    lua_pushstring(L, reason);
    return 2;
}

/* phrase(status) -> "Not Found" */
static int
f_phrase(lua_State *L)
{
    lua_pushstring(L, atl_status_phrase((unsigned)atl_arg_number(L, 1)));
    return 1;
}

/* --- patterns --- */

/* The pattern at `arg`, to be freed; NULL: nil and a message are pushed. */
static struct atl_pattern *
parse(lua_State *L, int arg, enum atl_pattern_kind kind)
{
    struct atl_pattern_error error;
    struct atl_pattern *p;

    if (atl_pattern_new(atl_arg_str(L, arg), kind,
                        &atl_bind_app_refs(L)->converters, &p, &error) == 0)
        return p;
    lua_pushnil(L);
    lua_pushstring(L, error.text);
    return NULL;
}

/* params(pattern, is_host) -> {name, ...}, {converter, ...} | nil, message */
static int
f_params(lua_State *L)
{
    enum atl_pattern_kind kind =
        lua_toboolean(L, 2) ? ATL_PATTERN_HOST : ATL_PATTERN_PATH;
    struct atl_pattern *p = parse(L, 1, kind);
    unsigned i;

    if (p == NULL)
        return 2;
    lua_createtable(L, (int)p->param_count, 0);
    lua_createtable(L, (int)p->param_count, 0);
    for (i = 0; i < p->param_count; i++) {
        const struct atl_pattern_part *part = atl_pattern_param(p, i);

        lua_pushlstring(L, part->text.ptr, part->text.len);
        lua_rawseti(L, -3, (int)i + 1);
        lua_pushlstring(L, part->converter->name.ptr,
                        part->converter->name.len);
        lua_rawseti(L, -2, (int)i + 1);
    }
    atl_pattern_free(p);
    return 2;
}

/* format(pattern, {value, ...}) -> path | nil, message; values are strings. */
static int
f_format(lua_State *L)
{
    struct atl_str values[ATL_PATTERN_MAX_PARAMS];
    struct atl_pattern_error error;
    struct atl_pattern *p = parse(L, 1, ATL_PATTERN_PATH);
    struct atl_buf text;
    unsigned i, n;
    int err;

    if (p == NULL)
        return 2;
    n = (unsigned)atl_rawlen(L, 2);
    for (i = 0; i < n && i < ATL_PATTERN_MAX_PARAMS; i++) {
        lua_rawgeti(L, 2, (int)i + 1);
        values[i].ptr = lua_tolstring(L, -1, &values[i].len);
        lua_pop(L, 1); /* the table keeps it */
    }
    atl_buf_init(&text, MAX_TEXT);
    err = atl_pattern_format(p, values, n, &text, &error);
    atl_pattern_free(p);
    if (err != 0)
        return push_reason(L, &text,
                           err == ATL_E_INVALID ? error.text : "too long");
    push_buf(L, &text);
    return 1;
}

/* match(pattern, path) -> {value, ...} | nil; values as a handler gets them. */
static int
f_match(lua_State *L)
{
    const struct atl_converter *converters[ATL_PATTERN_MAX_PARAMS];
    struct atl_str values[ATL_PATTERN_MAX_PARAMS];
    struct atl_str path = atl_arg_str(L, 2);
    struct atl_pattern *p = parse(L, 1, ATL_PATTERN_PATH);
    unsigned i, n;

    if (p == NULL)
        return 2;
    if (!atl_pattern_match(p, path, true, NULL, values)) {
        atl_pattern_free(p);
        return 0;
    }
    lua_createtable(L, (int)p->param_count, 0);
    for (i = 0; i < p->param_count; i++)
        converters[i] = atl_pattern_param(p, i)->converter;
    n = p->param_count;
    atl_pattern_free(p); /* before what may raise */
    for (i = 0; i < n; i++) {
        atl_params_push_value(L, converters[i], values[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static bool
ask_lua(void *data, struct atl_str value)
{
    const struct atl_app_converter *c = data;
    lua_State *L = c->vm->L;
    bool matches;

    atl_vm_push(L, c->match);
    lua_pushlstring(L, value.ptr, value.len);
    matches = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return matches;
}

/* converter(name, match, parse | nil) -> true | nil, message */
static int
f_converter(lua_State *L)
{
    struct atl_str name = atl_arg_str(L, 1);
    struct atl_app_converter *c;
    int err;

    lua_settop(L, 3);
    c = lua_newuserdata(L, sizeof(*c));
    (void)luaL_ref(L, LUA_REGISTRYINDEX); /* as long as the VM */
    c->vm = ATL_VM(L);
    c->parse = lua_isnil(L, 3) ? 0 : luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, 2);
    c->match = luaL_ref(L, LUA_REGISTRYINDEX);
    err =
        atl_converters_add(&atl_bind_app_refs(L)->converters, name, ask_lua, c);
    if (err == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, err == ATL_E_STATE ? "there is a converter of that name"
                                         : "the name is no identifier");
    return 2;
}

/* --- cookies --- */

static struct atl_str
get_str(lua_State *L, int options, const char *name)
{
    struct atl_str s = {"", 0};

    lua_getfield(L, options, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        s.ptr = lua_tolstring(L, -1, &s.len);
    else if (!lua_isnil(L, -1))
        atl_raise(L, "set_cookie: %s is a string, got %s", name,
                  luaL_typename(L, -1));
    lua_pop(L, 1); /* the table keeps it */
    return s;
}

static bool
get_int(lua_State *L, int options, const char *name, int64_t *out)
{
    bool has;

    lua_getfield(L, options, name);
    has = !lua_isnil(L, -1);
    if (has && lua_type(L, -1) != LUA_TNUMBER)
        atl_raise(L, "set_cookie: %s is a number of seconds, got %s", name,
                  luaL_typename(L, -1));
    *out = (int64_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return has;
}

static bool
get_flag(lua_State *L, int options, const char *name, bool absent)
{
    bool flag;

    lua_getfield(L, options, name);
    flag = lua_isnil(L, -1) ? absent : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

/* format_cookie(name, value, options) -> the value of a Set-Cookie field */
static int
f_format_cookie(lua_State *L)
{
    struct atl_cookie c = {.name = atl_arg_str(L, 1),
                           .value = atl_arg_str(L, 2)};
    struct atl_str same_site;
    const char *reason = "too long";
    struct atl_buf text;

    atl_arg_table(L, 3);
    c.path = get_str(L, 3, "path");
    c.domain = get_str(L, 3, "domain");
    same_site = get_str(L, 3, "same_site");
    c.same_site = ATL_SAME_SITE_LAX;
    if (same_site.len > 0 && !atl_same_site_find(same_site, &c.same_site))
        return atl_raise(L,
                         "set_cookie: same_site is \"Strict\", \"Lax\" or "
                         "\"None\", got \"%s\"",
                         same_site.ptr);
    if (c.path.len == 0)
        c.path = ATL_STR("/");
    c.has_max_age = get_int(L, 3, "max_age", &c.max_age);
    c.has_expires = get_int(L, 3, "expires", &c.expires);
    c.secure = get_flag(L, 3, "secure", false);
    c.http_only = get_flag(L, 3, "http_only", true);
    c.partitioned = get_flag(L, 3, "partitioned", false);
    atl_buf_init(&text, MAX_TEXT);
    if (atl_cookie_write(&c, &text, &reason) != 0) {
        atl_buf_deinit(&text);
        return atl_raise(L, "set_cookie '%s': %s", c.name.ptr, reason);
    }
    push_buf(L, &text);
    return 1;
}

/* --- texts --- */

/* with_charset(content_type) -> the same, with a charset if it wants one */
static int
f_with_charset(lua_State *L)
{
    lua_settop(L, 1);
    if (atl_media_wants_charset(atl_arg_str(L, 1))) {
        lua_pushliteral(L, "; charset=utf-8");
        lua_concat(L, 2);
    }
    return 1;
}

/* media_of(path) -> the content type of a file of that name */
static int
f_media_of(lua_State *L)
{
    struct atl_str type = atl_media_of_name(atl_arg_str(L, 1));

    lua_pushlstring(L, type.ptr, type.len);
    return 1;
}

/* A byte of RFC 8187's attr-char. */
static bool
is_attr_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || memchr("!#$&+-.^_`|~", c, 12) != NULL;
}

/* disposition(name) -> Content-Disposition of a download (RFC 6266 4.3) */
static int
f_disposition(lua_State *L)
{
    static const char hex[] = "0123456789ABCDEF";
    struct atl_str name = atl_arg_str(L, 1);
    luaL_Buffer b;
    size_t i;

    luaL_buffinit(L, &b);
    luaL_addstring(&b, "attachment; filename*=UTF-8''");
    for (i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (is_attr_char((char)c)) {
            luaL_addchar(&b, (char)c);
        } else {
            luaL_addchar(&b, '%');
            luaL_addchar(&b, hex[c >> 4]);
            luaL_addchar(&b, hex[c & 15]);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

/* location(target) -> a Location field's value | nil, message */
static int
f_location(lua_State *L)
{
    const char *reason = "too long";
    struct atl_buf text;

    atl_buf_init(&text, MAX_TEXT);
    if (atl_location_write(atl_arg_str(L, 1), &text, &reason) != 0)
        return push_reason(L, &text, reason);
    push_buf(L, &text);
    return 1;
}

/*
 * raw_path(path, raw | nil) -> `raw` if that means the path, or the path's
 * encoding.  Scopes made by hand have the same in both: then it is raw.
 */
static int
f_raw_path(lua_State *L)
{
    struct atl_str path = atl_arg_str(L, 1);
    struct atl_buf text;

    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) {
        struct atl_str raw = atl_arg_str(L, 2);
        size_t len = 0;
        char *decoded = lua_newuserdata(L, raw.len + 1);

        if (atl_str_eq(raw, path) ||
            (atl_url_decode(raw, decoded, &len) == 0 &&
             atl_str_eq((struct atl_str){decoded, len}, path))) {
            lua_settop(L, 2);
            return 1;
        }
    }
    atl_buf_init(&text, (size_t)1 << 24);
    if (atl_url_append(&text, path, ATL_URL_PATH) != 0)
        return push_reason(L, &text, "too long");
    push_buf(L, &text);
    return 1;
}

/* query_pair(name, value) -> "name=value", encoded */
static int
f_query_pair(lua_State *L)
{
    struct atl_str name = atl_arg_str(L, 1), value = atl_arg_str(L, 2);
    struct atl_buf text;

    atl_buf_init(&text, (size_t)1 << 24);
    if (atl_query_append(&text, true, name, value) != 0)
        return push_reason(L, &text, "too long");
    push_buf(L, &text);
    return 1;
}

/* escape(text) -> the same for HTML */
static int
f_escape(lua_State *L)
{
    struct atl_str s = atl_arg_str(L, 1);
    struct atl_buf out;

    lua_settop(L, 1);
    if (atl_escape_plain_len(s) == s.len)
        return 1;
    atl_buf_init(&out, (size_t)1 << 30);
    if (atl_escape_html_append(&out, s) != 0)
        return push_reason(L, &out, "too long");
    push_buf(L, &out);
    return 1;
}

const struct atl_reg atl_bind_web_functions[] = {
    {"phrase", f_phrase, 0},
    {"params", f_params, 0},
    {"format", f_format, 0},
    {"match", f_match, 0},
    {"converter", f_converter, 0},
    {"format_cookie", f_format_cookie, 0},
    {"with_charset", f_with_charset, 0},
    {"media_of", f_media_of, 0},
    {"disposition", f_disposition, 0},
    {"location", f_location, 0},
    {"query_pair", f_query_pair, 0},
    {"raw_path", f_raw_path, 0},
    {"escape", f_escape, 0},
    {NULL, NULL, 0},
};
