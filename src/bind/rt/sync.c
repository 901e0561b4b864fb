/* sync.c - module atlas.sync.core: events, locks, semaphores.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Who waits is served in the order of coming.
 * 2. A permit goes from hand to hand: release() gives it to the first waiter,
 *    who owns it from then on, even if it is cancelled before it runs.  So
 *    nobody waits while a permit is free.
 * 3. An object that is collected has waiters only if nobody else can reach
 *    it: they are taken off the list and wait on, to be cancelled.
 */
#include "bind/init.h"
#include "lua/args.h"
#include "lua/reg.h"
#include "lua/sched.h"

#define MAX_PERMITS 1000000000

static const char event_type[] = "atlas.Event";
static const char lock_type[] = "atlas.Lock";
static const char semaphore_type[] = "atlas.Semaphore";

/* First in all three. */
struct waited_for {
    struct atl_object object;
    struct atl_link waiters; /* of struct sync_op */
};

struct event {
    struct waited_for head;
    bool is_set;
};

struct lock {
    struct waited_for head;
    uint32_t holder; /* number of the task; 0: nobody */
};

struct semaphore {
    struct waited_for head;
    int permits; /* in all */
    int available;
};

/* --- waiting --- */

struct sync_op {
    struct atl_wait wait;
    struct atl_link link;
};

static void
stop_waiting(struct atl_wait *wait)
{
    atl_list_remove(&ATL_OWNER(wait, struct sync_op, wait)->link);
}

static const struct atl_wait_kind in_event = {"event", stop_waiting};
static const struct atl_wait_kind in_lock = {"lock", stop_waiting};
static const struct atl_wait_kind in_semaphore = {"semaphore", stop_waiting};

/* Wait at the end of the list; the result is true. */
static int
wait_in(lua_State *L, struct atl_task *task, struct atl_link *waiters,
        const struct atl_wait_kind *kind)
{
    struct sync_op *op = atl_wait_new(task, sizeof(*op), kind);

    atl_list_push(waiters, &op->link);
    return atl_await(L, &op->wait);
}

static int
return_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

/* Wake the first who waits; returns its task, or NULL if nobody does. */
static const struct atl_lua_task *
wake_first(struct atl_link *waiters)
{
    struct atl_link *link = atl_list_pop(waiters);
    const struct atl_lua_task *t;
    struct sync_op *op;

    if (link == NULL)
        return NULL;
    op = ATL_OWNER(link, struct sync_op, link);
    t = (const struct atl_lua_task *)op->wait.task;
    lua_pushboolean(atl_wait_stack(&op->wait), 1);
    atl_wake(&op->wait, 1);
    return t;
}

/* Collected: law 3. */
static int
m_gc(lua_State *L)
{
    struct waited_for *head = lua_touserdata(L, 1);

    while (atl_list_pop(&head->waiters) != NULL)
        continue;
    return 0;
}

static void
init_head(struct waited_for *head, const char *type)
{
    head->object.type = type;
    atl_list_init(&head->waiters);
}

/* --- events --- */

static struct event *
arg_event(lua_State *L)
{
    return atl_arg_object(L, 1, event_type, sizeof(struct event));
}

static int
f_event(lua_State *L)
{
    struct event *e = atl_newuserdata(L, sizeof(*e));

    init_head(&e->head, event_type);
    e->is_set = false;
    luaL_setmetatable(L, event_type);
    return 1;
}

static int
m_event_set(lua_State *L)
{
    struct event *e = arg_event(L);

    e->is_set = true;
    while (wake_first(&e->head.waiters) != NULL)
        continue;
    return 0;
}

static int
m_event_clear(lua_State *L)
{
    struct event *e = arg_event(L);

    e->is_set = false;
    return 0;
}

static int
m_event_is_set(lua_State *L)
{
    const struct event *e = arg_event(L);

    lua_pushboolean(L, e->is_set);
    return 1;
}

/* event:wait() -> true */
static int
m_event_wait(lua_State *L)
{
    struct event *e = arg_event(L);
    struct atl_task *task;
    int pushed = atl_check_which(L, &task);

    if (pushed != 0)
        return pushed;
    if (e->is_set)
        return return_true(L);
    return wait_in(L, task, &e->head.waiters, &in_event);
}

/* --- locks --- */

static struct lock *
arg_lock(lua_State *L)
{
    return atl_arg_object(L, 1, lock_type, sizeof(struct lock));
}

static int
f_lock(lua_State *L)
{
    struct lock *l = atl_newuserdata(L, sizeof(*l));

    init_head(&l->head, lock_type);
    l->holder = 0;
    luaL_setmetatable(L, lock_type);
    return 1;
}

/* The number of the running task; 0 outside any. */
static uint32_t
running(lua_State *L)
{
    const struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    return t != NULL ? t->number : 0;
}

/* lock:acquire() -> true */
static int
m_lock_acquire(lua_State *L)
{
    struct lock *l = arg_lock(L);
    uint32_t self = running(L);
    struct atl_task *task;
    int pushed;

    if (l->holder != 0 && l->holder == self)
        return atl_raise(L, "this task holds the lock already");
    if ((pushed = atl_check_which(L, &task)) != 0)
        return pushed;
    if (l->holder != 0)
        return wait_in(L, task, &l->head.waiters, &in_lock);
    l->holder = self;
    return return_true(L);
}

/* lock:release() */
static int
m_lock_release(lua_State *L)
{
    struct lock *l = arg_lock(L);
    const struct atl_lua_task *next;

    if (l->holder == 0 || l->holder != running(L))
        return atl_raise(L, "this task doesn't hold the lock");
    next = wake_first(&l->head.waiters);
    l->holder = next != NULL ? next->number : 0;
    return 0;
}

static int
m_lock_locked(lua_State *L)
{
    const struct lock *l = arg_lock(L);

    lua_pushboolean(L, l->holder != 0);
    return 1;
}

/* --- semaphores --- */

static struct semaphore *
arg_semaphore(lua_State *L)
{
    return atl_arg_object(L, 1, semaphore_type, sizeof(struct semaphore));
}

static int
f_semaphore(lua_State *L)
{
    lua_Number n = atl_arg_number(L, 1);
    struct semaphore *s;

    if (!(n >= 1 && n <= MAX_PERMITS) || n != (lua_Number)(int)n)
        return atl_arg_error(L, 1, "an integer from 1 to 1e9 expected");
    s = atl_newuserdata(L, sizeof(*s));
    init_head(&s->head, semaphore_type);
    s->permits = s->available = (int)n;
    luaL_setmetatable(L, semaphore_type);
    return 1;
}

/* semaphore:acquire() -> true */
static int
m_semaphore_acquire(lua_State *L)
{
    struct semaphore *s = arg_semaphore(L);
    struct atl_task *task;
    int pushed = atl_check_which(L, &task);

    if (pushed != 0)
        return pushed;
    if (s->available == 0)
        return wait_in(L, task, &s->head.waiters, &in_semaphore);
    s->available--;
    return return_true(L);
}

/* semaphore:release(), by any task */
static int
m_semaphore_release(lua_State *L)
{
    struct semaphore *s = arg_semaphore(L);

    if (s->available == s->permits)
        return atl_raise(L, "the semaphore has no permit out to release");
    if (wake_first(&s->head.waiters) == NULL)
        s->available++;
    return 0;
}

static int
m_semaphore_available(lua_State *L)
{
    const struct semaphore *s = arg_semaphore(L);

    lua_pushinteger(L, s->available);
    return 1;
}

/* --- the module --- */

static const struct atl_reg event_methods[] = {
    {"set", m_event_set, 0},
    {"clear", m_event_clear, 0},
    {"is_set", m_event_is_set, 0},
    {"wait", m_event_wait, AWAITS | SMALL},
    {NULL, NULL, 0},
};

static const struct atl_reg lock_methods[] = {
    {"acquire", m_lock_acquire, AWAITS | SMALL},
    {"release", m_lock_release, 0},
    {"locked", m_lock_locked, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg semaphore_methods[] = {
    {"acquire", m_semaphore_acquire, AWAITS | SMALL},
    {"release", m_semaphore_release, 0},
    {"available", m_semaphore_available, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__gc", m_gc, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"event", f_event, 0},
    {"lock", f_lock, 0},
    {"semaphore", f_semaphore, 0},
    {NULL, NULL, 0},
};

/* Make a type, and set its table of methods in the module's, for the Lua half
 * to add to. */
static void
add_type(lua_State *L, const char *type, const struct atl_reg *methods)
{
    atl_reg_type(L, ATL_VM(L), type, methods, metamethods);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, type);
    lua_pop(L, 1);
}

int
luaopen_atlas_sync(lua_State *L)
{
    lua_newtable(L);
    add_type(L, event_type, event_methods);
    add_type(L, lock_type, lock_methods);
    add_type(L, semaphore_type, semaphore_methods);
    atl_reg_set(L, ATL_VM(L), functions);
    return 1;
}
