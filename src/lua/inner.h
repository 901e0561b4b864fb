/* inner.h - coroutines inside and around tasks, for patch/coroutine.lua.
 * SPDX-License-Identifier: MIT
 *
 * A user's own coroutine inside a task yields to whoever has resumed it.  When
 * it awaits it yields a tag, which the patched resume and wrap pass outward.
 *
 * vm->refs.states is a table with weak keys.  By coroutine: true while an await
 * is being passed through it, and the task whose coroutine it is, if
 * coroutine.running() has told of that.  By number, so that nobody needs to
 * look in vain: how many such there are (false: none), and whether a coroutine
 * of a user's may be inside a deadline, a shield or a group of its own.
 */
#ifndef ATL_LUA_INNER_H
#define ATL_LUA_INNER_H

#include "lua/sched.h"

enum atl_inner_flag {
    ATL_INNER_SPECIAL = 1,
    ATL_INNER_SCOPES,
};

/* Push the table, empty. */
void atl_inner_push_states(lua_State *L);

/* Suspend `task`, whose code runs on L: tagged unless that is its own. */
int atl_inner_yield(lua_State *L, const struct atl_task *task);
void atl_inner_push_tag(lua_State *L);

/* The code on L, which runs in a task, is about to enter a timed scope. */
void atl_inner_note_scope(lua_State *L, struct atl_vm *vm);

/* The coroutine of `t` no longer is that: it is over, or is used again. */
void atl_inner_forget(lua_State *L, struct atl_lua_task *t);

/* --- functions for Lua, with the VM as upvalue --- */

/*
 * suspend() -> scope, serial: the caller's coroutine is about to yield; nothing
 * if it is in no scope of its own.
 */
int atl_inner_suspend(lua_State *L);

/* go_on(scope, serial): what has suspended these was resumed. */
int atl_inner_go_on(lua_State *L);

/* expose(): Lua gets to know the caller's coroutine, perhaps a task's. */
int atl_inner_expose(lua_State *L);

/*
 * resume_task(task, ...) -> true: it will run, with the arguments for the
 * results of its yield; or false, message.
 */
int atl_inner_resume_task(lua_State *L);

#endif
