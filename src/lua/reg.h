/* reg.h - how C functions become Lua's: tables of rows.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_REG_H
#define ATL_LUA_REG_H

#include "lua/vm.h"

enum atl_reg_flags {
    /*
     * May suspend the task.  Exposed through a thin Lua function that raises
     * what a resumed C function cannot: Cancelled, and a child's error.
     */
    AWAITS = 1,
    /*
     * Of at most one argument, or two; one that is missing is the same as nil.
     * The results are one, or two if the second isn't nil.  What it raises is
     * never a child's error.  Its wrapper is faster, and needs less stack.
     */
    SMALL = 2,
    SMALL_2 = 4,
};

/* One function: a table of them ends with a NULL name. */
struct atl_reg {
    const char *name;
    lua_CFunction fn;
    int flags;
};

/* Set the functions in the table on top of the stack. */
void atl_reg_set(lua_State *L, struct atl_vm *vm, const struct atl_reg *rows);

/*
 * Push a new metatable with `methods` behind __index (or with the function
 * __index in `metamethods`), and keep it in the registry under `type` too.
 */
void atl_reg_type(lua_State *L, struct atl_vm *vm, const char *type,
                  const struct atl_reg *methods,
                  const struct atl_reg *metamethods);

#endif
