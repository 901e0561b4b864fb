/* inner.c - coroutines of the user's own inside a task.  See inner.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/inner.h"

#include "lua/vm.h"

int
atl_inner_is_waiting(lua_State *L)
{
    const struct atl_task *task = ATL_VM(L)->loop.current;

    if (task == NULL)
        lua_pushboolean(L, 0);
    else if (task->pending != NULL || task->state != ATL_TASK_RUNNING)
        lua_pushboolean(L, 1);
    else if (task->scope->timed && atl_timed_is_of(task, lua_tothread(L, 1)))
        lua_pushinteger(L, 1);
    else
        lua_pushboolean(L, 0);
    return 1;
}

int
atl_inner_suspend(lua_State *L)
{
    struct atl_timed_scope *s =
        atl_timed_suspend(ATL_VM(L)->loop.current, lua_tothread(L, 1));

    lua_pushlightuserdata(L, s);
    lua_pushnumber(L, s->serial);
    return 2;
}

int
atl_inner_go_on(lua_State *L)
{
    struct atl_timed_scope *s =
        atl_timed_find(lua_touserdata(L, 1), (uint32_t)lua_tonumber(L, 2));

    if (s != NULL && ATL_VM(L)->loop.current != NULL)
        atl_timed_resume(ATL_VM(L)->loop.current, s);
    return 0;
}
