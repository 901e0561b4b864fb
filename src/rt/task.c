/* task.c - tasks and waits.  See task.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/task.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "rt/loop.h"

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
    atl_timed_leave_all(task);
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

#define SLAB 64     /* operations allocated together */
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
