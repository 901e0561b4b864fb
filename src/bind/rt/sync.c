/* sync.c - module atlas.sync.core: events, locks, semaphores.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Who waits is served in the order of coming.
 * 2. A permit goes from hand to hand: release() gives it to the first waiter,
 *    who owns it from then on, even if it is cancelled before it runs.  So
 *    nobody waits while a permit is free.
 * 3. A lock whose holder's body ends goes to the first waiter too, and an error
 *    is logged: nobody else could release it.
 * 4. An object that is collected has waiters only if nobody else can reach
 *    it: they are taken off the list and wait on, to be cancelled.
 */
#include "base/log.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/dump.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/trace.h"

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
    struct atl_lua_task *holder; /* NULL: nobody */
    struct atl_held held;        /* the holder's */
    struct atl_site site;        /* where it was acquired */
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
    struct atl_site site; /* of a lock */
};

static const struct atl_site nowhere;

static void
stop_waiting(struct atl_wait *wait)
{
    atl_list_remove(&ATL_OWNER(wait, struct sync_op, wait)->link);
}

static const struct atl_wait_kind in_event = {"event", stop_waiting};
static const struct atl_wait_kind in_lock = {"lock", stop_waiting};
static const struct atl_wait_kind in_semaphore = {"semaphore", stop_waiting};

static struct sync_op *
first(struct atl_link *waiters)
{
    return atl_list_is_empty(waiters)
               ? NULL
               : ATL_OWNER(waiters->next, struct sync_op, link);
}

static int
count(const struct atl_link *waiters)
{
    const struct atl_link *link;
    int n = 0;

    for (link = waiters->next; link != waiters; link = link->next)
        n++;
    return n;
}

/* Wait at the end of the list; the result is true. */
static int
wait_in(lua_State *L, struct atl_task *task, struct atl_link *waiters,
        const struct atl_wait_kind *kind, struct atl_site site)
{
    struct sync_op *op = atl_wait_new(task, sizeof(*op), kind);

    op->site = site;
    atl_list_push(waiters, &op->link);
    return atl_await(L, &op->wait);
}

static int
return_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

/* Wake the first who waits, if anybody does. */
static bool
wake_first(struct atl_link *waiters)
{
    struct sync_op *op = first(waiters);

    if (op == NULL)
        return false;
    atl_list_remove(&op->link);
    lua_pushboolean(atl_wait_stack(&op->wait), 1);
    atl_wake(&op->wait, 1);
    return true;
}

/* Collected: law 4. */
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
    while (wake_first(&e->head.waiters))
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
    return wait_in(L, task, &e->head.waiters, &in_event, nowhere);
}

static int
m_event_tostring(lua_State *L)
{
    const struct event *e = arg_event(L);

    if (e->is_set)
        lua_pushfstring(L, "%s (set)", event_type);
    else
        lua_pushfstring(L, "%s (not set, %d waiting)", event_type,
                        count(&e->head.waiters));
    return 1;
}

/* --- locks --- */

static void on_lost(struct atl_held *held, struct atl_lua_task *t);

static struct lock *
arg_lock(lua_State *L)
{
    return atl_arg_object(L, 1, lock_type, sizeof(struct lock));
}

static int
f_lock(lua_State *L)
{
    struct lock *l = atl_newuserdata(L, sizeof(*l));

    *l = (struct lock){.held = {.lost = on_lost}};
    init_head(&l->head, lock_type);
    atl_list_init(&l->held.link);
    luaL_setmetatable(L, lock_type);
    return 1;
}

static void
hold(struct lock *l, struct atl_lua_task *t, struct atl_site site)
{
    l->holder = t;
    l->site = site;
    atl_list_push(&t->held, &l->held.link);
}

/* The first who waits has it from now on, if anybody does. */
static void
hand_on(struct lock *l)
{
    const struct sync_op *next = first(&l->head.waiters);

    atl_list_remove(&l->held.link);
    l->holder = NULL;
    if (next == NULL)
        return;
    hold(l, (struct atl_lua_task *)next->wait.task, next->site);
    (void)wake_first(&l->head.waiters);
}

/* The holder's body has ended: law 3. */
static void
on_lost(struct atl_held *held, struct atl_lua_task *t)
{
    struct lock *l = ATL_OWNER(held, struct lock, held);
    lua_State *L = t->vm->L;

    if (t->has_deferred) /* which may release it */
        return;
    atl_dump_push_label(L, t);
    atl_log(ATL_LOG_ERROR,
            "%s has ended with a lock that it acquired at %s:%d and didn't "
            "release: it is released now",
            lua_tostring(L, -1), l->site.source != NULL ? l->site.source : "?",
            l->site.line);
    lua_pop(L, 1);
    hand_on(l);
}

static int
acquire(lua_State *L, bool keep_site)
{
    struct lock *l = arg_lock(L);
    struct atl_lua_task *self = atl_sched_current(ATL_VM(L));
    struct atl_site site = nowhere;
    struct atl_task *task;
    int pushed;

    if (l->holder != NULL && l->holder == self)
        return atl_raise(L, "this task holds the lock already");
    if ((pushed = atl_check_which(L, &task)) != 0)
        return pushed;
    if (keep_site)
        site = atl_trace_site(L, ATL_VM(L));
    if (l->holder != NULL)
        return wait_in(L, task, &l->head.waiters, &in_lock, site);
    hold(l, self, site);
    return return_true(L);
}

/* lock:acquire() -> true */
static int
m_lock_acquire(lua_State *L)
{
    return acquire(L, true);
}

/* with(lock): the same, for lock:with(), which will release it. */
static int
f_with(lua_State *L)
{
    return acquire(L, false);
}

/* lock:release() */
static int
m_lock_release(lua_State *L)
{
    struct lock *l = arg_lock(L);

    if (l->holder == NULL || l->holder != atl_sched_current(ATL_VM(L)))
        return atl_raise(L, "this task doesn't hold the lock");
    hand_on(l);
    return 0;
}

/* local _ <close> = lock: released, if this task holds it. */
static int
m_lock_close(lua_State *L)
{
    const struct lock *l = arg_lock(L);

    if (l->holder == NULL || l->holder != atl_sched_current(ATL_VM(L)))
        return 0;
    return m_lock_release(L);
}

static int
m_lock_locked(lua_State *L)
{
    const struct lock *l = arg_lock(L);

    lua_pushboolean(L, l->holder != NULL);
    return 1;
}

static int
m_lock_tostring(lua_State *L)
{
    const struct lock *l = arg_lock(L);

    if (l->holder == NULL) {
        lua_pushfstring(L, "%s (free)", lock_type);
        return 1;
    }
    atl_dump_push_label(L, l->holder);
    lua_pushfstring(L, "%s (held by %s, %d waiting)", lock_type,
                    lua_tostring(L, -1), count(&l->head.waiters));
    return 1;
}

static int
m_lock_gc(lua_State *L)
{
    struct lock *l = lua_touserdata(L, 1);

    atl_list_remove(&l->held.link);
    return m_gc(L);
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
        return wait_in(L, task, &s->head.waiters, &in_semaphore, nowhere);
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
    if (!wake_first(&s->head.waiters))
        s->available++;
    return 0;
}

/* local _ <close> = semaphore: one permit back. */
static int
m_semaphore_close(lua_State *L)
{
    const struct semaphore *s = arg_semaphore(L);

    return s->available < s->permits ? m_semaphore_release(L) : 0;
}

static int
m_semaphore_tostring(lua_State *L)
{
    const struct semaphore *s = arg_semaphore(L);

    lua_pushfstring(L, "%s (%d of %d available, %d waiting)", semaphore_type,
                    s->available, s->permits, count(&s->head.waiters));
    return 1;
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

static const struct atl_reg event_metamethods[] = {
    {"__gc", m_gc, 0},
    {"__tostring", m_event_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg lock_metamethods[] = {
    {"__gc", m_lock_gc, 0},
    {"__close", m_lock_close, 0},
    {"__tostring", m_lock_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg semaphore_metamethods[] = {
    {"__gc", m_gc, 0},
    {"__close", m_semaphore_close, 0},
    {"__tostring", m_semaphore_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"event", f_event, 0},
    {"lock", f_lock, 0},
    {"semaphore", f_semaphore, 0},
    {"with", f_with, AWAITS | SMALL},
    {NULL, NULL, 0},
};

/* Make a type, and set its table of methods in the module's, for the Lua half
 * to add to. */
static void
add_type(lua_State *L, const char *type, const struct atl_reg *methods,
         const struct atl_reg *metamethods)
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
    add_type(L, event_type, event_methods, event_metamethods);
    add_type(L, lock_type, lock_methods, lock_metamethods);
    add_type(L, semaphore_type, semaphore_methods, semaphore_metamethods);
    atl_reg_set(L, ATL_VM(L), functions);
    return 1;
}
