/* task.c - tasks, waits and cancel scopes.  See task.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/task.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "rt/loop.h"

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

#define SLAB 64 /* scopes, or operations, allocated together */

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
atl_timed_enter(struct atl_task *task, uint64_t due_ns, uint64_t grace_ns)
{
    struct atl_timed_scope *timed = take_scope(task->loop);
    struct atl_scope *outer = task->scope;

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

    if (is_around(task, s)) {
        while (task->scope != s)
            abandon_innermost(task);
        abandon_innermost(task);
    }
    s->left = true;
    free_left(s);
    return expired;
}

void
atl_timed_abandon_all(struct atl_task *task)
{
    while (task->scope != &task->base)
        abandon_innermost(task);
}

/* The task has ended without having left these, and nothing runs in them. */
static void
leave_all(struct atl_task *task)
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

/* --- tasks --- */

void
atl_owner_init(struct atl_owner *owner, const struct atl_owner_ops *ops,
               struct atl_task *task)
{
    owner->ops = ops;
    owner->task = task;
    owner->running = 0;
    atl_list_init(&owner->children);
}

/* A child of a task's body has ended: the task may have waited for the last. */
static void
on_child_ended(struct atl_owner *owner, struct atl_task *child)
{
    struct atl_task *task = owner->task;

    (void)child;
    if (task->state == ATL_TASK_JOINING && owner->running == 0)
        task->ops->joined(task);
}

static const struct atl_owner_ops body_ops = {on_child_ended, true};

void
atl_task_init(struct atl_task *task, struct atl_loop *loop,
              struct atl_owner *owner, struct atl_scope *scope,
              const struct atl_task_ops *ops)
{
    atl_list_init(&task->queue);
    task->loop = loop;
    task->ops = ops;
    task->pending = NULL;
    task->owner = owner;
    atl_list_init(&task->sibling);
    atl_list_push(&owner->children, &task->sibling);
    owner->running++;
    atl_owner_init(&task->own, &body_ops, task);
    atl_scope_open(&task->base, scope, task);
    task->scope = &task->base;
    atl_list_init(&task->awaiters);
    task->state = ATL_TASK_NEW;
    task->wake = ATL_WAKE_RESULT;
    task->results = 0;
}

void
atl_task_queue(struct atl_task *task)
{
    assert(atl_list_is_empty(&task->queue));
    assert(task->state == ATL_TASK_NEW || task->state == ATL_TASK_PARKED ||
           task->state == ATL_TASK_WAITING);
    if (task->state != ATL_TASK_NEW)
        task->state = ATL_TASK_READY;
    atl_list_push(&task->loop->ready, &task->queue);
}

void
atl_task_queue_next_turn(struct atl_task *task)
{
    assert(atl_list_is_empty(&task->queue));
    task->state = ATL_TASK_READY;
    atl_list_push(&task->loop->tomorrow, &task->queue);
}

void
atl_task_cancel(struct atl_task *task, int reason)
{
    if (task->state != ATL_TASK_DONE)
        atl_scope_cancel(&task->base, reason);
}

bool
atl_task_end_body(struct atl_task *task)
{
    task->state = ATL_TASK_JOINING;
    return task->own.running == 0;
}

void
atl_task_done(struct atl_task *task, bool keep)
{
    struct atl_owner *owner = task->owner;

    task->state = ATL_TASK_DONE;
    leave_all(task);
    atl_scope_close(&task->base);
    if (!keep)
        atl_task_forget(task);
    owner->running--;
    owner->ops->child_ended(owner, task);
}

void
atl_task_forget(struct atl_task *task)
{
    atl_list_remove(&task->sibling);
    task->owner = NULL;
}

/* --- waits --- */

#define SMALLEST 64 /* bytes of an operation in class 0; then twice each */

_Static_assert(sizeof(struct atl_wait) == SMALLEST, "all of it is set below");

static inline uint32_t
class_of(size_t size)
{
    uint32_t size_class = 0;

    for (; size > (size_t)SMALLEST << size_class; size_class++)
        assert(size_class + 1 < ATL_OP_CLASSES);
    return size_class;
}

/* Put SLAB more operations on the free list of their class. */
static void
add_slab(struct atl_loop *loop, uint32_t size_class)
{
    size_t room = (size_t)SMALLEST << size_class;
    struct atl_op_slab *slab = atl_calloc(1, sizeof(*slab) + SLAB * room);
    int i;

    slab->next = loop->op_slabs;
    loop->op_slabs = slab;
    for (i = SLAB - 1; i >= 0; i--) {
        char *op = slab->ops + (size_t)i * room;

        memcpy(op, &loop->free_ops[size_class], sizeof(void *));
        loop->free_ops[size_class] = op;
    }
}

/*
 * Operations come from slabs that live as long as the loop: a waker may look
 * at the generation of one that has ended.
 */
void *
atl_wait_new(struct atl_task *task, size_t size,
             const struct atl_wait_kind *kind)
{
    struct atl_loop *loop = task->loop;
    uint32_t size_class = class_of(size), generation;
    struct atl_wait *wait;

    assert(task->pending == NULL && task->state == ATL_TASK_RUNNING);
    if (loop->free_ops[size_class] == NULL)
        add_slab(loop, size_class);
    wait = loop->free_ops[size_class];
    memcpy(&loop->free_ops[size_class], wait, sizeof(void *));
    generation = wait->generation;
    *wait = (struct atl_wait){.task = task,
                              .kind = kind,
                              .since_ns = loop->now_ns,
                              .generation = generation,
                              .size_class = size_class};
    if (size_class == 1) /* a size that the compiler knows is faster */
        memset((char *)wait + SMALLEST, 0, SMALLEST);
    else if (size_class > 1)
        memset((char *)wait + SMALLEST, 0, size - SMALLEST);
    task->pending = wait;
    task->wake = ATL_WAKE_RESULT;
    return wait;
}

/* Take the wait from its task and put its memory on the free list. */
static struct atl_task *
end_wait(struct atl_wait *wait)
{
    struct atl_task *task = wait->task;
    struct atl_loop *loop = task->loop;

    assert(task != NULL && task->pending == wait); /* a wait ends once */
    atl_timer_stop(loop, &wait->deadline);
    task->pending = NULL;
    wait->task = NULL;
    wait->generation++;
    memcpy(wait, &loop->free_ops[wait->size_class], sizeof(void *));
    loop->free_ops[wait->size_class] = wait;
    return task;
}

void
atl_wake(struct atl_wait *wait, int results)
{
    struct atl_task *task = end_wait(wait);

    task->results = (uint32_t)results;
    atl_task_queue(task);
}

void
atl_wait_abandon(struct atl_task *task)
{
    if (task->pending == NULL)
        return;
    if (task->pending->kind->cancel != NULL)
        task->pending->kind->cancel(task->pending);
    end_wait(task->pending);
}

static void
on_expired(struct atl_timer *timer)
{
    struct atl_wait *wait = ATL_OWNER(timer, struct atl_wait, deadline);

    wait->kind->cancel(wait);
    wait->task->wake = ATL_WAKE_EXPIRED;
    atl_wake(wait, 0);
}

void
atl_wait_set_deadline(struct atl_wait *wait, uint64_t due_ns)
{
    atl_timer_start(wait->task->loop, &wait->deadline, due_ns, on_expired);
}

void
atl_wait_count(const struct atl_loop *loop, size_t *used_out,
               size_t *allocated_out)
{
    const struct atl_op_slab *slab;
    size_t allocated = 0, available = 0;
    void *op;
    int i;

    for (slab = loop->op_slabs; slab != NULL; slab = slab->next)
        allocated += SLAB;
    for (i = 0; i < ATL_OP_CLASSES; i++)
        for (op = loop->free_ops[i]; op != NULL; memcpy(&op, op, sizeof(op)))
            available++;
    *used_out = allocated - available;
    *allocated_out = allocated;
}
