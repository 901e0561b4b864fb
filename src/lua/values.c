/* values.c - the values of a task.  See sched.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/sched.h"

/* Push the userdata of a task that has a slot, or failed and is remembered. */
void
atl_task_push_userdata(lua_State *L, struct atl_lua_task *t)
{
    if (t->slot != 0) {
        atl_vm_push(L, t->vm->refs.tasks);
        lua_rawgeti(L, -1, t->slot);
    } else {
        atl_vm_push(L, t->vm->refs.failed);
        lua_pushlightuserdata(L, t);
        lua_rawget(L, -2);
    }
    lua_replace(L, -2);
}

/* Push the table of the userdata at `index`, or nil if `make` is false. */
static void
push_values_of(lua_State *L, int index, struct atl_lua_task *t, bool make)
{
    index = lua_absindex(L, index);
    if (t->has_values) {
        atl_getuservalue(L, index);
    } else if (make) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        atl_setuservalue(L, index);
        t->has_values = true;
    } else {
        lua_pushnil(L);
    }
}

void
atl_task_push_values(lua_State *L, struct atl_lua_task *t, bool make)
{
    atl_task_push_userdata(L, t);
    push_values_of(L, -1, t, make);
    lua_replace(L, -2);
}

void
atl_task_set_value(lua_State *L, struct atl_lua_task *t, const char *key)
{
    atl_task_push_values(L, t, true);
    lua_insert(L, -2);
    lua_setfield(L, -2, key);
    lua_pop(L, 1);
}

void
atl_task_get_value(lua_State *L, struct atl_lua_task *t, const char *key)
{
    if (!t->has_values) {
        lua_pushnil(L);
        return;
    }
    atl_task_push_values(L, t, false);
    lua_getfield(L, -1, key);
    lua_replace(L, -2);
}

void
atl_task_set_value_of(lua_State *L, int index, const char *key)
{
    struct atl_lua_task *t = lua_touserdata(L, index);

    push_values_of(L, index, t, true);
    lua_insert(L, -2);
    lua_setfield(L, -2, key);
    lua_pop(L, 1);
}

void
atl_task_get_value_of(lua_State *L, int index, const char *key)
{
    struct atl_lua_task *t = lua_touserdata(L, index);

    push_values_of(L, index, t, false);
    if (lua_isnil(L, -1))
        return;
    lua_getfield(L, -1, key);
    lua_replace(L, -2);
}

void
atl_task_set_name(lua_State *L, int index)
{
    struct atl_lua_task *t = lua_touserdata(L, index);

    t->name = lua_tostring(L, -1); /* the old one is still among its values */
    atl_task_set_value_of(L, index, "name");
}

void
atl_task_defer(lua_State *L, struct atl_lua_task *t)
{
    atl_task_push_values(L, t, true);
    lua_getfield(L, -1, "deferred");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "deferred");
    }
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (int)atl_rawlen(L, -2) + 1);
    lua_pop(L, 2);
    t->has_deferred = true;
}
