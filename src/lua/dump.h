/* dump.h - the tree of tasks, for people.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_DUMP_H
#define ATL_LUA_DUMP_H

#include "lua/sched.h"

/*
 * Push one line a task, children indented below their parent: number, name,
 * what it waits for and how long, where it was spawned.
 */
void atl_dump_push(lua_State *L, struct atl_vm *vm);

/* Push the line of one task, without the line feed. */
void atl_dump_push_task(lua_State *L, struct atl_lua_task *t);

/* Push "task 'NAME'", or "task 7" if it has none. */
void atl_dump_push_label(lua_State *L, struct atl_lua_task *t);

/* What a task does now: "waiting for sleep", "ready", ...; static storage. */
const char *atl_dump_state(const struct atl_lua_task *t);

#endif
