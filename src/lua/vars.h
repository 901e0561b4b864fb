/* vars.h - task-local values: what atlas.var keeps.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A set of values is shared by reference; to start a task with its
 *    parent's costs one count.
 * 2. A set with more than one user is never changed: who sets a value gets a
 *    copy.
 * 3. A set doesn't keep a variable alive that nobody can reach.
 */
#ifndef ATL_LUA_VARS_H
#define ATL_LUA_VARS_H

#include "lua/sched.h"

/* One more user of `set`, which is returned; 0 is no set. */
static inline int
atl_vars_share(struct atl_vm *vm, int set)
{
    if (set != 0)
        vm->vars.sets[set].users++;
    return set;
}

/* The values of the running task are those that `t`, a new one, starts with. */
static inline void
atl_vars_inherit(struct atl_lua_task *t)
{
    const struct atl_lua_task *from = atl_sched_current(t->vm);

    if (from != NULL)
        t->vars = atl_vars_share(t->vm, from->vars);
}

/* One user less. */
void atl_vars_drop(struct atl_vm *vm, int set);

/*
 * Push what the variable at `index` was set to in `t`.  Returns false, and
 * pushes nothing, if it was not.
 */
bool atl_vars_get(lua_State *L, const struct atl_lua_task *t, int index);

/* Set the variable at `index` to the value on top of L, which is popped. */
void atl_vars_set(lua_State *L, struct atl_lua_task *t, int index);

#endif
