/* scope.c - cancel scopes, with timers and without.  See task.h.
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "rt/loop.h"
#include "rt/task.h"

/* --- scopes --- */

void
atl_scope_open(struct atl_scope *s, struct atl_scope *parent,
               struct atl_task *task)
{
    memset(s, 0, sizeof(*s));
    s->parent = parent;
    s->task = task;
    s->deadline_ns = parent != NULL ? parent->deadline_ns : UINT64_MAX;
    atl_list_init(&s->children);
    atl_list_init(&s->sibling);
    if (parent != NULL) {
        s->cancelled = parent->cancelled;
        atl_list_push(&parent->children, &s->sibling);
    }
}

/* A scope that was left is freed with the last scope below it. */
static void
free_left(struct atl_scope *s)
{
    while (s != NULL && s->left && atl_list_is_empty(&s->children)) {
        struct atl_timed_scope *timed =
            ATL_OWNER(s, struct atl_timed_scope, scope);
        struct atl_scope *parent = s->parent;

        atl_timer_stop(timed->loop, &timed->timer);
        atl_list_remove(&s->sibling);
        timed->serial++;
        timed->next_free = timed->loop->free_scopes;
        timed->loop->free_scopes = timed;
        timed->loop->scopes_used--;
        s = parent;
    }
}

void
atl_scope_close(struct atl_scope *s)
{
    struct atl_scope *parent = s->parent;

    assert(atl_list_is_empty(&s->children));
    atl_list_remove(&s->sibling);
    s->parent = NULL;
    free_left(parent);
}

/* End the wait of a task that stands in the cancelled scope `s`. */
static void
interrupt(struct atl_scope *s)
{
    struct atl_task *task = s->task;

    if (task == NULL || task->scope != s)
        return;
    if (task->state == ATL_TASK_WAITING && task->pending != NULL) {
        if (task->pending->kind->cancel == NULL)
            return;
        task->pending->kind->cancel(task->pending);
        task->wake = ATL_WAKE_CANCELLED;
        atl_wake(task->pending, 0);
    } else if (task->state == ATL_TASK_PARKED) {
        task->wake = ATL_WAKE_CANCELLED;
        atl_task_queue(task);
    }
}

/* Without recursion, since users decide how deep scopes nest. */
struct atl_scope *
atl_scope_walk(struct atl_scope *top, struct atl_scope *s, bool down)
{
    if (down && !atl_list_is_empty(&s->children))
        return ATL_OWNER(s->children.next, struct atl_scope, sibling);
    while (s != top) {
        if (s->sibling.next != &s->parent->children)
            return ATL_OWNER(s->sibling.next, struct atl_scope, sibling);
        s = s->parent;
    }
    return NULL;
}

static void on_timer(struct atl_timer *timer);

/* What is around the shield has been cancelled: its time runs from now. */
static void
start_grace(struct atl_scope *s)
{
    struct atl_timed_scope *timed = ATL_OWNER(s, struct atl_timed_scope, scope);

    if (!atl_timer_is_active(&timed->timer) && !s->cancelled)
        atl_timer_start(timed->loop, &timed->timer,
                        timed->loop->now_ns + timed->grace_ns, on_timer);
}

/* Cancel `top` and what is below it; with `all` shields are no hindrance. */
static void
cancel_tree(struct atl_scope *top, bool all)
{
    struct atl_scope *s;
    bool down;

    for (s = top; s != NULL; s = atl_scope_walk(top, s, down)) {
        down = true;
        if (s != top && s->shielded && !all) {
            start_grace(s);
            down = false;
        } else if (s->cancelled) {
            down = all; /* what is cancelled has told all below it */
        } else {
            s->cancelled = true;
            interrupt(s);
        }
    }
}

bool
atl_scope_cancel(struct atl_scope *top, int reason)
{
    if (top->is_origin)
        return false;
    top->is_origin = true;
    top->reason = reason;
    if (!top->cancelled)
        cancel_tree(top, false);
    return true;
}

void
atl_scope_cancel_all(struct atl_scope *top)
{
    top->is_origin = true;
    cancel_tree(top, true);
}

struct atl_scope *
atl_scope_origin(struct atl_scope *s)
{
    for (; s != NULL && s->cancelled; s = s->parent)
        if (s->is_origin)
            return s;
    return NULL;
}

/* --- scopes with a timer --- */

static void
on_timer(struct atl_timer *timer)
{
    struct atl_timed_scope *timed =
        ATL_OWNER(timer, struct atl_timed_scope, timer);

    timed->expired = true;
    atl_scope_cancel(&timed->scope, 0);
}

#define SLAB 64 /* scopes allocated together */

/*
 * Scopes come from slabs that live as long as the loop: whoever was suspended
 * inside one may look at its serial number later.
 */
static void
add_scopes(struct atl_loop *loop)
{
    size_t room = sizeof(struct atl_timed_scope);
    struct atl_op_slab *slab = atl_calloc(1, sizeof(*slab) + SLAB * room);
    int i;

    slab->next = loop->scope_slabs;
    loop->scope_slabs = slab;
    for (i = SLAB - 1; i >= 0; i--) {
        struct atl_timed_scope *timed =
            (struct atl_timed_scope *)(void *)(slab->ops + (size_t)i * room);

        timed->loop = loop;
        timed->next_free = loop->free_scopes;
        loop->free_scopes = timed;
    }
}

static struct atl_timed_scope *
take_scope(struct atl_loop *loop)
{
    struct atl_timed_scope *timed;

    if (loop->free_scopes == NULL)
        add_scopes(loop);
    timed = loop->free_scopes;
    loop->free_scopes = timed->next_free;
    loop->scopes_used++;
    timed->expired = false;
    return timed;
}

size_t
atl_timed_count(const struct atl_loop *loop)
{
    const struct atl_op_slab *slab;
    size_t n = 0;

    for (slab = loop->scope_slabs; slab != NULL; slab = slab->next)
        n += SLAB;
    return n;
}

struct atl_timed_scope *
atl_timed_enter(struct atl_task *task, const void *thread, uint64_t due_ns,
                uint64_t grace_ns)
{
    struct atl_timed_scope *timed = take_scope(task->loop);
    struct atl_scope *outer = task->scope;

    timed->thread = thread;
    timed->due_ns = due_ns;
    timed->grace_ns = grace_ns;
    atl_scope_open(&timed->scope, outer, task);
    timed->scope.timed = true;
    task->scope = &timed->scope;
    if (grace_ns != 0) {
        timed->scope.shielded = true;
        timed->scope.cancelled = false;
        timed->scope.deadline_ns = UINT64_MAX;
        if (outer->cancelled)
            start_grace(&timed->scope);
    } else if (due_ns < timed->scope.deadline_ns) {
        timed->scope.deadline_ns = due_ns;
        atl_timer_start(timed->loop, &timed->timer, due_ns, on_timer);
    }
    return timed;
}

bool
atl_task_checkpoint(struct atl_task *task)
{
    struct atl_scope *s = task->scope;
    uint64_t now;

    if (s->cancelled || s->deadline_ns == UINT64_MAX)
        return s->cancelled;
    now = atl_loop_clock(task->loop);
    for (; s != NULL && s->deadline_ns <= now; s = s->parent) {
        struct atl_timed_scope *timed =
            ATL_OWNER(s, struct atl_timed_scope, scope);

        if (s->timed && !s->shielded && atl_timer_is_active(&timed->timer)) {
            atl_timer_stop(task->loop, &timed->timer);
            on_timer(&timed->timer);
        }
    }
    return task->scope->cancelled;
}

/* Is `s` one of the scopes that the task's code is in? */
static bool
is_around(const struct atl_task *task, const struct atl_scope *s)
{
    const struct atl_scope *at = task->scope;

    while (at != &task->base && at != s)
        at = at->parent;
    return at == s;
}

/*
 * The task's code goes on outside its innermost scope, which somebody who is
 * suspended inside it may still leave: a generator that yielded there.
 */
static void
abandon_innermost(struct atl_task *task)
{
    struct atl_scope *s = task->scope;

    task->scope = s->parent;
    s->task = NULL;
}

bool
atl_timed_leave(struct atl_task *task, struct atl_timed_scope *timed)
{
    struct atl_scope *s = &timed->scope;
    bool expired = timed->expired && !s->parent->cancelled;

    if (s->task != NULL)
        task = s->task;
    if (is_around(task, s)) {
        while (task->scope != s)
            abandon_innermost(task);
        abandon_innermost(task);
    }
    s->left = true;
    free_left(s);
    return expired;
}

struct atl_timed_scope *
atl_timed_suspend(struct atl_task *task, const void *thread)
{
    struct atl_timed_scope *innermost;

    if (!atl_timed_is_of(task, thread))
        return NULL;
    innermost = ATL_OWNER(task->scope, struct atl_timed_scope, scope);
    while (atl_timed_is_of(task, thread))
        abandon_innermost(task);
    return innermost;
}

/* Does nothing below `s` know of its cancellation but through `s` itself? */
static void
cancel_by_parent(struct atl_timed_scope *timed)
{
    struct atl_scope *s = &timed->scope;

    if (!s->parent->cancelled) {
        s->cancelled = s->is_origin;
        if (s->shielded)
            atl_timer_stop(timed->loop, &timed->timer);
    } else if (s->shielded) {
        s->cancelled = s->is_origin;
        start_grace(s);
    } else if (!s->cancelled) {
        cancel_tree(s, false);
    }
}

/* What is around the scope is another now: its deadline, and is it cancelled?
 */
static void
refresh(struct atl_timed_scope *timed)
{
    struct atl_scope *s = &timed->scope;
    uint64_t above = s->shielded ? UINT64_MAX : s->parent->deadline_ns;

    s->deadline_ns = timed->due_ns < above ? timed->due_ns : above;
    if (timed->due_ns < above && !timed->expired &&
        !atl_timer_is_active(&timed->timer))
        atl_timer_start(timed->loop, &timed->timer, timed->due_ns, on_timer);
    cancel_by_parent(timed);
}

/* The same for the scopes from `outermost` inwards to `s`, in this order. */
static void
refresh_down(struct atl_scope *outermost, struct atl_scope *innermost)
{
    struct atl_scope *at = NULL, *s;

    while (at != innermost) {
        struct atl_scope *below = at;

        for (s = innermost; s != outermost && s->parent != below; s = s->parent)
            continue;
        at = s;
        refresh(ATL_OWNER(at, struct atl_timed_scope, scope));
    }
}

static void
move_below(struct atl_scope *s, struct atl_scope *parent)
{
    struct atl_scope *old = s->parent;

    atl_list_remove(&s->sibling);
    s->parent = parent;
    atl_list_push(&parent->children, &s->sibling);
    free_left(old);
}

/*
 * The outermost scope of the same code; NULL if one of them was left, or if
 * they are another task's, whose children may run in them.
 */
static struct atl_scope *
find_outermost(const struct atl_task *task, struct atl_timed_scope *timed)
{
    struct atl_scope *s = &timed->scope, *outermost = NULL;

    while (s->timed && ATL_OWNER(s, struct atl_timed_scope, scope)->thread ==
                           timed->thread) {
        if (s->left)
            return NULL;
        outermost = s;
        s = s->parent;
    }
    while (s->timed)
        s = s->parent;
    return s == &task->base ? outermost : NULL;
}

void
atl_timed_resume(struct atl_task *task, struct atl_timed_scope *innermost)
{
    struct atl_scope *outer = task->scope, *s;
    struct atl_scope *outermost = find_outermost(task, innermost);
    bool moved;

    if (outermost == NULL)
        return;
    moved = outermost->parent != outer;
    if (moved)
        move_below(outermost, outer);
    for (s = &innermost->scope; s != outer; s = s->parent)
        s->task = task;
    task->scope = &innermost->scope;
    if (moved)
        refresh_down(outermost, &innermost->scope);
}

void
atl_timed_abandon_all(struct atl_task *task)
{
    while (task->scope != &task->base)
        abandon_innermost(task);
}

void
atl_timed_leave_all(struct atl_task *task)
{
    while (!atl_list_is_empty(&task->base.children)) {
        struct atl_scope *s = &task->base;

        while (!atl_list_is_empty(&s->children))
            s = ATL_OWNER(s->children.next, struct atl_scope, sibling);
        assert(s->timed);
        s->left = true;
        free_left(s);
    }
}
