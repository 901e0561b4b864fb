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
    atl_list_init(&s->children);
    atl_list_init(&s->sibling);
    if (parent != NULL) {
        s->cancelled = parent->cancelled;
        atl_list_push(&parent->children, &s->sibling);
    }
}

void
atl_scope_close(struct atl_scope *s)
{
    assert(atl_list_is_empty(&s->children));
    atl_list_remove(&s->sibling);
    s->parent = NULL;
}

/* End the wait of a task that stands in the cancelled scope `s`. */
static void
interrupt(struct atl_scope *s)
{
    struct atl_task *task = s->task;

    if (task == NULL || task->scope != s)
        return;
    if (task->state == ATL_TASK_WAITING && task->pending != NULL) {
        task->pending->kind->cancel(task->pending);
        task->wake = ATL_WAKE_CANCELLED;
        atl_wake(task->pending, 0);
    } else if (task->state == ATL_TASK_PARKED) {
        task->wake = ATL_WAKE_CANCELLED;
        atl_task_queue(task);
    }
}

/*
 * The scope after `s` in a walk over all below `top`, without recursion since
 * users decide how deep scopes nest.  `down`: look below `s` too.
 */
static struct atl_scope *
walk(struct atl_scope *top, struct atl_scope *s, bool down)
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

bool
atl_scope_cancel(struct atl_scope *top, int reason)
{
    struct atl_scope *s;
    bool down;

    if (top->is_origin)
        return false;
    top->is_origin = true;
    top->reason = reason;
    if (top->cancelled)
        return true;
    for (s = top; s != NULL; s = walk(top, s, down)) {
        /* What is cancelled already has told all below it. */
        down = s == top || (!s->shielded && !s->cancelled);
        if (!down)
            continue;
        s->cancelled = true;
        interrupt(s);
    }
    return true;
}

struct atl_scope *
atl_scope_origin(struct atl_scope *s)
{
    for (; s != NULL && s->cancelled; s = s->parent)
        if (s->is_origin)
            return s;
    return NULL;
}

/* --- tasks --- */

void
atl_task_init(struct atl_task *task, struct atl_loop *loop,
              struct atl_task *parent, const struct atl_task_ops *ops)
{
    atl_list_init(&task->queue);
    task->loop = loop;
    task->ops = ops;
    task->pending = NULL;
    task->parent = parent;
    atl_scope_open(&task->base, parent != NULL ? parent->scope : &loop->root,
                   task);
    task->scope = &task->base;
    atl_list_init(&task->children);
    atl_list_init(&task->awaiters);
    atl_list_init(&task->sibling);
    if (parent != NULL)
        atl_list_push(&parent->children, &task->sibling);
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
    struct atl_link *link;

    task->state = ATL_TASK_JOINING;
    for (link = task->children.next; link != &task->children; link = link->next)
        if (ATL_OWNER(link, struct atl_task, sibling)->state != ATL_TASK_DONE)
            return false;
    return true;
}

/* A child of `parent` has ended: the parent may have waited for the last. */
static void
child_ended(struct atl_task *parent)
{
    if (parent->state == ATL_TASK_JOINING && atl_task_end_body(parent))
        parent->ops->joined(parent);
}

void
atl_task_done(struct atl_task *task, bool keep)
{
    struct atl_task *parent = task->parent;

    task->state = ATL_TASK_DONE;
    atl_scope_close(&task->base);
    if (!keep) {
        atl_list_remove(&task->sibling);
        task->parent = NULL;
    }
    if (parent != NULL)
        child_ended(parent);
}

void
atl_task_forget(struct atl_task *task)
{
    atl_list_remove(&task->sibling);
    task->parent = NULL;
}

/* --- waits --- */

#define SMALLEST 64 /* bytes of an operation in class 0; then twice each */

/*
 * Operations come from free lists that live as long as the loop: a waker may
 * look at the generation of one that has ended.
 */
void *
atl_wait_new(struct atl_task *task, size_t size,
             const struct atl_wait_kind *kind)
{
    struct atl_loop *loop = task->loop;
    uint32_t size_class = 0, generation = 0;
    size_t room = SMALLEST;
    struct atl_wait *wait;

    assert(task->pending == NULL && task->state == ATL_TASK_RUNNING);
    for (; room < size; room *= 2)
        size_class++;
    assert(size_class < ATL_OP_CLASSES);
    wait = loop->free_ops[size_class];
    if (wait != NULL) {
        memcpy(&loop->free_ops[size_class], wait, sizeof(void *));
        generation = wait->generation;
    } else {
        wait = atl_malloc(room);
    }
    memset(wait, 0, size);
    wait->task = task;
    wait->kind = kind;
    wait->generation = generation;
    wait->size_class = size_class;
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

    task->results = (uint16_t)results;
    atl_task_queue(task);
}

void
atl_wake_next_turn(struct atl_wait *wait)
{
    struct atl_task *task = end_wait(wait);

    task->wake = ATL_WAKE_TRUE;
    atl_task_queue_next_turn(task);
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
