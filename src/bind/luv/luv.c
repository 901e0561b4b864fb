/* luv.c - module atlas.luv.core: luv's loop functions, and its callbacks.
 * SPDX-License-Identifier: MIT
 */
#include "bind/luv/luv.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "bind/init.h"
#include "bind/rt/callback.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/trace.h"

static const char luv_key; /* its address: where the registry has the struct */

/* --- one for the VM --- */

static void
free_luv(struct atl_hook *hook)
{
    struct atl_luv *luv = ATL_OWNER(hook, struct atl_luv, after);

    /* A finalizer may have left something open there: then it has to stay. */
    if (!luv->closing || uv_loop_close(luv->grave) == 0)
        atl_free(luv->grave);
    luv->vm->luv = NULL;
    atl_free(luv);
}

static int
new_ref(lua_State *L)
{
    lua_pushboolean(L, 0);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

struct atl_luv *
atl_luv_of(struct atl_vm *vm)
{
    struct atl_luv *luv = vm->luv;
    lua_State *L = vm->L;

    if (luv != NULL)
        return luv;
    luv = atl_calloc(1, sizeof(*luv));
    luv->grave = atl_calloc(1, sizeof(*luv->grave));
    luv->vm = vm;
    luv->watch.fn = atl_luv_look;
    luv->after.fn = free_luv;
    atl_list_init(&luv->runs);
    atl_list_push(&vm->after_close, &luv->after.link);
    vm->luv = luv;
    luv->module = new_ref(L);
    luv->witness = new_ref(L);
    lua_pushlightuserdata(L, (void *)&luv_key);
    lua_pushlightuserdata(L, luv);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return luv;
}

/* --- callbacks --- */

/* With the error on top of L, the stack of `t`; NULL: it had no task. */
static void
log_error(lua_State *L, struct atl_vm *vm, struct atl_lua_task *t)
{
    lua_State *to = vm->L;

    lua_pushvalue(L, -1);
    lua_xmove(L, to, 1);
    atl_trace_push_report(to, t, -1);
    atl_log(ATL_LOG_ERROR, "error in a callback of luv: %s",
            lua_tostring(to, -1));
    lua_pop(to, 2);
}

static void
on_ended(struct atl_lua_task *t, lua_State *L, bool failed, int count)
{
    struct atl_luv *luv = t->data;

    (void)count;
    luv->busy--;
    if (failed && !t->cancelled)
        log_error(L, t->vm, t);
}

/* The function below `nargs` arguments becomes a task, and runs at once. */
static void
run_task(struct atl_luv *luv, lua_State *L, int nargs)
{
    struct atl_vm *vm = luv->vm;
    struct atl_lua_task *t = atl_sched_take_root(vm, L);

    t->on_end = on_ended;
    t->data = luv;
    luv->busy++;
    lua_checkstack(t->co, nargs + 4);
    lua_xmove(L, t->co, nargs + 1);
    atl_sched_prepare(t, nargs);
    if (vm->loop.current != NULL) {
        atl_task_queue(&t->task); /* somebody runs the loop inside a task */
        return;
    }
    luv->calling = true;
    atl_loop_run_now(&vm->loop, &t->task);
    luv->calling = false;
}

int
atl_luv_call(lua_State *L, int nargs, int nresults, int flags)
{
    struct atl_luv *luv;
    int i;

    (void)flags;
    lua_pushlightuserdata(L, (void *)&luv_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    luv = lua_touserdata(L, -1);
    lua_pop(L, 1);
    assert(L == luv->vm->L);
    atl_loop_woken(&luv->vm->loop.uv);
    luv->called++;
    if (luv->closing)
        lua_pop(L, nargs + 1);
    else if (lua_tocfunction(L, -nargs - 1) != atl_callback_call)
        run_task(luv, L, nargs);
    else if (lua_pcall(L, nargs, 0, 0) != LUA_OK) { /* too many values */
        log_error(L, luv->vm, NULL);
        lua_pop(L, 1);
    }
    /* libuv runs timers before it polls, and would wait then although a task
     * is ready: this makes that poll a short one. */
    uv_stop(&luv->vm->loop.uv);
    for (i = 0; i < nresults; i++)
        lua_pushnil(L);
    return nresults > 0 ? nresults : 0;
}

/* --- run --- */

enum mode {
    DEFAULT,
    ONCE,
    NOWAIT,
};

static const char *const modes[] = {"default", "once", "nowait"};

#define MODES (sizeof(modes) / sizeof(modes[0]))

struct run_op {
    struct atl_wait wait;
    struct atl_link link; /* luv->runs */
    struct atl_luv *luv;
    enum mode mode;
    bool is_inside;  /* it is a callback that waits */
    uint64_t called; /* luv->called when it began */
};

/*
 * Is anything active, or are more callbacks than those `waiting` not through?
 */
static bool
is_alive(struct atl_luv *luv, unsigned waiting)
{
    return luv->busy > waiting || atl_luv_is_active(luv);
}

static void
stop_waiting(struct run_op *op)
{
    struct atl_luv *luv = op->luv;

    luv->inside -= op->is_inside;
    atl_list_remove(&op->link);
    if (atl_list_is_empty(&luv->runs) && !luv->finishing)
        atl_list_remove(&luv->watch.link);
}

static void
cancel_run(struct atl_wait *wait)
{
    stop_waiting(ATL_OWNER(wait, struct run_op, wait));
}

static const struct atl_wait_kind running = {"uv.run", cancel_run};

static bool
is_over(const struct run_op *op, bool alive)
{
    const struct atl_luv *luv = op->luv;

    return !alive || (op->mode == ONCE && luv->called != op->called);
}

/* A callback doesn't wait for those that wait as it does. */
static bool
is_alive_for(const struct run_op *op)
{
    return is_alive(op->luv, op->is_inside ? op->luv->inside : 0);
}

void
atl_luv_look(struct atl_hook *hook)
{
    struct atl_luv *luv = ATL_OWNER(hook, struct atl_luv, watch);
    bool stopped = luv->stopped;
    struct atl_link *link, *next;

    for (link = luv->runs.next; link != &luv->runs; link = next) {
        struct run_op *op = ATL_OWNER(link, struct run_op, link);
        bool alive = is_alive_for(op);

        next = link->next;
        if (!stopped && !is_over(op, alive))
            continue;
        luv->stopped = false; /* somebody has noticed */
        stop_waiting(op);
        lua_pushboolean(atl_wait_stack(&op->wait), alive);
        atl_wake(&op->wait, 1);
    }
    if (luv->finishing && (stopped || !is_alive(luv, 0)))
        atl_loop_stop(&luv->vm->loop);
}

/* Is `task` a callback of luv's, or a child of one? */
static bool
is_callback(const struct atl_task *task)
{
    for (; task != NULL; task = atl_task_parent(task))
        if (((const struct atl_lua_task *)(const void *)task)->on_end ==
            on_ended)
            return true;
    return false;
}

static enum mode
arg_mode(lua_State *L)
{
    struct atl_str name;
    size_t i;

    if (lua_isnoneornil(L, 1))
        return DEFAULT;
    name = atl_arg_str(L, 1);
    for (i = 0; i < MODES; i++)
        if (strcmp(name.ptr, modes[i]) == 0)
            return (enum mode)i;
    return (enum mode)atl_arg_error(
        L, 1, lua_pushfstring(L, "invalid option '%s'", name.ptr));
}

/* run(mode) -> is anything active still?  Not for "nowait". */
static int
f_run(lua_State *L)
{
    struct atl_luv *luv = ATL_VM(L)->luv;
    enum mode mode = arg_mode(L);
    struct atl_task *task;
    struct run_op *op;
    int pushed = atl_check_which(L, &task);

    if (pushed != 0)
        return pushed;
    luv->has_run = true;
    if (luv->stopped) {
        luv->stopped = false;
        lua_pushboolean(L, atl_luv_is_active(luv));
        return 1;
    }
    if (mode == NOWAIT)
        return atl_await_turn(L, task);
    op = atl_wait_new(task, sizeof(*op), &running);
    op->luv = luv;
    op->mode = mode;
    op->called = luv->called;
    op->is_inside = is_callback(task);
    luv->inside += op->is_inside;
    atl_list_push(&luv->runs, &op->link);
    atl_loop_watch(task->loop, &luv->watch);
    return atl_await(L, &op->wait);
}

void
atl_luv_finish(struct atl_vm *vm)
{
    struct atl_luv *luv = vm->luv;
    struct atl_loop *loop = &vm->loop;

    if (luv == NULL || luv->has_run)
        return;
    luv->finishing = true;
    loop->stopped = false;
    atl_loop_watch(loop, &luv->watch);
    while (!loop->stopped && atl_loop_is_alive(loop))
        atl_loop_turn(loop, true);
    luv->finishing = false;
    if (atl_list_is_empty(&luv->runs))
        atl_list_remove(&luv->watch.link);
}

/* --- the loop's other functions --- */

static int
f_stop(lua_State *L)
{
    ATL_VM(L)->luv->stopped = true;
    return 0;
}

static int
f_loop_alive(lua_State *L)
{
    lua_pushboolean(L, atl_luv_is_active(ATL_VM(L)->luv));
    return 1;
}

/* loop_close() -> 0, or nil, message, name as luv's own. */
static int
f_loop_close(lua_State *L)
{
    if (!atl_luv_has_handles(ATL_VM(L)->luv) &&
        !atl_luv_is_active(ATL_VM(L)->luv)) {
        lua_pushinteger(L, 0);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", uv_err_name(UV_EBUSY), uv_strerror(UV_EBUSY));
    lua_pushstring(L, uv_err_name(UV_EBUSY));
    return 3;
}

/* loop_mode() -> that of the innermost run(), or nil */
static int
f_loop_mode(lua_State *L)
{
    const struct atl_luv *luv = ATL_VM(L)->luv;

    if (!atl_list_is_empty(&luv->runs))
        lua_pushstring(
            L, modes[ATL_OWNER(luv->runs.prev, struct run_op, link)->mode]);
    else if (luv->finishing)
        lua_pushstring(L, modes[DEFAULT]);
    else
        lua_pushnil(L);
    return 1;
}

/* handles() -> list */
static int
f_handles(lua_State *L)
{
    atl_luv_push_handles(L, ATL_VM(L)->luv);
    return 1;
}

/* close() -> is nothing of luv's left, so that the state may be closed? */
static int
f_close(lua_State *L)
{
    struct atl_luv *luv = ATL_VM(L)->luv;

    lua_pushboolean(L, !luv->calling); /* a poll cannot be begun inside one */
    if (!luv->calling && atl_hook_is_waiting(&luv->before)) {
        atl_list_remove(&luv->before.link);
        luv->before.fn(&luv->before);
    }
    return 1;
}

static const struct atl_reg functions[] = {
    {"close", f_close, 0},
    {"run", f_run, AWAITS | SMALL},
    {"stop", f_stop, 0},
    {"loop_alive", f_loop_alive, 0},
    {"loop_close", f_loop_close, 0},
    {"loop_mode", f_loop_mode, 0},
    {"handles", f_handles, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_luv(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    (void)atl_luv_of(vm);
    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
