/* inner.c - coroutines inside and around tasks.  See inner.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/inner.h"

#include "lua/args.h"
#include "lua/dump.h"

static const char tag; /* its address is what an await yields */

void
atl_inner_push_tag(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&tag);
}

int
atl_inner_yield(lua_State *L, const struct atl_task *task)
{
    if (((const struct atl_lua_task *)task)->co == L)
        return lua_yield(L, 0);
    atl_inner_push_tag(L);
    return lua_yield(L, 1);
}

void
atl_inner_push_states(lua_State *L)
{
    int i;

    lua_newtable(L);
    for (i = ATL_INNER_SPECIAL; i <= ATL_INNER_SCOPES; i++) {
        lua_pushboolean(L, 0);
        lua_rawseti(L, -2, i);
    }
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

/* --- scopes that a generator takes along --- */

/* Pop a value: refs.states[which] is that. */
static void
set_flag(lua_State *L, struct atl_vm *vm, int which)
{
    atl_vm_push(L, vm->refs.states);
    lua_insert(L, -2);
    lua_rawseti(L, -2, which);
    lua_pop(L, 1);
}

void
atl_inner_note_scope(lua_State *L, struct atl_vm *vm)
{
    if (vm->inner_scopes || atl_sched_current(vm)->co == L)
        return;
    vm->inner_scopes = true;
    lua_pushboolean(L, 1);
    set_flag(L, vm, ATL_INNER_SCOPES);
}

int
atl_inner_suspend(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_lua_task *t = atl_sched_current(vm);
    struct atl_timed_scope *s;

    if (vm->loop.scopes_used == 0) {
        vm->inner_scopes = false;
        lua_pushboolean(L, 0);
        set_flag(L, vm, ATL_INNER_SCOPES);
    }
    if (t == NULL || t->co == L || (s = atl_timed_suspend(&t->task, L)) == NULL)
        return 0;
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

/* --- the coroutines of tasks --- */

/* There is one more in refs.states, or one less. */
static void
count(lua_State *L, struct atl_vm *vm, int change)
{
    int n;

    atl_vm_push(L, vm->refs.states);
    lua_rawgeti(L, -1, ATL_INNER_SPECIAL);
    n = (int)lua_tointeger(L, -1) + change;
    lua_pop(L, 2);
    if (n > 0)
        lua_pushinteger(L, n);
    else
        lua_pushboolean(L, 0);
    set_flag(L, vm, ATL_INNER_SPECIAL);
}

/* refs.states[the coroutine of `t`] = the value on top of L, which is popped */
static void
set_state(lua_State *L, struct atl_lua_task *t)
{
    atl_vm_push(L, t->vm->refs.states);
    lua_pushthread(t->co);
    lua_xmove(t->co, L, 1);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

int
atl_inner_expose(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_lua_task *t = atl_sched_current(vm);

    if (t == NULL || t->co != L || t->thread_is_known)
        return 0;
    t->thread_is_known = true;
    count(L, vm, 1);
    atl_sched_push(L, t);
    set_state(L, t);
    return 0;
}

void
atl_inner_forget(lua_State *L, struct atl_lua_task *t)
{
    t->thread_is_known = false;
    count(L, t->vm, -1);
    lua_pushnil(L);
    set_state(L, t);
}

/* Push false and why the task, which isn't parked, can't be resumed. */
static int
push_refusal(lua_State *L, struct atl_lua_task *t)
{
    const char *why;

    lua_settop(L, 1);
    lua_pushboolean(L, 0);
    if (t->body_ended) {
        lua_pushliteral(L, "cannot resume dead coroutine");
        return 2;
    }
    if (t->task.state == ATL_TASK_RUNNING) {
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
        return 2;
    }
    lua_pushliteral(L, "cannot resume ");
    atl_dump_push_label(L, t);
    if (t->task.pending != NULL) {
        why = t->task.pending->kind->name;
        lua_pushfstring(L, ": it waits for '%s'", why);
    } else {
        lua_pushliteral(L, ": it is about to run");
    }
    lua_concat(L, 3);
    return 2;
}

int
atl_inner_resume_task(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);
    int nargs = lua_gettop(L) - 1;

    if (t->task.state != ATL_TASK_PARKED)
        return push_refusal(L, t);
    if (nargs > ATL_MAX_VALUES || !lua_checkstack(t->co, nargs + 4)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "too many arguments to resume");
        return 2;
    }
    lua_xmove(L, t->co, nargs);
    t->task.results = (uint32_t)nargs;
    t->task.wake = ATL_WAKE_RESULT;
    atl_task_queue(&t->task);
    lua_pushboolean(L, 1);
    return 1;
}
