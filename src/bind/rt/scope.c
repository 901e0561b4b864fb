/* scope.c - module atlas.scope.core: deadlines, shields, cancellation.
 * SPDX-License-Identifier: MIT
 */
#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/inner.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/trace.h"

#define NS_PER_S 1e9
#define GRACE_NS UINT64_C(5000000000) /* of a shield: 5 s */

static struct atl_task *
running_task(lua_State *L)
{
    struct atl_task *task = ATL_VM(L)->loop.current;

    if (task == NULL)
        atl_raise(L, "'%s' needs a task around it",
                  lua_tostring(L, lua_upvalueindex(2)));
    return task;
}

/* Push what leave() is to be called with. */
static int
push_scope(lua_State *L, struct atl_timed_scope *scope)
{
    atl_inner_note_scope(L, ATL_VM(L));
    lua_pushlightuserdata(L, scope);
    lua_pushnumber(L, scope->serial);
    return 2;
}

/* timeout(seconds, fn), move_on(seconds, fn) -> scope, serial: for leave(). */
static int
f_enter(lua_State *L)
{
    lua_Number secs = atl_arg_number(L, 1);
    struct atl_task *task = running_task(L);
    uint64_t due = UINT64_MAX;

    if (!(secs >= 0))
        return atl_arg_error(L, 1, "seconds, not negative, expected");
    atl_arg_callable(L, 2);
    if (secs < 1e9)
        due = atl_loop_clock(task->loop) + (uint64_t)(secs * NS_PER_S);
    return push_scope(L, atl_timed_enter(task, L, due, 0));
}

/* shield(fn) -> scope, serial: for leave(). */
static int
f_shield(lua_State *L)
{
    atl_arg_callable(L, 1);
    return push_scope(
        L, atl_timed_enter(running_task(L), L, UINT64_MAX, GRACE_NS));
}

/*
 * leave(scope, serial) -> was it this scope's own deadline that has ended it?
 * A generator may leave one whose task has ended: it is gone.
 */
static int
f_leave(lua_State *L)
{
    struct atl_timed_scope *scope =
        atl_timed_find(lua_touserdata(L, 1), (uint32_t)lua_tonumber(L, 2));

    lua_pushboolean(L,
                    scope != NULL && atl_timed_leave(running_task(L), scope));
    return 1;
}

/* deadline() -> seconds that are left, not below 0; nil: no deadline. */
static int
f_deadline(lua_State *L)
{
    struct atl_task *task = running_task(L);
    uint64_t due = task->scope->deadline_ns, now;

    if (due == UINT64_MAX) {
        lua_pushnil(L);
        return 1;
    }
    now = atl_loop_clock(task->loop);
    lua_pushnumber(L, due > now ? (lua_Number)(due - now) / NS_PER_S : 0);
    return 1;
}

/* cancelled() -> the reason, or true if none was given; nil: it isn't. */
static int
f_cancelled(lua_State *L)
{
    struct atl_task *task = running_task(L);

    if (!atl_task_is_cancelled(task)) {
        lua_pushnil(L);
        return 1;
    }
    atl_push_reason(L, task);
    if (lua_isnil(L, -1))
        lua_pushboolean(L, 1);
    return 1;
}

/* raise_if_cancelled(): a checkpoint that doesn't let others run. */
static int
f_raise_if_cancelled(lua_State *L)
{
    struct atl_task *task = running_task(L);

    if (atl_task_is_cancelled(task))
        return atl_raise_cancelled(L, ATL_VM(L), task);
    return 0;
}

/* defer(fn, call): run `call`, or else `fn`, when this task ends. */
static int
f_defer(lua_State *L)
{
    struct atl_task *task = running_task(L);

    atl_arg_callable(L, 1);
    if (lua_gettop(L) > 1)
        lua_replace(L, 1);
    lua_settop(L, 1);
    atl_task_defer(L, (struct atl_lua_task *)task);
    return 0;
}

static const struct atl_reg functions[] = {
    {"timeout", f_enter, 0},
    {"move_on", f_enter, 0},
    {"shield", f_shield, 0},
    {"leave", f_leave, 0},
    {"deadline", f_deadline, 0},
    {"cancelled", f_cancelled, 0},
    {"raise_if_cancelled", f_raise_if_cancelled, 0},
    {"defer", f_defer, 0},
    {"keep_trace", atl_trace_keep, 0},
    {"inherit", atl_trace_inherit, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_scope(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
