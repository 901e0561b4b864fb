/* task.h - tasks, waits and cancel scopes, without a word of Lua.
 * SPDX-License-Identifier: MIT
 *
 * A task is something that can be resumed.  It runs until it waits, and waits
 * for one thing at a time.  Scopes form one tree through all tasks; to cancel
 * one is to end every wait below it.
 *
 * Laws:
 * 1. A task is in one place: on the run queue, running, in one wait, or done.
 * 2. Only the loop resumes, never from inside another resume.
 * 3. Whoever starts an operation gives a cancel hook; after the hook has run
 *    the operation never touches the wait again.
 * 4. A wait ends once.  What comes later is recognised by its generation and
 *    dropped.
 * 5. A scope ends after all scopes below it.
 */
#ifndef ATL_RT_TASK_H
#define ATL_RT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "rt/wheel.h"

struct atl_loop;
struct atl_task;
struct atl_wait;

/* What is waited for: one static const struct a kind of operation. */
struct atl_wait_kind {
    const char *name; /* for the task tree: "sleep", "read" */
    /*
     * Withdraw the operation: `wait` will not be woken by it any more.  Must
     * not wake; the canceller does that.
     */
    void (*cancel)(struct atl_wait *wait);
};

/*
 * The head of every operation struct; made by atl_wait_new(), freed by the
 * wake or the cancel that ends it.
 */
struct atl_wait {
    struct atl_task *task; /* NULL once it has ended */
    const struct atl_wait_kind *kind;
    struct atl_timer deadline; /* the operation's own time limit, or unused */
    uint32_t generation;       /* grows each time the memory is used again */
    uint32_t size_class;
};

/* A reference to a wait that may outlive it (thread work, user callbacks). */
struct atl_waker {
    struct atl_wait *wait;
    uint32_t generation;
};

enum atl_task_state {
    ATL_TASK_NEW,     /* has not run yet */
    ATL_TASK_READY,   /* on the run queue */
    ATL_TASK_RUNNING, /* inside its resume */
    ATL_TASK_WAITING, /* `pending` tells for what */
    ATL_TASK_PARKED,  /* yielded by itself, waiting for nothing */
    ATL_TASK_JOINING, /* body has ended, children have not */
    ATL_TASK_DONE,
};

/* Why a task is resumed. */
enum atl_wake_reason {
    ATL_WAKE_RESULT,    /* the results stand on its stack */
    ATL_WAKE_TRUE,      /* the result is true, and not yet there */
    ATL_WAKE_CANCELLED, /* its scope was cancelled */
    ATL_WAKE_EXPIRED,   /* the operation's own deadline has passed */
};

struct atl_scope {
    struct atl_scope *parent;
    struct atl_link children; /* of struct atl_scope, by sibling */
    struct atl_link sibling;
    struct atl_task *task; /* whose code runs in it; NULL: none */
    bool cancelled;        /* by itself or from above */
    bool is_origin;        /* by itself: `reason` is its */
    bool shielded;         /* what comes from above stops here */
    int reason;            /* the owner's; 0 if none was given */
};

struct atl_task_ops {
    /* Run until it waits or ends; called by the loop only. */
    void (*resume)(struct atl_task *task);
    /* The last child of a JOINING task is gone. */
    void (*joined)(struct atl_task *task);
};

struct atl_task {
    struct atl_link queue; /* on the run queue, or nowhere */
    struct atl_loop *loop;
    const struct atl_task_ops *ops;
    struct atl_wait *pending; /* while WAITING */
    struct atl_scope *scope;  /* innermost; at least &base */
    struct atl_scope base;
    struct atl_task *parent;
    struct atl_link children; /* running, or failed and not yet handled */
    struct atl_link sibling;
    struct atl_link awaiters; /* operations that wait for this task's end */
    uint8_t state;
    uint8_t wake;
    uint16_t results; /* values that stand ready on the task's stack */
};

/* --- scopes --- */

/*
 * Open `s` (caller's storage) below `parent`; it is born cancelled if the
 * parent is.  `task` may be NULL.
 */
void atl_scope_open(struct atl_scope *s, struct atl_scope *parent,
                    struct atl_task *task);

/* Close `s`, which has no scopes below it any more. */
void atl_scope_close(struct atl_scope *s);

/*
 * Cancel all that runs in `s` and below: waits end now, and each later
 * checkpoint there raises.  Harmless if it is cancelled already.  Returns
 * false then, and the reason is not taken over.
 */
bool atl_scope_cancel(struct atl_scope *s, int reason);

/* The scope, from `s` upwards, that was cancelled by itself; or NULL. */
struct atl_scope *atl_scope_origin(struct atl_scope *s);

/* --- tasks --- */

/*
 * Make `task` (caller's storage) a child of `parent`, which may be NULL: then
 * its scope stands below the loop's root scope.
 */
void atl_task_init(struct atl_task *task, struct atl_loop *loop,
                   struct atl_task *parent, const struct atl_task_ops *ops);

/* Put a NEW or PARKED task, or one whose wait has ended, on the run queue. */
void atl_task_queue(struct atl_task *task);

/* Put it on the queue of the turn after this one, behind one poll for I/O. */
void atl_task_queue_next_turn(struct atl_task *task);

/* Cancel the task and its children. */
void atl_task_cancel(struct atl_task *task, int reason);

/* True if the running code of `task` is in a cancelled scope. */
static inline bool
atl_task_is_cancelled(const struct atl_task *task)
{
    return task->scope->cancelled;
}

/*
 * The body has ended: true if the task is over, false if it is JOINING and
 * ops->joined will be called.
 */
bool atl_task_end_body(struct atl_task *task);

/*
 * Leave the tree: the task is DONE.  With `keep` it stays in its parent's
 * list of children as a failure that somebody has to handle; atl_task_forget
 * takes it out later.
 */
void atl_task_done(struct atl_task *task, bool keep);
void atl_task_forget(struct atl_task *task);

/* --- waits --- */

/*
 * A zeroed operation of `size` bytes that starts with a struct atl_wait; the
 * running `task` waits for it from now on.
 */
void *atl_wait_new(struct atl_task *task, size_t size,
                   const struct atl_wait_kind *kind);

/*
 * The operation is over and `results` values stand on the task's stack: the
 * task will run, and `wait` is freed.  The last thing a finisher does.
 */
void atl_wake(struct atl_wait *wait, int results);

/*
 * As atl_wake() with the result true, but the task runs behind the next poll
 * for I/O.  May be called before the task has been suspended.
 */
void atl_wake_next_turn(struct atl_wait *wait);

/*
 * Give the wait a time limit: at `due_ns` (loop time) the cancel hook runs and
 * the task is woken with ATL_WAKE_EXPIRED.
 */
void atl_wait_set_deadline(struct atl_wait *wait, uint64_t due_ns);

static inline struct atl_waker
atl_wait_waker(struct atl_wait *wait)
{
    return (struct atl_waker){wait, wait->generation};
}

/* The wait, or NULL if it has ended. */
static inline struct atl_wait *
atl_waker_wait(struct atl_waker w)
{
    return w.wait != NULL && w.wait->generation == w.generation ? w.wait : NULL;
}

#endif
