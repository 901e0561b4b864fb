/* inner.h - coroutines of the user's own inside a task: for
 * lua/atlas/patch.lua. SPDX-License-Identifier: MIT
 *
 * They have the VM as upvalue, and are called between a resume of such a
 * coroutine and what its caller does next.
 */
#ifndef ATL_LUA_INNER_H
#define ATL_LUA_INNER_H

#include "lua/compat.h"

/*
 * is_waiting(co): `co` was resumed and has come back.  True if that was an
 * await of the running task, false if it has yielded, or is over; 1 if it has
 * yielded in scopes, which suspend() is to be asked for.
 */
int atl_inner_is_waiting(lua_State *L);

/* suspend(co) -> scope, serial: for go_on(). */
int atl_inner_suspend(lua_State *L);

/* go_on(scope, serial): what has suspended these is about to be resumed. */
int atl_inner_go_on(lua_State *L);

#endif
