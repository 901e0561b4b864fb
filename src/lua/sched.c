/* sched.c - tasks that are coroutines.  See sched.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/sched.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/inner.h"
#include "lua/loader.h"
#include "lua/outcome.h"
#include "lua/trace.h"
#include "lua/vars.h"
#include "lua/watch.h"

#define MAX_IDLE 1024 /* coroutines kept for later; more are collected */

static const struct atl_task_ops ops;

/* --- slots: where coroutines and tasks are anchored --- */

static int
new_slot(struct atl_vm *vm)
{
    int slot = vm->empty;

    if (slot != 0) {
        vm->empty = vm->slots[slot].next;
        return slot;
    }
    if (vm->slot_count >= vm->slot_room) {
        vm->slot_room = vm->slot_room ? vm->slot_room * 2 : 64;
        vm->slots = atl_realloc(vm->slots, (size_t)vm->slot_room *
                                               sizeof(struct atl_slot));
    }
    slot = vm->slot_count++;
    vm->slots[slot] = (struct atl_slot){0};
    return slot;
}

/* Set array[slot], `array` being a registry reference, to the popped value. */
static void
anchor(lua_State *L, int array, int slot)
{
    atl_vm_push(L, array);
    lua_insert(L, -2);
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
}

static void
unanchor(lua_State *L, int array, int slot)
{
    lua_pushnil(L);
    anchor(L, array, slot);
}

static void
renew_coroutine(struct atl_vm *vm, lua_State *L, int slot)
{
    vm->slots[slot].co = lua_newthread(L);
    anchor(L, vm->refs.threads, slot);
}

/* A slot with a coroutine, whose stack is empty. */
static int
take_slot(struct atl_vm *vm, lua_State *L)
{
    int slot = vm->idle;

    if (slot != 0) {
        vm->idle = vm->slots[slot].next;
        vm->idle_count--;
        return slot;
    }
    slot = new_slot(vm);
    renew_coroutine(vm, L, slot);
    vm->slots[slot].task = NULL;
    return slot;
}

/* Give back a slot: its coroutine is used again unless it is dead. */
static void
give_slot(struct atl_vm *vm, lua_State *L, int slot, bool dead)
{
    struct atl_slot *s = &vm->slots[slot];

    if (!dead && vm->idle_count < MAX_IDLE) {
        s->next = vm->idle;
        vm->idle = slot;
        vm->idle_count++;
        return;
    }
    s->co = NULL;
    s->task = NULL;
    unanchor(L, vm->refs.threads, slot);
    unanchor(L, vm->refs.tasks, slot);
    s->next = vm->empty;
    vm->empty = slot;
}

/* --- birth --- */

/* Push the slot's task, a new one if Lua has seen what it had. */
static struct atl_lua_task *
push_task(struct atl_vm *vm, lua_State *L, int slot)
{
    struct atl_lua_task *t = vm->slots[slot].task;

    atl_vm_push(L, vm->refs.tasks);
    if (t != NULL) {
        lua_rawgeti(L, -1, slot);
    } else {
        t = atl_newuserdata(L, sizeof(*t));
        atl_vm_push(L, vm->refs.task_meta);
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, slot);
    }
    lua_remove(L, -2);
    return t;
}

static struct atl_lua_task *
take(struct atl_vm *vm, int slot, struct atl_lua_task *t,
     struct atl_owner *owner, struct atl_scope *scope)
{
    const struct atl_lua_task *from = atl_sched_current(vm);

    memset(t, 0, sizeof(*t));
    t->vm = vm;
    t->slot = slot;
    t->co = vm->slots[slot].co;
    t->number = ++vm->tasks;
    t->request = from != NULL ? from->request : 0;
    vm->slots[slot].task = t;
    vm->live++;
    atl_list_init(&t->held);
    atl_list_init(&t->observers);
    atl_task_init(&t->task, &vm->loop, owner, scope, &ops);
    atl_vm_push(t->co, vm->refs.xpcall);
    return t;
}

struct atl_lua_task *
atl_sched_take(struct atl_vm *vm, lua_State *L, struct atl_owner *owner,
               struct atl_scope *scope)
{
    int slot = take_slot(vm, L);
    struct atl_lua_task *t = vm->slots[slot].task;

    if (t == NULL) {
        t = push_task(vm, L, slot);
        lua_pop(L, 1);
    }
    return take(vm, slot, t, owner, scope);
}

struct atl_lua_task *
atl_sched_spawn(struct atl_vm *vm, lua_State *L, int nargs,
                struct atl_owner *owner, struct atl_scope *scope)
{
    int slot = take_slot(vm, L);
    struct atl_lua_task *t = push_task(vm, L, slot);

    lua_insert(L, -nargs - 2);
    take(vm, slot, t, owner, scope);
    t->exposed = true;
    atl_trace_set_site(L, t);
    atl_vars_inherit(t);
    if (nargs > LUA_MINSTACK - 4)
        lua_checkstack(t->co, nargs + 4);
    lua_xmove(L, t->co, nargs + 1);
    atl_sched_prepare(t, nargs);
    return t;
}

/* xpcall(fn, on_error, ...) is what the coroutine will run. */
void
atl_sched_prepare(struct atl_lua_task *t, int nargs)
{
    atl_vm_push(t->co, t->vm->refs.on_error);
    if (nargs > 0)
        lua_insert(t->co, -nargs - 1);
    t->task.results = (uint32_t)(nargs + 2);
}

void
atl_sched_start(struct atl_lua_task *t, int nargs)
{
    atl_sched_prepare(t, nargs);
    atl_task_queue(&t->task);
}

void
atl_sched_push(lua_State *L, struct atl_lua_task *t)
{
    t->exposed = true;
    atl_task_push_userdata(L, t);
}

/* --- life --- */

/* What the task is resumed with when it isn't a plain result. */
static int
push_wake(struct atl_lua_task *t)
{
    switch (t->task.wake) {
    case ATL_WAKE_TRUE:
        lua_pushboolean(t->co, 1);
        return 1;
    case ATL_WAKE_CANCELLED:
        atl_push_raise(t->co, ATL_RAISE_CANCELLED);
        atl_push_reason(t->co, &t->task);
        return 3;
    case ATL_WAKE_EXPIRED:
        return atl_push_error(t->co, t->vm, UV_ETIMEDOUT, NULL);
    default:
        return t->task.results;
    }
}

/* The body has returned more than can be handed on. */
static void
refuse_results(struct atl_lua_task *t)
{
    lua_settop(t->co, 0);
    lua_pushfstring(t->co, "too many results: %d, at most %d", t->count,
                    ATL_MAX_VALUES);
    t->failed = true;
    t->count = 1;
}

/* The code that should have given these back has gone. */
static void
lose_held(struct atl_lua_task *t)
{
    struct atl_link *link, *next;

    for (link = t->held.next; link != &t->held; link = next) {
        struct atl_held *held = ATL_OWNER(link, struct atl_held, link);

        next = link->next;
        held->lost(held, t);
    }
}

/* The body is over; settle now, or when the last child has ended. */
static void
end_body(struct atl_lua_task *t, bool failed, int count)
{
    t->body_ended = true;
    /* What a body left behind that died, or whose yield somebody caught. */
    atl_wait_abandon(&t->task);
    atl_list_remove(&t->task.queue);
    lose_held(t);
    atl_timed_abandon_all(&t->task);
    t->failed = failed;
    t->count = count;
    if (count > ATL_MAX_VALUES)
        refuse_results(t);
    /* Children of a body that has failed serve nobody any more. */
    if (failed && t->task.own.running > 0)
        atl_task_cancel(&t->task, 0);
    if (atl_task_end_body(&t->task))
        atl_outcome_settle(t);
}

/*
 * The coroutine has died of an error that its own xpcall could not catch: its
 * stack may be full.  The error goes to another.
 */
static void
died(struct atl_lua_task *t)
{
    struct atl_vm *vm = t->vm;

    lua_xmove(t->co, vm->L, 1);
    if (t->thread_is_known)
        atl_inner_forget(vm->L, t);
    renew_coroutine(vm, vm->L, t->slot);
    t->co = vm->slots[t->slot].co;
    lua_settop(t->co, 0);
    lua_xmove(vm->L, t->co, 1);
    vm->slots[t->slot].co = NULL; /* only a place for the error */
    end_body(t, true, 1);
}

/* Cancelled before it ran: the function is never called. */
static void
skip(struct atl_lua_task *t)
{
    struct atl_vm *vm = t->vm;

    lua_settop(t->co, 0);
    atl_vm_push(vm->L, vm->refs.new_cancelled);
    atl_push_reason(vm->L, &t->task);
    lua_call(vm->L, 1, 1);
    lua_xmove(vm->L, t->co, 1);
    end_body(t, true, 1);
}

/* The body has ended by itself: xpcall's results are on the stack. */
static void
returned(struct atl_lua_task *t, int results)
{
    int status = t->has_anchor ? 2 : 1; /* where xpcall's own stands */
    bool failed = !lua_toboolean(t->co, status);

    if (t->on_return != NULL && !t->deferring) {
        int nargs = t->on_return(t, t->co, failed, results - status);

        if (nargs >= 0) {
            t->task.state = ATL_TASK_PARKED;
            atl_sched_start(t, nargs);
            return;
        }
    }
    end_body(t, failed, results - status);
}

/*
 * The body has yielded by itself.  Nobody would tell it that it was cancelled
 * before: it hears of that at once, a turn later so that others may run.
 */
static void
park(struct atl_task *task)
{
    task->state = ATL_TASK_PARKED;
    if (atl_task_checkpoint(task) && task->state == ATL_TASK_PARKED) {
        task->wake = ATL_WAKE_CANCELLED;
        atl_task_queue_next_turn(task);
    }
}

/* The coroutine has yielded; nobody is there for the values. */
static void
suspended(struct atl_lua_task *t, int results)
{
    struct atl_task *task = &t->task;

    lua_pop(t->co, results);
    if (task->state != ATL_TASK_RUNNING)
        return;
    if (task->pending != NULL)
        task->state = ATL_TASK_WAITING;
    else
        park(task);
}

static void
resume(struct atl_task *task)
{
    struct atl_lua_task *t = (struct atl_lua_task *)task;
    struct atl_vm *vm = t->vm;
    int nargs, results, status;

    if (t->body_ended) { /* it was joining its children */
        atl_outcome_settle(t);
        return;
    }
    if (task->state == ATL_TASK_NEW && atl_task_is_cancelled(task)) {
        skip(t);
        return;
    }
    nargs = push_wake(t);
    task->wake = ATL_WAKE_RESULT;
    task->results = 0;
    task->state = ATL_TASK_RUNNING;
    vm->running = t->co;
    status = atl_resume(t->co, vm->L, nargs, &results);
    vm->running = NULL;
    if (vm->hooked != NULL)
        atl_watch_unhook(vm);
    if (status == LUA_OK)
        returned(t, results);
    else if (status != LUA_YIELD)
        died(t);
    else
        suspended(t, results);
}

/* The last child has gone.  Queued, since a chain of parents may be long. */
static void
joined(struct atl_task *task)
{
    atl_list_push(&task->loop->ready, &task->queue);
}

static const struct atl_task_ops ops = {resume, joined};

lua_State *
atl_sched_fresh_stack(struct atl_lua_task *t)
{
    struct atl_vm *vm = t->vm;

    lua_settop(t->co, 0);
    if (vm->slots[t->slot].co == NULL) {
        renew_coroutine(vm, vm->L, t->slot);
        t->co = vm->slots[t->slot].co;
    }
    t->has_anchor = false;
    atl_vm_push(t->co, vm->refs.xpcall);
    return t->co;
}

void
atl_sched_recycle(struct atl_lua_task *t)
{
    struct atl_vm *vm = t->vm;
    int slot = t->slot;
    bool dead = vm->slots[slot].co == NULL;

    lua_settop(t->co, 0);
    if (t->thread_is_known) { /* nobody may find another task in it */
        atl_inner_forget(vm->L, t);
        dead = true;
    }
    t->co = NULL;
    if (t->task.base.reason != 0)
        luaL_unref(vm->L, LUA_REGISTRYINDEX, t->task.base.reason);
    if (t->exposed || t->has_values) {
        t->slot = 0;
        vm->slots[slot].task = NULL;
        /* One that holds nothing may stay until the slot is used again. */
        if (t->has_values)
            unanchor(vm->L, vm->refs.tasks, slot);
    }
    give_slot(vm, vm->L, slot, dead);
    atl_vars_drop(vm, t->vars);
    vm->live--;
}

/* Told by its ops, as atl_arg_object() tells others. */
struct atl_lua_task *
atl_arg_task(lua_State *L, int arg)
{
    struct atl_lua_task *t = lua_touserdata(L, arg);

    if (t == NULL || atl_rawlen(L, arg) != sizeof(*t) || t->task.ops != &ops)
        atl_arg_type_error(L, arg, ATL_TASK_TYPE);
    return t;
}

/* --- waiting --- */

/* Raise what keeps the running task, or none, from waiting. */
static void
refuse_to_wait(lua_State *L, const struct atl_lua_task *t)
{
    if (t == NULL)
        atl_raise(L,
                  ATL_VM(L)->is_thread
                      ? "'%s' cannot wait in a thread: there is no loop"
                      : "'%s' can only wait inside a task",
                  lua_tostring(L, lua_upvalueindex(2)));
    if (!lua_isyieldable(L))
        atl_raise(L,
                  "'%s' cannot wait here: attempt to wait inside %s, which "
                  "cannot be suspended",
                  lua_tostring(L, lua_upvalueindex(2)), atl_trace_barrier(L));
    atl_raise(L, "the task is already waiting: a yield of its wait was "
                 "caught by a coroutine.resume that isn't Atlas's");
}

struct atl_lua_task *
atl_check_task_only(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    if (t == NULL || t->task.pending != NULL ||
        t->task.state != ATL_TASK_RUNNING || !lua_isyieldable(L))
        refuse_to_wait(L, t);
    return t;
}

int
atl_check_which(lua_State *L, struct atl_task **task_out)
{
    struct atl_task *task = &atl_check_task_only(L)->task;

    *task_out = task;
    if (!atl_task_checkpoint(task))
        return 0;
    return atl_push_cancelled(L, task);
}

int
atl_check_task(lua_State *L)
{
    struct atl_task *task;

    return atl_check_which(L, &task);
}

void *
atl_task_op(lua_State *L, size_t size, const struct atl_wait_kind *kind)
{
    return atl_wait_new(ATL_VM(L)->loop.current, size, kind);
}

int
atl_await(lua_State *L, struct atl_wait *wait)
{
    return atl_inner_yield(L, wait->task);
}

int
atl_await_turn(lua_State *L, struct atl_task *task)
{
    atl_task_yield(task);
    return atl_inner_yield(L, task);
}

/*
 * pause(): one turn of the loop, cancelled or not.  Code that catches Cancelled
 * and tries again must not keep all others from running.
 */
static int
f_pause(lua_State *L)
{
    return atl_await_turn(L, ATL_VM(L)->loop.current);
}

/* --- open and close --- */

int
atl_sched_open(struct atl_vm *vm)
{
    lua_State *L = vm->L;
    const struct {
        const char *name;
        int *ref;
    } boot[] = {
        {"raise", &vm->refs.raise},
        {"raiser", &vm->refs.raiser},
        {"small_raiser", &vm->refs.small_raiser},
        {"small_raiser_2", &vm->refs.small_raiser_2},
        {"run_deferred", &vm->refs.run_deferred},
        {"error_meta", &vm->refs.error_meta},
        {"cancelled_meta", &vm->refs.cancelled_meta},
        {"new_cancelled", &vm->refs.new_cancelled},
        {"new_task_cancelled", &vm->refs.new_task_cancelled},
    };
    static const lua_CFunction given[] = {
        f_pause,         atl_trace_keep,   atl_inner_suspend,
        atl_inner_go_on, atl_inner_expose, atl_inner_resume_task};
    size_t i;

    vm->slot_count = 1; /* 0 means none */
    lua_newtable(L);
    vm->refs.threads = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    vm->refs.tasks = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    vm->refs.failed = luaL_ref(L, LUA_REGISTRYINDEX);
    atl_inner_push_states(L);
    vm->refs.states = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getglobal(L, "xpcall");
    vm->refs.xpcall = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, atl_trace_on_error, 1);
    vm->refs.on_error = luaL_ref(L, LUA_REGISTRYINDEX);
    if (atl_loader_load(L, "atlas.boot") != LUA_OK)
        return ATL_E_INVALID;
    atl_vm_push(L, vm->refs.on_error);
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, atl_trace_inherit, 1);
    for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        lua_pushlightuserdata(L, vm);
        lua_pushcclosure(L, given[i], 1);
    }
    atl_push_raise_tag(L);
    atl_inner_push_tag(L);
    atl_vm_push(L, vm->refs.states);
    if (lua_pcall(L, (int)i + 5, 1, 0) != LUA_OK)
        return ATL_E_INVALID;
    for (i = 0; i < sizeof(boot) / sizeof(boot[0]); i++) {
        lua_getfield(L, -1, boot[i].name);
        *boot[i].ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_pop(L, 1);
    return 0;
}

void
atl_sched_close(struct atl_vm *vm)
{
    int i;

    for (i = 0; vm->sources != NULL && i < ATL_MAX_SOURCES; i++)
        atl_free(vm->sources[i]);
    atl_free(vm->sources);
    atl_free(vm->vars.sets);
    atl_free(vm->slots);
}
