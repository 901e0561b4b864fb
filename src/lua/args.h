/* args.h - arguments checked, with errors that point at the user's line.
 * SPDX-License-Identifier: MIT
 *
 * luaL_check* would blame the thin Lua function around a C function; these
 * name the function as the user knows it and the first line outside Atlas.
 */
#ifndef ATL_LUA_ARGS_H
#define ATL_LUA_ARGS_H

#include <stdbool.h>

#include "base/str.h"
#include "lua/compat.h"

/* Raise "FILE:LINE: bad argument #N to 'NAME' (text)".  Never returns. */
int atl_arg_error(lua_State *L, int arg, const char *text);

/* Raise "FILE:LINE: bad argument #N to 'NAME' (EXPECTED expected, got ...)". */
int atl_arg_type_error(lua_State *L, int arg, const char *expected);

/* Raise "FILE:LINE: text", where FILE:LINE is the user's. Never returns. */
int atl_raise(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Push "FILE:LINE: " of the innermost function that isn't Atlas's own. */
void atl_push_where(lua_State *L);

lua_Number atl_arg_number(lua_State *L, int arg);
struct atl_str atl_arg_str(lua_State *L, int arg); /* lent by the stack */
void atl_arg_callable(lua_State *L, int arg);
void atl_arg_table(lua_State *L, int arg);
void *atl_arg_userdata(lua_State *L, int arg, const char *type);

/*
 * The head of a userdata whose type is told by its content, since to compare
 * metatables takes longer than most methods do: the address of the type's name.
 */
struct atl_object {
    const char *type;
};

/* The userdata of `size` bytes at `index` that begins so; or NULL. */
static inline void *
atl_test_object(lua_State *L, int index, const char *type, size_t size)
{
    const struct atl_object *object = lua_touserdata(L, index);

    /* The length of a light userdata is 0. */
    if (object != NULL && atl_rawlen(L, index) == size && object->type == type)
        return (void *)object;
    return NULL;
}

/* The same for an argument: raises if it isn't one. */
static inline void *
atl_arg_object(lua_State *L, int arg, const char *type, size_t size)
{
    void *object = atl_test_object(L, arg, type, size);

    if (object == NULL)
        atl_arg_type_error(L, arg, type);
    return object;
}

/* True if the value at `index` can be called. */
bool atl_is_callable(lua_State *L, int index);

#endif
