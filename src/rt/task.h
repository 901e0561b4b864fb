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
     * not wake; the canceller does that.  NULL: a wait for something that is
     * cancelled along with it and ends by itself, such as a group's end.
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
    uint64_t since_ns;         /* loop time at which it began */
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
    uint64_t deadline_ns;  /* loop time, its own or from above; UINT64_MAX */
    int reason;            /* of is_origin; 0 if none was given */
    bool cancelled;        /* by itself or from above */
    bool is_origin;        /* by itself: `reason` is its */
    bool shielded;         /* what comes from above stops here */
    bool left;             /* its code has gone on; scopes below have not */
    bool timed;            /* it is part of a struct atl_timed_scope */
};

/*
 * A scope with a timer, from the loop's pool.  Either it has a deadline, or it
 * is a shield: what comes from above doesn't reach it, until its grace has
 * passed.
 */
struct atl_timed_scope {
    struct atl_scope scope; /* first: it is cast */
    struct atl_timer timer;
    struct atl_loop *loop;
    const void *thread; /* whose code has entered it; only compared */
    uint64_t due_ns;    /* its own deadline; UINT64_MAX: none */
    uint64_t grace_ns;  /* of a shield */
    bool expired;       /* the timer has cancelled it */
    uint32_t serial;    /* grows each time the memory is used again */
    struct atl_timed_scope *next_free;
};

struct atl_owner;

/* Who is told of the end of tasks that it owns. */
struct atl_owner_ops {
    /* `child` is DONE; it may be freed behind this unless it was kept. */
    void (*child_ended)(struct atl_owner *owner, struct atl_task *child);
    /* Does it hear of failures, or is the log to be told? */
    bool hears;
};

/* A set of tasks that end before something: a task's body, a group. */
struct atl_owner {
    const struct atl_owner_ops *ops;
    struct atl_link children; /* running, or failed and not yet handled */
    struct atl_task *task;    /* where it stands; NULL: nowhere */
    uint32_t running;         /* children that are not DONE */
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
    struct atl_owner *owner;  /* NULL once it is forgotten */
    struct atl_link sibling;  /* owner->children */
    struct atl_owner own;     /* what it spawns */
    struct atl_link awaiters; /* operations that wait for this task's end */
    uint32_t results;         /* values that stand ready on the task's stack */
    uint8_t state;
    uint8_t wake;
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
 * Open a scope inside the running `task`'s present one: with a deadline
 * (UINT64_MAX: only that of the scope around it), or, if `grace_ns` isn't 0,
 * as a shield whose code may go on that long once the scope around it is
 * cancelled.  Its code ends with atl_timed_leave().
 */
struct atl_timed_scope *atl_timed_enter(struct atl_task *task,
                                        const void *thread, uint64_t due_ns,
                                        uint64_t grace_ns);

/*
 * The code of the scope has ended, which frees it: once for each enter.  Tasks
 * that were spawned inside and still run keep its deadline.  Scopes inside it
 * that a suspended generator is still in no longer count for `task`, and are
 * freed when that leaves them, or with the task.  Returns true if it was this
 * scope's own timer that cancelled it, and nothing around it.  `task` is the
 * one that has entered it, if no other has resumed its code.
 */
bool atl_timed_leave(struct atl_task *task, struct atl_timed_scope *s);

/* Has `thread`, a coroutine, entered the innermost scope of the task? */
static inline bool
atl_timed_is_of(const struct atl_task *task, const void *thread)
{
    return task->scope->timed &&
           ((const struct atl_timed_scope *)(const void *)task->scope)
                   ->thread == thread;
}

/*
 * The code of `thread` is left for a while: the scopes that it has entered no
 * longer are around the task's code.  Returns the innermost, or NULL.
 */
struct atl_timed_scope *atl_timed_suspend(struct atl_task *task,
                                          const void *thread);

/*
 * It goes on: they are around the task's code again, below its present scope.
 * `s` is what was returned then, and still there.  In another task they are
 * not, but stay where they are until the code leaves them.
 */
void atl_timed_resume(struct atl_task *task, struct atl_timed_scope *s);

/*
 * The scope that had this serial number, or NULL if it has gone, with a task
 * whose code never left it.
 */
static inline struct atl_timed_scope *
atl_timed_find(struct atl_timed_scope *s, uint32_t serial)
{
    return s->serial == serial ? s : NULL;
}

/* How many there is memory for, in use or not; for tests. */
size_t atl_timed_count(const struct atl_loop *loop);

/* The task's body has ended, perhaps without having left all of its scopes. */
void atl_timed_abandon_all(struct atl_task *task);

/* The same for the task; nothing runs in them any more. */
void atl_timed_leave_all(struct atl_task *task);

/*
 * Cancel all that runs in `s` and below: waits end now, and each later
 * checkpoint there raises.  Harmless if it is cancelled already.  Returns
 * false then, and the reason is not taken over.
 */
bool atl_scope_cancel(struct atl_scope *s, int reason);

/* The same, shields notwithstanding: there is no more time. */
void atl_scope_cancel_all(struct atl_scope *s);

/* The scope, from `s` upwards, that was cancelled by itself; or NULL. */
struct atl_scope *atl_scope_origin(struct atl_scope *s);

/*
 * The scope after `s` in a walk over all below `top`, outer before inner; NULL
 * at the end.  `down`: those below `s` too.
 */
struct atl_scope *atl_scope_walk(struct atl_scope *top, struct atl_scope *s,
                                 bool down);

/* --- tasks --- */

void atl_owner_init(struct atl_owner *owner, const struct atl_owner_ops *ops,
                    struct atl_task *task);

/*
 * Make `task` (caller's storage) one that `owner` owns, its scope below
 * `scope`.
 */
void atl_task_init(struct atl_task *task, struct atl_loop *loop,
                   struct atl_owner *owner, struct atl_scope *scope,
                   const struct atl_task_ops *ops);

/* The task that `task` was spawned in, or NULL. */
static inline struct atl_task *
atl_task_parent(const struct atl_task *task)
{
    return task->owner != NULL ? task->owner->task : NULL;
}

/* Put a NEW or PARKED task, or one whose wait has ended, on the run queue. */
void atl_task_queue(struct atl_task *task);

/* Put it on the queue of the turn after this one, behind one poll for I/O. */
void atl_task_queue_next_turn(struct atl_task *task);

/* The running task is about to be suspended, until then; the result is true. */
static inline void
atl_task_yield(struct atl_task *task)
{
    task->wake = ATL_WAKE_TRUE;
    atl_task_queue_next_turn(task);
}

/* Cancel the task and its children. */
void atl_task_cancel(struct atl_task *task, int reason);

/* True if the running code of `task` is in a cancelled scope. */
static inline bool
atl_task_is_cancelled(const struct atl_task *task)
{
    return task->scope->cancelled;
}

/*
 * A checkpoint: the same, and a deadline that has passed while the task was
 * busy counts although the loop has not seen it yet.
 */
bool atl_task_checkpoint(struct atl_task *task);

/*
 * The body has ended: true if the task is over, false if it is JOINING and
 * ops->joined will be called.
 */
bool atl_task_end_body(struct atl_task *task);

/*
 * The task is DONE, and its owner is told.  With `keep` it stays in the
 * owner's list as a failure that somebody has to handle; atl_task_forget
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

/* The task has gone without its wait having ended: withdraw it. */
void atl_wait_abandon(struct atl_task *task);

/*
 * Give the wait a time limit: at `due_ns` (loop time) the cancel hook runs and
 * the task is woken with ATL_WAKE_EXPIRED.
 */
void atl_wait_set_deadline(struct atl_wait *wait, uint64_t due_ns);

/*
 * Operations that somebody waits for, and those that are allocated in all.
 * Takes time in proportion to them.
 */
void atl_wait_count(const struct atl_loop *loop, size_t *used_out,
                    size_t *allocated_out);

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
