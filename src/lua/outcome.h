/* outcome.h - how a task ends, and who hears of it.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. An error is heard once: by those who await the task, else by its parent
 *    when the parent's body has ended, else by the log.
 * 2. Being cancelled is not a failure that anybody has to hear of.
 */
#ifndef ATL_LUA_OUTCOME_H
#define ATL_LUA_OUTCOME_H

#include "lua/sched.h"

/*
 * Body and children of `t` have ended: its results, or its error, are the
 * t->count values on top of its stack.  For lua/sched.c.
 */
void atl_outcome_settle(struct atl_lua_task *t);

/*
 * A Lua function's last act: wait for the task at index 1 of the stack and
 * return its results, or raise its error; with `protected` return true and
 * the results, or false and the error.
 */
int atl_outcome_await(lua_State *L, struct atl_lua_task *t, bool protected);

/*
 * Have the function at index 2 called when `t` (at index 1) has ended, in a
 * task of its own that nobody owns: with nil and the results, or the error.
 * This alone doesn't handle a failure.  Pushes a function that takes it back.
 */
int atl_outcome_observe(lua_State *L, struct atl_lua_task *t);

/* The failure of `t` has been given to somebody, or been reported. */
void atl_outcome_set_handled(lua_State *L, struct atl_lua_task *t);

/* A task that waits for `t`, or NULL. */
struct atl_lua_task *atl_outcome_first_awaiter(struct atl_lua_task *t);

/* The value at `index` is of class Cancelled. */
bool atl_is_cancelled_error(lua_State *L, struct atl_vm *vm, int index);

#endif
