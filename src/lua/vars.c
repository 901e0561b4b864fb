/* vars.c - task-local values.  See vars.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/vars.h"

#include "base/alloc.h"

static const char nil_value; /* its address stands for a nil that was set */

void
atl_vars_drop(struct atl_vm *vm, int set)
{
    struct atl_var_set *s;

    if (set == 0)
        return;
    s = &vm->vars.sets[set];
    if (--s->users > 0)
        return;
    luaL_unref(vm->L, LUA_REGISTRYINDEX, s->values);
    s->values = vm->vars.free;
    vm->vars.free = set;
}

/* A set with one user and the values of the table on top of L, popped. */
static int
new_set(lua_State *L, struct atl_vm *vm)
{
    struct atl_vars *vars = &vm->vars;
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    int set = vars->free;

    if (set != 0) {
        vars->free = vars->sets[set].values;
    } else {
        if (vars->count == vars->room) {
            vars->room = vars->room ? vars->room * 2 : 16;
            vars->sets = atl_realloc(vars->sets,
                                     (size_t)vars->room * sizeof(*vars->sets));
        }
        set = vars->count++;
        if (set == 0) /* means none */
            set = vars->count++;
    }
    vars->sets[set] = (struct atl_var_set){1, ref};
    return set;
}

/* Push an empty table that doesn't keep its keys. */
static void
push_weak_table(lua_State *L, struct atl_vars *vars)
{
    lua_newtable(L);
    if (vars->weak == 0) {
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        vars->weak = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    atl_vm_push(L, vars->weak);
    lua_setmetatable(L, -2);
}

/* Add what is in the table at -2 to the one on top. */
static void
copy_values(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* Push the table of a set that is the task's alone. */
static void
push_own_values(lua_State *L, struct atl_lua_task *t)
{
    struct atl_vm *vm = t->vm;
    int set;

    if (t->vars == 0) {
        push_weak_table(L, &vm->vars);
    } else {
        atl_vm_push(L, vm->vars.sets[t->vars].values);
        if (vm->vars.sets[t->vars].users == 1)
            return;
        push_weak_table(L, &vm->vars);
        copy_values(L);
        lua_replace(L, -2);
    }
    lua_pushvalue(L, -1);
    set = new_set(L, vm);
    atl_vars_drop(vm, t->vars); /* whatever a finalizer has set meanwhile */
    t->vars = set;
}

bool
atl_vars_get(lua_State *L, const struct atl_lua_task *t, int index)
{
    if (t == NULL || t->vars == 0)
        return false;
    atl_vm_push(L, t->vm->vars.sets[t->vars].values);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 2);
        return false;
    }
    lua_replace(L, -2);
    if (lua_touserdata(L, -1) == (const void *)&nil_value) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return true;
}

void
atl_vars_set(lua_State *L, struct atl_lua_task *t, int index)
{
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushlightuserdata(L, (void *)&nil_value);
    }
    push_own_values(L, t);
    lua_insert(L, -2);
    lua_pushvalue(L, index);
    lua_insert(L, -2);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}
