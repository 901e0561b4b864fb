/* task.c - module atlas.task.core: tasks, sleep, callbacks.
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/log.h"
#include "bind/init.h"
#include "bind/rt/callback.h"
#include "lua/args.h"
#include "lua/dump.h"
#include "lua/error.h"
#include "lua/outcome.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/trace.h"

#define CALLBACK_TYPE "atlas.Callback"
#define MAX_SLEEP 1e9 /* seconds: 31 years */
#define MIN_INTERVAL 1e-4
#define NS_PER_S 1e9

/* --- time --- */

/* The loop's timer has fired; the wait is nothing but its own deadline. */
static void
on_slept(struct atl_timer *timer)
{
    struct atl_wait *wait = ATL_OWNER(timer, struct atl_wait, deadline);

    lua_pushboolean(atl_wait_stack(wait), 1);
    atl_wake(wait, 1);
}

/* The end of every wait stops its deadline: nothing else to withdraw. */
static void
cancel_nothing(struct atl_wait *wait)
{
    (void)wait;
}

static const struct atl_wait_kind sleeping = {"sleep", cancel_nothing};

static int
f_sleep(lua_State *L)
{
    lua_Number secs = atl_arg_number(L, 1);
    struct atl_task *task;
    struct atl_wait *wait;
    int pushed;

    if (!(secs >= 0 && secs <= MAX_SLEEP))
        return atl_arg_error(L, 1, "seconds from 0 to 1e9 expected");
    if ((pushed = atl_check_which(L, &task)) != 0)
        return pushed;
    if (secs == 0)
        return atl_await_turn(L, task);
    wait = atl_wait_new(task, sizeof(*wait), &sleeping);
    atl_timer_start(task->loop, &wait->deadline,
                    atl_loop_clock(task->loop) + (uint64_t)(secs * NS_PER_S),
                    on_slept);
    return atl_await(L, wait);
}

static int
f_checkpoint(lua_State *L)
{
    struct atl_task *task;
    int pushed = atl_check_which(L, &task);

    return pushed != 0 ? pushed : atl_await_turn(L, task);
}

/* await(fn) and suspend(fn): is `fn` one, and may they wait here? */
static int
f_check(lua_State *L)
{
    atl_arg_callable(L, 1);
    return atl_check_task(L);
}

/* wrap(fn), supervise(fn): only, is it one? */
static int
f_check_callable(lua_State *L)
{
    atl_arg_callable(L, 1);
    return 0;
}

/* interval(seconds): can they be those between two ticks? */
static int
f_check_interval(lua_State *L)
{
    lua_Number secs = atl_arg_number(L, 1);

    if (!(secs >= MIN_INTERVAL && secs <= MAX_SLEEP))
        return atl_arg_error(L, 1, "seconds from 0.0001 to 1e9 expected");
    return 0;
}

/* random() -> a number from 0, below 1, that no user's seed has a part in. */
static int
f_random(lua_State *L)
{
    uint32_t bits = 0;

    (void)uv_random(NULL, NULL, &bits, sizeof(bits), 0, NULL);
    lua_pushnumber(L, (lua_Number)bits / 4294967296.0);
    return 1;
}

static int
f_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)atl_loop_clock(&ATL_VM(L)->loop) / NS_PER_S);
    return 1;
}

/* --- tasks --- */

static void
check_count(lua_State *L, int count)
{
    if (count > ATL_MAX_VALUES)
        atl_raise(L, "too many values: %d, at most %d", count, ATL_MAX_VALUES);
}

static int
f_spawn(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_lua_task *parent = atl_sched_current(vm), *t;
    int nargs = lua_gettop(L) - 1;

    atl_arg_callable(L, 1);
    check_count(L, nargs);
    if (parent == NULL)
        return atl_raise(L, "'spawn' needs a task to be the parent");
    if (atl_task_is_cancelled(&parent->task))
        return atl_raise_cancelled(L, vm, &parent->task);
    t = atl_sched_spawn(vm, L, nargs, &parent->task.own, parent->task.scope);
    atl_task_queue(&t->task);
    return 1;
}

/* detach(fn, ...) -> Task: owned by the worker, not by the task around it. */
static int
f_detach(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_lua_task *t;
    int nargs = lua_gettop(L) - 1;

    atl_arg_callable(L, 1);
    check_count(L, nargs);
    if (vm->is_thread)
        return atl_raise(L, "'detach' needs a loop, and a thread has none");
    t = atl_sched_spawn(vm, L, nargs, &vm->loop.roots, &vm->loop.root);
    atl_task_queue(&t->task);
    return 1;
}

/*
 * log_error(text, error, trace): with this traceback, or else with the one that
 * the running task has kept.
 */
static int
f_log_error(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    lua_settop(L, 3);
    if (lua_isstring(L, 3))
        atl_trace_push_text(L, 2, 3);
    else
        atl_trace_push_report(L, t, 2);
    atl_log_request(ATL_LOG_ERROR, t != NULL ? t->request : 0, "%s: %s",
                    lua_tostring(L, 1), lua_tostring(L, -1));
    return 0;
}

/* others() -> tasks that nobody owns, but for the one that this runs in. */
static int
f_others(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ATL_VM(L)->loop.roots.running - 1);
    return 1;
}

/* cancel_others(): those tasks, shields notwithstanding. */
static int
f_cancel_others(lua_State *L)
{
    struct atl_loop *loop = &ATL_VM(L)->loop;
    const struct atl_task *self = loop->current, *parent;
    struct atl_link *link;

    while ((parent = atl_task_parent(self)) != NULL)
        self = parent;
    for (link = loop->roots.children.next; link != &loop->roots.children;
         link = link->next) {
        struct atl_task *task = ATL_OWNER(link, struct atl_task, sibling);

        if (task != self && task->state != ATL_TASK_DONE)
            atl_scope_cancel_all(&task->base);
    }
    return 0;
}

/* cancel_children(): those of the running task. */
static int
f_cancel_children(lua_State *L)
{
    struct atl_link *children = &ATL_VM(L)->loop.current->own.children, *link;

    for (link = children->next; link != children; link = link->next)
        atl_task_cancel(ATL_OWNER(link, struct atl_task, sibling), 0);
    return 0;
}

/* dump() -> the tree of tasks, a line each. */
static int
f_dump(lua_State *L)
{
    atl_dump_push(L, ATL_VM(L));
    return 1;
}

static void
set_count(lua_State *L, const char *name, size_t count)
{
    lua_pushnumber(L, (lua_Number)count);
    lua_setfield(L, -2, name);
}

/* counts() -> what is held just now, by name; for tests. */
static int
f_counts(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_scope *s = &vm->loop.root;
    size_t scopes = 0, used, allocated;

    while ((s = atl_scope_walk(&vm->loop.root, s, true)) != NULL)
        scopes++;
    atl_wait_count(&vm->loop, &used, &allocated);
    lua_newtable(L);
    set_count(L, "blocks", atl_alloc_live()); /* 0 in a release build */
    set_count(L, "tasks", vm->live);
    set_count(L, "scopes", scopes);
    set_count(L, "timers", vm->loop.wheel.count);
    set_count(L, "waits", used);
    set_count(L, "waits_allocated", allocated);
    set_count(L, "scopes_allocated", atl_timed_count(&vm->loop));
    return 1;
}

static int
f_current(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    if (t == NULL)
        lua_pushnil(L);
    else
        atl_sched_push(L, t);
    return 1;
}

static int
m_await(lua_State *L)
{
    return atl_outcome_await(L, atl_arg_task(L, 1), false);
}

static int
m_pawait(lua_State *L)
{
    return atl_outcome_await(L, atl_arg_task(L, 1), true);
}

static int
m_cancel(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);
    int reason = 0;

    if (t->task.state == ATL_TASK_DONE || t->task.base.is_origin)
        return 0;
    if (!lua_isnoneornil(L, 2)) {
        lua_pushvalue(L, 2);
        reason = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    atl_task_cancel(&t->task, reason);
    return 0;
}

static int
m_status(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);

    if (t->task.state != ATL_TASK_DONE)
        lua_pushstring(L, atl_dump_state(t));
    else if (!t->failed)
        lua_pushliteral(L, "done");
    else if (t->cancelled)
        lua_pushliteral(L, "cancelled");
    else
        lua_pushliteral(L, "failed");
    return 1;
}

/* task:name() -> name; task:name(s) -> task */
static int
m_name(lua_State *L)
{
    atl_arg_task(L, 1);
    if (lua_isnoneornil(L, 2)) {
        atl_task_get_value_of(L, 1, "name");
        return 1;
    }
    atl_arg_str(L, 2);
    lua_settop(L, 2);
    atl_task_set_name(L, 1);
    return 1;
}

static int
m_traceback(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);

    atl_task_get_value_of(L, 1, "trace");
    if (t->task.state == ATL_TASK_RUNNING)
        atl_trace_push_running(L, t, 1);
    else if (t->task.state != ATL_TASK_DONE || (t->failed && lua_isnil(L, -1)))
        atl_trace_push(L, t); /* as it stands; a stack overflow left none */
    return 1;
}

/* task:on_complete(fn) -> function that takes it back */
static int
m_on_complete(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);

    atl_arg_callable(L, 2);
    return atl_outcome_observe(L, t);
}

static int
m_tostring(lua_State *L)
{
    struct atl_lua_task *t = atl_arg_task(L, 1);

    atl_task_get_value_of(L, 1, "name");
    if (lua_isstring(L, -1))
        lua_pushfstring(L, "task '%s'", lua_tostring(L, -1));
    else
        lua_pushfstring(L, "task %d", (int)t->number);
    return 1;
}

/* --- callbacks --- */

/* One call that somebody will make and one task may wait for. */
struct callback {
    struct atl_vm *vm;
    struct atl_waker waker; /* of the task that waits, if one does */
    int count;              /* values kept in the user value */
    bool called;
};

static void
stop_listening(struct atl_wait *wait)
{
    (void)wait; /* the waker's generation is what call() looks at */
}

static const struct atl_wait_kind listening = {"callback", stop_listening};

static struct callback *
upvalue_callback(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(3));
}

/* Keep the arguments on L in the user value, for whoever waits later. */
static void
keep_arguments(lua_State *L, struct callback *cb)
{
    int i;

    if (cb->count == 0)
        return;
    lua_createtable(L, cb->count, 0);
    for (i = 1; i <= cb->count; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
    atl_setuservalue(L, lua_upvalueindex(3));
}

/* The callback: its arguments go to the waiting task; later calls do nothing.
 */
int
atl_callback_call(lua_State *L)
{
    struct callback *cb = upvalue_callback(L);
    struct atl_wait *wait = atl_waker_wait(cb->waker);

    if (cb->called)
        return 0;
    check_count(L, lua_gettop(L));
    cb->called = true;
    cb->count = lua_gettop(L);
    luaL_checkstack(L, 3, "callback");
    keep_arguments(L, cb);
    if (wait != NULL) {
        lua_State *to = atl_wait_stack(wait);

        lua_checkstack(to, cb->count + 2);
        lua_xmove(L, to, cb->count);
        atl_wake(wait, cb->count);
    }
    return 0;
}

static int
f_wait(lua_State *L)
{
    struct callback *cb = upvalue_callback(L);
    struct atl_wait *wait;
    int i, pushed;

    if (atl_waker_wait(cb->waker) != NULL)
        return atl_raise(L, "another task waits for this callback already");
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    if (cb->called) {
        luaL_checkstack(L, cb->count + 2, "too many results");
        if (cb->count > 0)
            atl_getuservalue(L, lua_upvalueindex(3));
        for (i = 1; i <= cb->count; i++)
            lua_rawgeti(L, -i, i);
        return cb->count;
    }
    wait = atl_task_op(L, sizeof(*wait), &listening);
    cb->waker = atl_wait_waker(wait);
    return atl_await(L, wait);
}

/* Push a function of this callback: VM, name and the userdata at `index`. */
static void
push_closure(lua_State *L, int index, const char *name, lua_CFunction fn,
             bool awaits)
{
    struct atl_vm *vm = ATL_VM(L);

    if (awaits)
        atl_vm_push(L, vm->refs.raiser);
    lua_pushlightuserdata(L, vm);
    lua_pushstring(L, name);
    lua_pushvalue(L, index);
    lua_pushcclosure(L, fn, 3);
    if (awaits)
        lua_call(L, 1, 1);
}

static int
f_callback(lua_State *L)
{
    struct callback *cb;

    lua_settop(L, 0);
    cb = atl_newuserdata(L, sizeof(*cb));
    *cb = (struct callback){.vm = ATL_VM(L)};
    push_closure(L, 1, "callback", atl_callback_call, false);
    push_closure(L, 1, "wait", f_wait, true);
    return 2;
}

/* --- the module --- */

static const struct atl_reg methods[] = {
    {"await", m_await, AWAITS},
    {"pawait", m_pawait, AWAITS},
    {"cancel", m_cancel, 0},
    {"status", m_status, 0},
    {"name", m_name, 0},
    {"traceback", m_traceback, 0},
    {"on_complete", m_on_complete, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__tostring", m_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"spawn", f_spawn, 0},
    {"detach", f_detach, 0},
    {"current", f_current, 0},
    {"dump", f_dump, 0},
    {"counts", f_counts, 0},
    {"others", f_others, 0},
    {"cancel_others", f_cancel_others, 0},
    {"log_error", f_log_error, 0},
    {"on_error", atl_trace_on_error, 0},
    {"sleep", f_sleep, AWAITS | SMALL},
    {"checkpoint", f_checkpoint, AWAITS | SMALL},
    {"now", f_now, 0},
    {"random", f_random, 0},
    {"cancel_children", f_cancel_children, 0},
    {"callback", f_callback, 0},
    {NULL, NULL, 0},
};

/* Called before the Lua functions of these names start anything. */
static const struct atl_reg checks[] = {
    {"await", f_check, AWAITS},
    {"suspend", f_check, AWAITS},
    {"wrapped function", f_check, AWAITS},
    {"wrap", f_check_callable, 0},
    {"supervise", f_check_callable, 0},
    {"interval", f_check_interval, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_task(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    lua_newtable(L);
    atl_reg_set(L, vm, checks);
    lua_setfield(L, -2, "checks");
    return 1;
}

void
atl_bind_task_type(struct atl_vm *vm)
{
    atl_reg_type(vm->L, vm, ATL_TASK_TYPE, methods, metamethods);
    vm->refs.task_meta = luaL_ref(vm->L, LUA_REGISTRYINDEX);
}
