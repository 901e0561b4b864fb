/* json.c - module atlas.json.core: JSON for Lua programs.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json.h"

#include <limits.h>
#include <string.h>

#include "bind/init.h"
#include "lua/args.h"
#include "lua/reg.h"

#define OPTIONS 2 /* the argument */
#define MAX_SIZE ((lua_Number)((size_t)1 << 48))

/* --- options --- */

/* The option on top of the stack is an integer from 1 to `max`; returns it. */
static lua_Number
get_count(lua_State *L, const char *name, lua_Number max)
{
    lua_Number n = lua_tonumber(L, -1);

    if (lua_type(L, -1) != LUA_TNUMBER || !(n >= 1 && n <= max) ||
        n != (lua_Number)(int64_t)n)
        atl_raise(L, "%s is an integer from 1 to %.0f", name, max);
    return n;
}

static enum atl_json_integers
get_integers(lua_State *L)
{
    static const char *const names[] = {
        [ATL_JSON_REFUSE] = "error",
        [ATL_JSON_STRING] = "string",
        [ATL_JSON_ROUND] = "round",
    };
    const char *value = lua_tostring(L, -1);
    int i;

    for (i = 0; i < 3 && value != NULL; i++)
        if (strcmp(value, names[i]) == 0)
            return (enum atl_json_integers)i;
    atl_raise(L, "integers is 'error', 'string' or 'round'");
    return ATL_JSON_REFUSE;
}

static bool
get_flag(lua_State *L, const char *name)
{
    if (!lua_isboolean(L, -1))
        atl_raise(L, "%s is true or false", name);
    return lua_toboolean(L, -1);
}

static void
set_decode_option(lua_State *L, const char *name,
                  struct atl_json_decode_options *o)
{
    if (strcmp(name, "max_depth") == 0)
        o->max_depth = (int)get_count(L, name, ATL_JSON_MAX_DEPTH);
    else if (strcmp(name, "max_values") == 0)
        o->max_values = (uint32_t)get_count(L, name, UINT32_MAX);
    else if (strcmp(name, "max_bytes") == 0)
        o->max_bytes = (size_t)get_count(L, name, MAX_SIZE);
    else if (strcmp(name, "integers") == 0)
        o->integers = get_integers(L);
    else if (strcmp(name, "unique_keys") == 0)
        o->unique_keys = get_flag(L, name);
    else
        atl_raise(L, "decode has no option '%s'", name);
}

static void
set_encode_option(lua_State *L, const char *name,
                  struct atl_json_encode_options *o)
{
    if (strcmp(name, "max_depth") == 0)
        o->max_depth = (int)get_count(L, name, ATL_JSON_MAX_DEPTH);
    else if (strcmp(name, "max_bytes") == 0)
        o->max_bytes = (size_t)get_count(L, name, MAX_SIZE);
    else
        atl_raise(L, "encode has no option '%s'", name);
}

/* for (push_options(L); next_option(L); lua_pop(L, 1)): the name below the
 * value on top. */
static void
push_options(lua_State *L)
{
    atl_arg_table(L, OPTIONS);
    lua_pushnil(L);
}

static bool
next_option(lua_State *L)
{
    if (!lua_next(L, OPTIONS))
        return false;
    if (lua_type(L, -2) != LUA_TSTRING)
        atl_arg_error(L, OPTIONS, "options are named");
    return true;
}

/* --- functions --- */

/* encode(value, options?) -> string | nil, err */
static int
f_encode(lua_State *L)
{
    struct atl_json_encode_options o;
    bool has_options = !lua_isnoneornil(L, OPTIONS);

    if (lua_isnone(L, 1))
        atl_arg_error(L, 1, "value expected");
    if (has_options) {
        o = atl_json_encode_defaults;
        for (push_options(L); next_option(L); lua_pop(L, 1))
            set_encode_option(L, lua_tostring(L, -2), &o);
    }
    if (atl_json_push_text(L, ATL_VM(L), 1, has_options ? &o : NULL) == 0)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* decode(text, options?) -> value | nil, err */
static int
f_decode(lua_State *L)
{
    struct atl_json_decode_options o;
    bool has_options = !lua_isnoneornil(L, OPTIONS);
    const char *text;
    size_t len;

    if (lua_type(L, 1) != LUA_TSTRING)
        atl_arg_type_error(L, 1, "string");
    if (has_options) {
        o = atl_json_decode_defaults;
        for (push_options(L); next_option(L); lua_pop(L, 1))
            set_decode_option(L, lua_tostring(L, -2), &o);
    }
    text = lua_tolstring(L, 1, &len);
    if (atl_json_decode(L, ATL_VM(L), text, len, has_options ? &o : NULL) == 0)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* array(t?) -> t, which is an array from now on, even when it is empty */
static int
f_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    atl_arg_table(L, 1);
    if (!atl_json_is_array(L, ATL_VM(L), 1)) {
        if (lua_getmetatable(L, 1))
            atl_arg_error(L, 1, "the table has a metatable");
        atl_json_mark_array(L, ATL_VM(L), 1);
    }
    lua_settop(L, 1);
    return 1;
}

/* is_array(value) -> boolean */
static int
f_is_array(lua_State *L)
{
    lua_pushboolean(L, atl_json_is_array(L, ATL_VM(L), 1));
    return 1;
}

static const struct atl_reg functions[] = {
    {"encode", f_encode, 0},     {"decode", f_decode, 0}, {"array", f_array, 0},
    {"is_array", f_is_array, 0}, {NULL, NULL, 0},
};

int
luaopen_atlas_json(lua_State *L)
{
    lua_newtable(L);
    atl_reg_set(L, ATL_VM(L), functions);
    atl_json_push_null(L, ATL_VM(L));
    lua_setfield(L, -2, "null");
    return 1;
}
