/* args.c - argument checks.  See args.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lua/loader.h"

/* The name under which the running C function was registered. */
static const char *
own_name(lua_State *L)
{
    const char *name = lua_tostring(L, lua_upvalueindex(2));

    return name != NULL ? name : "?";
}

void
atl_push_where(lua_State *L)
{
    lua_Debug ar;
    int level;

    for (level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0 && strncmp(ar.source, "@" ATL_OWN_CHUNKS,
                                          sizeof(ATL_OWN_CHUNKS)) != 0) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

int
atl_raise(lua_State *L, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    atl_push_where(L);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}

int
atl_arg_error(lua_State *L, int arg, const char *text)
{
    return atl_raise(L, "bad argument #%d to '%s' (%s)", arg, own_name(L),
                     text);
}

int
atl_arg_type_error(lua_State *L, int arg, const char *expected)
{
    char text[128];
    const char *got = luaL_typename(L, arg);

    if (luaL_getmetafield(L, arg, "__name") && lua_isstring(L, -1))
        got = lua_tostring(L, -1);
    snprintf(text, sizeof(text), "%s expected, got %s", expected, got);
    return atl_arg_error(L, arg, text);
}

lua_Number
atl_arg_number(lua_State *L, int arg)
{
    int is_number;
    lua_Number n = lua_tonumberx(L, arg, &is_number);

    if (!is_number)
        atl_arg_type_error(L, arg, "number");
    return n;
}

struct atl_str
atl_arg_str(lua_State *L, int arg)
{
    struct atl_str s;

    if (!lua_isstring(L, arg))
        atl_arg_type_error(L, arg, "string");
    s.ptr = lua_tolstring(L, arg, &s.len);
    return s;
}

bool
atl_is_callable(lua_State *L, int index)
{
    bool callable = lua_isfunction(L, index);

    if (!callable && luaL_getmetafield(L, index, "__call")) {
        callable = lua_isfunction(L, -1);
        lua_pop(L, 1);
    }
    return callable;
}

void
atl_arg_callable(lua_State *L, int arg)
{
    if (!atl_is_callable(L, arg))
        atl_arg_type_error(L, arg, "function");
}

void
atl_arg_table(lua_State *L, int arg)
{
    if (!lua_istable(L, arg))
        atl_arg_type_error(L, arg, "table");
}

void *
atl_arg_userdata(lua_State *L, int arg, const char *type)
{
    void *ud = luaL_testudata(L, arg, type);

    if (ud == NULL)
        atl_arg_type_error(L, arg, type);
    return ud;
}
