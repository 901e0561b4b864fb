/* trace.h - tracebacks that cross awaits and spawns.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_TRACE_H
#define ATL_LUA_TRACE_H

#include "lua/sched.h"

/*
 * Lua function (error) -> error, the message handler of every task: keeps the
 * traceback of the running task among its values.
 */
int atl_trace_on_error(lua_State *L);

/*
 * Lua function (error, trace, late): the running task is about to raise an
 * error with the traceback that it has already; `late`: of a task that ended
 * before it was awaited, so that this task's own stack is missing in it.
 */
int atl_trace_inherit(lua_State *L);

/*
 * Lua function (error) -> error, a message handler: the error will be raised
 * again farther out, and shall keep the traceback that it has here.
 */
int atl_trace_keep(lua_State *L);

/* The user's line that called the running C function; without one: NULL, 0. */
struct atl_site atl_trace_site(lua_State *L, struct atl_vm *vm);

/* Remember it in `t` as the line that spawned it. */
void atl_trace_set_site(lua_State *L, struct atl_lua_task *t);

/* The user's line on which `t` stands now, "FILE:LINE"; false: none. */
bool atl_trace_where(struct atl_lua_task *t, char *out, size_t size);

/* Push the stack of `t` as it is now, and of those who wait for it. */
void atl_trace_push(lua_State *L, struct atl_lua_task *t);

/*
 * Push the stack of `L` from `level` outward, without Atlas's own frames and
 * the outermost, as in a VM that has no tasks.
 */
void atl_trace_push_stack(lua_State *L, int level);

/*
 * Push the stack of `t`, whose code runs on `L` now, from `level` outward, and
 * the tasks around.
 */
void atl_trace_push_running(lua_State *L, struct atl_lua_task *t, int level);

/* Push the text of the error at `index`, and the traceback at `trace`. */
void atl_trace_push_text(lua_State *L, int index, int trace);

/*
 * Push the text of the error at `index`, with the traceback that `t` (may be
 * NULL) had when it was raised.
 */
void atl_trace_push_report(lua_State *L, struct atl_lua_task *t, int index);

/*
 * What keeps the running code from being suspended: "'sort'", for people.  It
 * is the nearest C function around it, but for those that can be suspended.
 * The text stays on the stack of L.
 */
const char *atl_trace_barrier(lua_State *L);

#endif
