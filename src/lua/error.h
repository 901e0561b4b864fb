/* error.h - how C reports what went wrong to Lua.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_ERROR_H
#define ATL_LUA_ERROR_H

#include "lua/vm.h"

/*
 * Push nil and an error object for `code` (negative, base/err.h): a table
 * with `code` ("ECLOSED"), `message` and __tostring.  `what` (may be NULL)
 * says what was attempted and stands before the message.  Returns 2.
 */
int atl_push_error(lua_State *L, struct atl_vm *vm, int code, const char *what);

/* Push the error object alone, with `message` as it is. */
void atl_push_error_object(lua_State *L, struct atl_vm *vm, int code,
                           const char *message);

/* What a resumed C function asks its Lua wrapper to raise: boot.lua knows
 * the numbers. */
enum atl_raise {
    ATL_RAISE_CANCELLED = 1,     /* with the reason */
    ATL_RAISE_CANCELLED_AT_ONCE, /* the same, without having been suspended */
    ATL_RAISE_ERROR, /* with the error value and its traceback, or nil */
};

/* Push the tag that a Lua wrapper looks for. */
void atl_push_raise_tag(lua_State *L);

/* Push the tag and `kind`; the value is pushed by the caller.  2. */
int atl_push_raise(lua_State *L, enum atl_raise kind);

/* Push the reason for which the scope of `task` is cancelled, or nil. */
struct atl_task;
void atl_push_reason(lua_State *L, const struct atl_task *task);

/*
 * What a function that AWAITS returns at once in a cancelled scope: pushed,
 * and how many.
 */
int atl_push_cancelled(lua_State *L, const struct atl_task *task);

/* Raise Cancelled from a C function that doesn't await. */
int atl_raise_cancelled(lua_State *L, struct atl_vm *vm,
                        const struct atl_task *task);

#endif
