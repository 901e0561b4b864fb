/* var.c - module atlas.var.core: variables with a value for each task.
 * SPDX-License-Identifier: MIT
 */
#include "lua/vars.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/reg.h"

static const char var_type[] = "atlas.Var";

static void
arg_var(lua_State *L)
{
    (void)atl_arg_object(L, 1, var_type, sizeof(struct atl_object));
}

/* var(default) -> var: a userdata whose user value is {default} */
static int
f_var(lua_State *L)
{
    struct atl_object *object;

    lua_settop(L, 1);
    object = atl_newuserdata(L, sizeof(*object));
    object->type = var_type;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    atl_setuservalue(L, -2);
    luaL_setmetatable(L, var_type);
    return 1;
}

/* var:get() -> the value in this task */
static int
m_get(lua_State *L)
{
    arg_var(L);
    if (atl_vars_get(L, atl_sched_current(ATL_VM(L)), 1))
        return 1;
    atl_getuservalue(L, 1);
    lua_rawgeti(L, -1, 1);
    return 1;
}

/* var:set(value): for this task, and those that it starts from now on */
static int
m_set(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    arg_var(L);
    if (lua_gettop(L) < 2)
        return atl_arg_error(L, 2, "value expected, got none");
    if (t == NULL)
        return atl_raise(L, "'set' needs a task around it");
    lua_settop(L, 2);
    atl_vars_set(L, t, 1);
    return 0;
}

static int
m_tostring(lua_State *L)
{
    arg_var(L);
    lua_pushfstring(L, "%s: %p", var_type, lua_touserdata(L, 1));
    return 1;
}

static const struct atl_reg methods[] = {
    {"get", m_get, 0},
    {"set", m_set, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__tostring", m_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"var", f_var, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_var(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    atl_reg_type(L, vm, var_type, methods, metamethods);
    lua_pop(L, 1);
    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
