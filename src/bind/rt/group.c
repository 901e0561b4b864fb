/* group.c - module atlas.group.core: tasks that end together.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A group is over when all its tasks are: the call that opened it stays
 *    in join() until then, cancelled or not.
 * 2. The userdata is anchored as long as it owns a task that runs, or one
 *    whose failure nobody has handled.
 * 3. A group is over when the body around it is: one that was left open, in a
 *    generator that nobody resumes any more, is cancelled, and its tasks
 *    become children of the task.
 */
#include <stdio.h>

#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/inner.h"
#include "lua/outcome.h"
#include "lua/reg.h"
#include "lua/trace.h"

#define MAX_FINISHED 65536 /* kept for next() before it is called at all */

static const char group_type[] = "atlas.Group";

struct group {
    struct atl_object object;
    struct atl_owner owner;
    struct atl_vm *vm;
    struct atl_timed_scope *scope; /* NULL: closed */
    struct atl_held held;          /* of the task around it, while open */
    struct atl_link waiting; /* tasks beyond the limit, by their queue link */
    struct atl_link nexters; /* struct next_op */
    struct atl_wait *joiner;
    int anchor;        /* registry reference to the userdata, law 2 */
    int finished_from; /* user value[from .. to - 1]: finished tasks */
    int finished_to;
    uint32_t limit; /* 0: none */
    uint32_t active;
    uint32_t failures; /* that nobody had handled when they happened */
    bool collect;      /* siblings of a failed task go on */
    bool cancelled;    /* by cancel() */
    bool uses_next;
};

static struct group *
arg_group(lua_State *L)
{
    return atl_arg_object(L, 1, group_type, sizeof(struct group));
}

/* --- tasks end --- */

struct next_op {
    struct atl_wait wait;
    struct atl_link link;
};

static void
stop_next(struct atl_wait *wait)
{
    atl_list_remove(&ATL_OWNER(wait, struct next_op, wait)->link);
}

static const struct atl_wait_kind in_next = {"group:next", stop_next};

/* Its tasks are cancelled along with it, and then it ends by itself. */
static const struct atl_wait_kind in_join = {"group's end", NULL};

static void
start_waiting(struct group *g)
{
    struct atl_link *link;

    while ((g->limit == 0 || g->active < g->limit || g->scope == NULL ||
            g->scope->scope.cancelled) &&
           (link = atl_list_pop(&g->waiting)) != NULL) {
        g->active++;
        atl_task_queue(ATL_OWNER(link, struct atl_task, queue));
    }
}

static void
cancel(struct group *g, int reason)
{
    if (g->scope == NULL || !atl_scope_cancel(&g->scope->scope, reason)) {
        if (reason != 0)
            luaL_unref(g->vm->L, LUA_REGISTRYINDEX, reason);
        return;
    }
    start_waiting(g); /* only to be told that they are cancelled */
}

/* Hand the finished task to who waits in next(), or keep it. */
static void
offer(struct group *g, struct atl_lua_task *t)
{
    lua_State *L = g->vm->L;
    struct atl_link *link = atl_list_pop(&g->nexters);

    if (link != NULL) {
        struct next_op *op = ATL_OWNER(link, struct next_op, link);

        atl_task_push_userdata(atl_wait_stack(&op->wait), t);
        atl_wake(&op->wait, 1);
        return;
    }
    atl_vm_push(L, g->anchor);
    atl_getuservalue(L, -1);
    atl_task_push_userdata(L, t);
    lua_rawseti(L, -2, g->finished_to++);
    if (!g->uses_next && g->finished_to - g->finished_from > MAX_FINISHED) {
        lua_pushnil(L);
        lua_rawseti(L, -2, g->finished_from++);
    }
    lua_pop(L, 2);
}

static void
unanchor(struct group *g)
{
    luaL_unref(g->vm->L, LUA_REGISTRYINDEX, g->anchor);
    g->anchor = LUA_NOREF;
}

static void
on_all_ended(struct group *g)
{
    struct atl_wait *joiner = g->joiner;
    struct atl_link *link;

    while ((link = atl_list_pop(&g->nexters)) != NULL) {
        struct next_op *op = ATL_OWNER(link, struct next_op, link);

        lua_pushnil(atl_wait_stack(&op->wait));
        atl_wake(&op->wait, 1);
    }
    g->joiner = NULL;
    if (joiner != NULL)
        atl_wake(joiner, 0);
    if (atl_list_is_empty(&g->owner.children)) /* no failure waits there */
        unanchor(g);
}

static void
on_child_ended(struct atl_owner *owner, struct atl_task *child)
{
    struct group *g = ATL_OWNER(owner, struct group, owner);
    struct atl_lua_task *t = (struct atl_lua_task *)child;

    g->active--;
    if (t->exposed)
        offer(g, t);
    if (child->owner != NULL) { /* kept: a failure that nobody has handled */
        atl_list_remove(&child->sibling);
        atl_list_push(&owner->children, &child->sibling); /* by time */
        g->failures++;
        if (!g->collect)
            cancel(g, 0);
    }
    start_waiting(g);
    if (owner->running == 0)
        on_all_ended(g);
}

/* Nothing is spawned in it any more. */
static void
close_scope(struct group *g)
{
    int reason = g->scope->scope.reason;

    atl_list_remove(&g->held.link);
    (void)atl_timed_leave(g->owner.task, g->scope);
    g->scope = NULL;
    unanchor(g);
    if (reason != 0)
        luaL_unref(g->vm->L, LUA_REGISTRYINDEX, reason);
}

/* Law 3. */
static void
on_lost(struct atl_held *held, struct atl_lua_task *t)
{
    struct group *g = ATL_OWNER(held, struct group, held);
    struct atl_owner *to = &t->task.own;
    struct atl_link *link;

    g->joiner = NULL; /* its wait was abandoned */
    g->cancelled = true;
    cancel(g, 0);
    for (link = g->owner.children.next; link != &g->owner.children;
         link = link->next)
        ATL_OWNER(link, struct atl_task, sibling)->owner = to;
    atl_list_splice(&to->children, &g->owner.children);
    to->running += g->owner.running;
    g->owner.running = 0;
    close_scope(g);
    on_all_ended(g);
}

static const struct atl_owner_ops owner_ops = {on_child_ended, true};

/* --- for users --- */

/* g:spawn(fn, ...) -> Task */
static int
m_spawn(lua_State *L)
{
    struct group *g = arg_group(L);
    struct atl_lua_task *t;
    int nargs = lua_gettop(L) - 2;

    atl_arg_callable(L, 2);
    if (g->scope == NULL)
        return atl_raise(L, "the group is over");
    if (nargs > ATL_MAX_VALUES)
        return atl_raise(L, "too many values: %d, at most %d", nargs,
                         ATL_MAX_VALUES);
    if (g->anchor == LUA_NOREF) {
        lua_pushvalue(L, 1);
        g->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    t = atl_sched_spawn(g->vm, L, nargs, &g->owner, &g->scope->scope);
    atl_list_push(&g->waiting, &t->task.queue);
    start_waiting(g);
    return 1;
}

/* g:cancel(reason) */
static int
m_cancel(lua_State *L)
{
    struct group *g = arg_group(L);
    int reason = 0;

    if (g->scope == NULL)
        return 0;
    if (!lua_isnoneornil(L, 2)) {
        lua_settop(L, 2);
        reason = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    g->cancelled = true;
    cancel(g, reason);
    return 0;
}

/* g:next() -> Task in the order of completion; nil: there is none any more */
static int
m_next(lua_State *L)
{
    struct group *g = arg_group(L);
    struct next_op *op;
    int pushed = atl_check_task(L);

    if (pushed != 0)
        return pushed;
    g->uses_next = true;
    if (g->finished_from < g->finished_to) {
        atl_getuservalue(L, 1);
        lua_rawgeti(L, -1, g->finished_from);
        lua_pushnil(L);
        lua_rawseti(L, -3, g->finished_from++);
        return 1;
    }
    if (g->owner.running == 0) {
        lua_pushnil(L);
        return 1;
    }
    op = atl_task_op(L, sizeof(*op), &in_next);
    atl_list_push(&g->nexters, &op->link);
    return atl_await(L, &op->wait);
}

/* --- for lua/atlas/group.lua --- */

/* open(limit, collect) -> group, whose scope the running task is in */
static int
f_open(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_lua_task *t = atl_check_task_only(L);
    lua_Number limit = luaL_optnumber(L, 1, 0);
    bool collect = lua_toboolean(L, 2);
    struct group *g;

    if (atl_task_is_cancelled(&t->task))
        return atl_push_cancelled(L, &t->task);
    g = atl_newuserdata(L, sizeof(*g));
    *g = (struct group){.object = {group_type},
                        .vm = vm,
                        .held = {.lost = on_lost},
                        .limit = (uint32_t)limit,
                        .collect = collect};
    g->anchor = LUA_NOREF;
    atl_owner_init(&g->owner, &owner_ops, &t->task);
    atl_list_init(&g->held.link);
    atl_list_init(&g->waiting);
    atl_list_init(&g->nexters);
    luaL_setmetatable(L, group_type);
    lua_newtable(L);
    atl_setuservalue(L, -2);
    atl_inner_note_scope(L, vm);
    g->scope = atl_timed_enter(&t->task, L, UINT64_MAX, 0);
    atl_list_push(&t->held, &g->held.link);
    return 1;
}

/* fail(group) -> had a task failed before?  The body has raised. */
static int
f_fail(lua_State *L)
{
    struct group *g = arg_group(L);

    lua_pushboolean(L, g->failures > 0);
    if (!g->collect)
        cancel(g, 0);
    return 1;
}

/* join(group): until all its tasks have ended. */
static int
f_join(lua_State *L)
{
    struct group *g = arg_group(L);
    struct atl_wait *wait;

    atl_check_task_only(L);
    if (g->owner.running == 0)
        return 0;
    wait = atl_task_op(L, sizeof(*wait), &in_join);
    g->joiner = wait;
    return atl_await(L, wait);
}

/* close(group) -> list of {error, trace}, was it cancelled by cancel()? */
static int
f_close(lua_State *L)
{
    struct group *g = arg_group(L);
    struct atl_link *link;
    int n = 0;

    lua_newtable(L);
    while ((link = g->owner.children.next) != &g->owner.children) {
        struct atl_lua_task *t =
            (struct atl_lua_task *)ATL_OWNER(link, struct atl_task, sibling);

        lua_createtable(L, 2, 0);
        atl_task_get_value(L, t, "error");
        lua_rawseti(L, -2, 1);
        atl_task_get_value(L, t, "trace");
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, ++n);
        atl_outcome_set_handled(L, t);
    }
    if (g->scope != NULL) /* the body around it has not ended meanwhile */
        close_scope(g);
    lua_pushboolean(L, g->cancelled);
    return 2;
}

static int
m_tostring(lua_State *L)
{
    const struct group *g = arg_group(L);

    if (g->scope == NULL)
        lua_pushfstring(L, "%s (over)", group_type);
    else
        lua_pushfstring(L, "%s (%d running, %d waiting%s)", group_type,
                        (int)g->active, (int)(g->owner.running - g->active),
                        g->scope->scope.cancelled ? ", cancelled" : "");
    return 1;
}

/* Open, but nobody can go on in it: a generator that was collected. */
static int
m_gc(lua_State *L)
{
    struct group *g = lua_touserdata(L, 1);

    if (g->scope != NULL)
        close_scope(g);
    return 0;
}

/* --- arguments of the Lua functions of the same names --- */

/* group(fn) */
static int
f_check_group(lua_State *L)
{
    atl_arg_callable(L, 1);
    return 0;
}

/* map(list, fn) */
static int
f_check_map(lua_State *L)
{
    atl_arg_table(L, 1);
    atl_arg_callable(L, 2);
    return 0;
}

/* all(fns), race(fns) */
static int
f_check_list(lua_State *L)
{
    int i, n;

    atl_arg_table(L, 1);
    n = (int)atl_rawlen(L, 1);
    for (i = 1; i <= n; i++) {
        char text[80];

        lua_rawgeti(L, 1, i);
        snprintf(text, sizeof(text), "item %d: function expected, got %s", i,
                 luaL_typename(L, -1));
        if (!atl_is_callable(L, -1))
            return atl_arg_error(L, 1, text);
        lua_pop(L, 1);
    }
    return 0;
}

static const struct atl_reg checks[] = {
    {"group", f_check_group, 0},
    {"all", f_check_list, 0},
    {"race", f_check_list, 0},
    {"map", f_check_map, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg methods[] = {
    {"spawn", m_spawn, 0},
    {"cancel", m_cancel, 0},
    {"next", m_next, AWAITS},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__tostring", m_tostring, 0},
    {"__gc", m_gc, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"open", f_open, AWAITS}, {"fail", f_fail, 0}, {"join", f_join, AWAITS},
    {"close", f_close, 0},    {NULL, NULL, 0},
};

int
luaopen_atlas_group(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    atl_reg_type(L, vm, group_type, methods, metamethods);
    lua_pop(L, 1);
    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    lua_newtable(L);
    atl_reg_set(L, vm, checks);
    lua_setfield(L, -2, "checks");
    return 1;
}
