/* error.c - errors for Lua.  See error.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/error.h"

#include "base/err.h"
#include "rt/task.h"

static const char tag; /* its address marks "raise what follows" */

/* Make an error object of the message on top of the stack. */
static void
wrap_message(lua_State *L, struct atl_vm *vm, int code)
{
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, atl_err_name(code));
    lua_setfield(L, -2, "code");
    atl_vm_push(L, vm->refs.error_meta);
    lua_setmetatable(L, -2);
}

int
atl_push_error(lua_State *L, struct atl_vm *vm, int code, const char *what)
{
    lua_pushnil(L);
    if (what != NULL)
        lua_pushfstring(L, "%s: %s", what, atl_err_text(code));
    else
        lua_pushstring(L, atl_err_text(code));
    wrap_message(L, vm, code);
    return 2;
}

void
atl_push_error_object(lua_State *L, struct atl_vm *vm, int code,
                      const char *message)
{
    lua_pushstring(L, message);
    wrap_message(L, vm, code);
}

void
atl_push_raise_tag(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&tag);
}

int
atl_push_raise(lua_State *L, enum atl_raise kind)
{
    atl_push_raise_tag(L);
    lua_pushinteger(L, kind);
    return 2;
}

void
atl_push_reason(lua_State *L, const struct atl_task *task)
{
    struct atl_scope *origin = atl_scope_origin(task->scope);

    if (origin != NULL && origin->reason != 0)
        atl_vm_push(L, origin->reason);
    else
        lua_pushnil(L);
}

int
atl_push_cancelled(lua_State *L, const struct atl_task *task)
{
    atl_push_raise(L, ATL_RAISE_CANCELLED_AT_ONCE);
    atl_push_reason(L, task);
    return 3;
}

int
atl_raise_cancelled(lua_State *L, struct atl_vm *vm,
                    const struct atl_task *task)
{
    atl_vm_push(L, vm->refs.raise);
    lua_pushinteger(L, ATL_RAISE_CANCELLED);
    atl_push_reason(L, task);
    lua_call(L, 2, 0);
    return luaL_error(L, "raise has returned"); /* not reached */
}
