/* outcome.c - how a task ends.  See outcome.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/outcome.h"

#include "base/log.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/trace.h"
#include "lua/vars.h"

bool
atl_is_cancelled_error(lua_State *L, struct atl_vm *vm, int index)
{
    bool is = false;

    if (lua_getmetatable(L, index)) {
        atl_vm_push(L, vm->refs.cancelled_meta);
        is = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return is;
}

/* --- failures that nobody has heard of --- */

/* Keep the userdata of `t`, or let it go, while its failure waits. */
static void
remember(lua_State *L, struct atl_lua_task *t, bool keep)
{
    atl_vm_push(L, t->vm->refs.failed);
    lua_pushlightuserdata(L, t);
    if (keep)
        atl_task_push_userdata(L, t);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void
atl_outcome_set_handled(lua_State *L, struct atl_lua_task *t)
{
    if (t->handled)
        return;
    t->handled = true;
    if (t->task.state == ATL_TASK_DONE && t->task.owner != NULL) {
        atl_task_forget(&t->task);
        remember(L, t, false);
    }
}

static void
log_failure(struct atl_lua_task *t)
{
    lua_State *L = t->vm->L;

    atl_task_get_value(L, t, "error");
    if (!atl_is_cancelled_error(L, t->vm, -1)) {
        atl_trace_push_report(L, t, -1);
        atl_log_request(ATL_LOG_ERROR, t->request, "error in task %u: %s",
                        t->number, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* The error of `child`, which nobody has handled, becomes that of `t`. */
static void
adopt_failure(struct atl_lua_task *t, struct atl_lua_task *child)
{
    lua_State *co = t->co;

    lua_settop(co, 0);
    atl_task_get_value(co, child, "trace");
    atl_task_set_value(co, t, "trace");
    atl_task_get_value(co, child, "error");
    t->failed = true;
    t->count = 1;
}

/* Children that failed unheard: the first error is raised here. */
static void
collect_failures(struct atl_lua_task *t)
{
    struct atl_link *link;

    while ((link = t->task.own.children.next) != &t->task.own.children) {
        struct atl_lua_task *child =
            (struct atl_lua_task *)ATL_OWNER(link, struct atl_task, sibling);

        if (!t->failed)
            adopt_failure(t, child);
        else
            log_failure(child);
        atl_outcome_set_handled(t->vm->L, child);
    }
}

/* --- the outcome, as awaiters get it --- */

/* Keep it, from the top of the task's stack, for whoever asks. */
static void
keep_outcome(struct atl_lua_task *t)
{
    lua_State *co = t->co;
    int i, first;

    if (!t->failed && t->count == 0)
        return;
    first = lua_gettop(co) - t->count + 1;
    lua_checkstack(co, 8);
    if (t->failed) {
        lua_pushvalue(co, -1);
        atl_task_set_value(co, t, "error");
        return;
    }
    atl_task_push_values(co, t, true);
    for (i = 0; i < t->count; i++) {
        lua_pushvalue(co, first + i);
        lua_rawseti(co, -2, i + 1);
    }
    lua_pop(co, 1);
}

/* Turn the Cancelled on top of `L` into TaskCancelled: it was another task
 * that was cancelled, not the one that gets this. */
static void
to_task_cancelled(lua_State *L, lua_State *run, struct atl_vm *vm)
{
    lua_getfield(L, -1, "reason");
    lua_xmove(L, run, 1);
    atl_vm_push(run, vm->refs.new_task_cancelled);
    lua_insert(run, -2);
    lua_call(run, 1, 1);
    lua_xmove(run, L, 1);
    lua_replace(L, -2);
}

/*
 * With the values of a failed task on top of `to`: push what is raised, or
 * false and the error; returns how many.  `run` is a state that can call.
 */
static int
push_failure(lua_State *to, lua_State *run, struct atl_lua_task *t,
             bool protected)
{
    int values = lua_gettop(to);

    atl_outcome_set_handled(run, t);
    if (protected)
        lua_pushboolean(to, 0);
    else
        atl_push_raise(to, ATL_RAISE_ERROR);
    lua_getfield(to, values, "error");
    if (t->cancelled)
        to_task_cancelled(to, run, t->vm);
    if (protected)
        return 2;
    lua_getfield(to, values, "trace");
    lua_pushboolean(to, to == run); /* it ended before it was awaited */
    return 5;
}

static int
push_no_room(lua_State *to)
{
    atl_push_raise(to, ATL_RAISE_ERROR);
    lua_pushliteral(to, "too many results for the stack");
    return 3;
}

/* With the userdata of `t` on top of `to`: push its outcome; how many? */
static int
push_outcome(lua_State *to, lua_State *run, struct atl_lua_task *t,
             bool protected)
{
    int i, values;

    if (!t->failed && t->count == 0) {
        if (protected)
            lua_pushboolean(to, 1);
        return protected;
    }
    if (!lua_checkstack(to, t->count + 8))
        return push_no_room(to);
    atl_getuservalue(to, -1);
    values = lua_gettop(to);
    if (t->failed)
        return push_failure(to, run, t, protected);
    if (protected)
        lua_pushboolean(to, 1);
    for (i = 1; i <= t->count; i++)
        lua_rawgeti(to, values, i);
    return t->count + protected;
}

struct await_op {
    struct atl_wait wait;
    struct atl_link link; /* of the awaited task's awaiters */
    bool protected;       /* pawait */
};

static void
wake_awaiters(struct atl_lua_task *t)
{
    struct atl_link *link;

    while ((link = atl_list_pop(&t->task.awaiters)) != NULL) {
        struct await_op *op = ATL_OWNER(link, struct await_op, link);
        lua_State *to = atl_wait_stack(&op->wait);

        atl_task_push_userdata(to, t);
        atl_wake(&op->wait, push_outcome(to, t->vm->L, t, op->protected));
    }
}

struct atl_lua_task *
atl_outcome_first_awaiter(struct atl_lua_task *t)
{
    struct atl_link *link = t->task.awaiters.next;

    if (link == &t->task.awaiters)
        return NULL;
    return (struct atl_lua_task *)ATL_OWNER(link, struct await_op, link)
        ->wait.task;
}

static void
stop_awaiting(struct atl_wait *wait)
{
    struct await_op *op = ATL_OWNER(wait, struct await_op, wait);

    atl_list_remove(&op->link);
}

static const struct atl_wait_kind awaiting = {"await", stop_awaiting};

int
atl_outcome_await(lua_State *L, struct atl_lua_task *t, bool protected)
{
    struct await_op *op;
    int pushed = atl_check_task(L);

    if (pushed != 0)
        return pushed;
    if (t == atl_sched_current(t->vm))
        return atl_raise(L, "a task cannot await itself");
    if (t->task.state == ATL_TASK_DONE) {
        lua_settop(L, 1);
        return push_outcome(L, L, t, protected);
    }
    op = atl_task_op(L, sizeof(*op), &awaiting);
    op->protected = protected;
    atl_list_push(&t->task.awaiters, &op->link);
    return atl_await(L, &op->wait);
}

/* --- functions for the end --- */

/* A userdata, anchored while it is linked; its user value is {function}. */
struct observer {
    struct atl_link link; /* t->observers */
    struct atl_vm *vm;
    int anchor;           /* registry reference */
    int vars;             /* of the task that gave the function */
    struct atl_site site; /* where it did */
};

/*
 * Push what the function of an observer is called with: nil and the results, or
 * the error, of `t`, whose values are at `values`.  `run` is a state that can
 * call.  Returns how many.
 */
static int
push_completion(lua_State *to, lua_State *run, struct atl_lua_task *t,
                int values)
{
    int i;

    if (!t->failed) {
        lua_pushnil(to);
        for (i = 1; i <= t->count; i++)
            lua_rawgeti(to, values, i);
        return 1 + t->count;
    }
    lua_getfield(to, values, "error");
    if (t->cancelled)
        to_task_cancelled(to, run, t->vm);
    if (!lua_toboolean(to, -1)) { /* error(nil) is an error too */
        lua_pushstring(to, lua_isnil(to, -1) ? "nil" : "false");
        lua_replace(to, -2);
    }
    return 1;
}

/* Start a task for the function of `o`; the values of `t` are popped from L. */
static void
start_observer(lua_State *L, struct observer *o, struct atl_lua_task *t)
{
    struct atl_lua_task *c = atl_sched_take_root(o->vm, L);
    int values, n;

    c->site = o->site;
    c->vars = o->vars;
    lua_checkstack(c->co, t->count + 8);
    lua_xmove(L, c->co, 1);
    values = lua_gettop(c->co);
    atl_vm_push(c->co, o->anchor);
    atl_getuservalue(c->co, -1);
    lua_rawgeti(c->co, -1, 1);
    lua_replace(c->co, -3);
    lua_pop(c->co, 1);
    n = push_completion(c->co, L, t, values);
    lua_remove(c->co, values);
    luaL_unref(L, LUA_REGISTRYINDEX, o->anchor);
    atl_sched_start(c, n);
}

static void
start_observers(struct atl_lua_task *t)
{
    struct atl_link *link;

    while ((link = atl_list_pop(&t->observers)) != NULL) {
        atl_task_push_values(t->vm->L, t, false);
        start_observer(t->vm->L, ATL_OWNER(link, struct observer, link), t);
    }
}

/* The function that takes an observer back. */
static int
f_stop_observing(lua_State *L)
{
    struct observer *o = lua_touserdata(L, lua_upvalueindex(1));

    if (atl_list_is_empty(&o->link))
        return 0;
    atl_list_remove(&o->link);
    atl_vars_drop(o->vm, o->vars);
    luaL_unref(L, LUA_REGISTRYINDEX, o->anchor);
    return 0;
}

int
atl_outcome_observe(lua_State *L, struct atl_lua_task *t)
{
    const struct atl_lua_task *self = atl_sched_current(t->vm);
    struct observer *o = atl_newuserdata(L, sizeof(*o));

    *o = (struct observer){.vm = t->vm, .site = atl_trace_site(L, t->vm)};
    atl_list_init(&o->link);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    atl_setuservalue(L, -2);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, f_stop_observing, 1);
    lua_insert(L, -2);
    o->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    if (self != NULL)
        o->vars = atl_vars_share(t->vm, self->vars);
    if (t->task.state != ATL_TASK_DONE) {
        atl_list_push(&t->observers, &o->link);
        return 1;
    }
    if (t->has_values)
        atl_getuservalue(L, 1);
    else
        lua_pushnil(L); /* there are no results */
    start_observer(L, o, t);
    return 1;
}

/* --- the end --- */

/* Is this a failure that somebody has to hear of? */
static bool
is_unheard(const struct atl_lua_task *t)
{
    return t->failed && !t->handled && !t->cancelled;
}

/*
 * Run what the task deferred: its coroutine goes on with that, and comes back
 * here through resume() with its outcome kept among its values.
 */
static void
run_deferred(struct atl_lua_task *t)
{
    lua_State *co;

    keep_outcome(t);
    t->saved_count = t->count;
    t->saved_failed = t->failed;
    t->has_deferred = false;
    t->deferring = true;
    t->body_ended = false;
    co = atl_sched_fresh_stack(t);
    atl_vm_push(co, t->vm->refs.run_deferred);
    atl_task_get_value(co, t, "deferred");
    lua_pushnil(co); /* what these defer is a list of its own */
    atl_task_set_value(co, t, "deferred");
    t->task.state = ATL_TASK_PARKED;
    atl_sched_start(t, 1);
}

/* The deferred functions have run: the outcome is what it was. */
static void
restore_outcome(struct atl_lua_task *t)
{
    lua_State *co = t->co;
    int i;

    t->deferring = false;
    t->failed = t->saved_failed;
    t->count = t->saved_count;
    lua_settop(co, 0);
    lua_checkstack(co, t->count + 4);
    if (t->failed) {
        atl_task_get_value(co, t, "error");
        return;
    }
    if (t->count == 0)
        return;
    atl_task_push_values(co, t, false);
    for (i = 1; i <= t->count; i++)
        lua_rawgeti(co, 1, i);
    lua_remove(co, 1);
}

void
atl_outcome_settle(struct atl_lua_task *t)
{
    bool keep;

    if (t->deferring)
        restore_outcome(t);
    if (t->has_deferred) {
        run_deferred(t);
        return;
    }

    if (!atl_list_is_empty(&t->task.own.children))
        collect_failures(t);
    if (t->failed)
        t->cancelled = atl_is_cancelled_error(t->co, t->vm, -1);
    if (t->exposed || t->failed)
        keep_outcome(t);
    wake_awaiters(t);
    start_observers(t);
    if (t->on_end != NULL) {
        t->on_end(t, t->co, t->failed, t->count);
        t->handled = true;
    }
    keep = is_unheard(t) && t->task.owner->ops->hears;
    if (keep)
        remember(t->vm->L, t, true);
    else if (is_unheard(t))
        log_failure(t);
    atl_task_done(&t->task, keep);
    if (keep)
        t->exposed = true; /* its userdata outlives its slot */
    atl_sched_recycle(t);
}
