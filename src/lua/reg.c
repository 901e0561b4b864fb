/* reg.c - C functions become Lua's.  See reg.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/reg.h"

/* What a row's function is exposed through, if it awaits. */
static int
get_raiser(const struct atl_vm *vm, int flags)
{
    if (flags & SMALL)
        return vm->refs.small_raiser;
    return flags & SMALL_2 ? vm->refs.small_raiser_2 : vm->refs.raiser;
}

/* Push the row's function: upvalues are the VM and the name (args.h). */
static void
push_row(lua_State *L, struct atl_vm *vm, const struct atl_reg *row)
{
    if (row->flags & AWAITS)
        atl_vm_push(L, get_raiser(vm, row->flags));
    lua_pushlightuserdata(L, vm);
    lua_pushstring(L, row->name);
    lua_pushcclosure(L, row->fn, 2);
    if (row->flags & AWAITS)
        lua_call(L, 1, 1);
}

void
atl_reg_set(lua_State *L, struct atl_vm *vm, const struct atl_reg *rows)
{
    for (; rows->name != NULL; rows++) {
        push_row(L, vm, rows);
        lua_setfield(L, -2, rows->name);
    }
}

void
atl_reg_type(lua_State *L, struct atl_vm *vm, const char *type,
             const struct atl_reg *methods, const struct atl_reg *metamethods)
{
    luaL_newmetatable(L, type);
    lua_pushstring(L, type);
    lua_setfield(L, -2, "__name");
    if (methods != NULL) {
        lua_newtable(L);
        atl_reg_set(L, vm, methods);
        lua_setfield(L, -2, "__index");
    }
    if (metamethods != NULL)
        atl_reg_set(L, vm, metamethods);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
}
