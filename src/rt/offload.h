/* offload.h - work that blocks, on threads of its own: a pool without Lua.
 * SPDX-License-Identifier: MIT
 *
 * A job is submitted on the loop's thread, run on one of the pool's, and done
 * on the loop's again.  Threads start when they are needed.
 *
 * Laws:
 * 1. A job is with the pool from its submission until `done` or `drop`, one of
 *    which is called, once: until then it owns all that it works on.
 * 2. Jobs are started in the order of their submission.
 * 3. At most `threads` + `max_queued` are with the pool and not yet run.  Who
 *    finds no room takes a turn; room goes to turns in their order, and to
 *    nobody else meanwhile.
 * 4. Neither `done` nor a turn is called by the function that asked for it,
 *    but by the loop.  `drop` may be called at once.
 * 5. The loop is alive while a job is with the pool that wasn't cancelled.
 * 6. The threads take no signals of the process.
 */
#ifndef ATL_RT_OFFLOAD_H
#define ATL_RT_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define ATL_OFFLOAD_MAX_THREADS 256

struct atl_loop;
struct atl_offload; /* a pool */
struct atl_job;

struct atl_job_ops {
    /* On a thread of the pool; `local` is what `open` has made for that. */
    void (*run)(struct atl_job *job, void *local);
    /* On the loop's thread: it has been run, and is the submitter's again. */
    void (*done)(struct atl_job *job);
    /*
     * Free it: it was cancelled, or the pool is closed.  On the loop's thread,
     * or, when the pool has been closed while it ran, on the pool's.
     */
    void (*drop)(struct atl_job *job);
};

/* The head of every job; all but `ops` is the pool's. */
struct atl_job {
    const struct atl_job_ops *ops;
    struct atl_link link;
    struct atl_offload *pool; /* that it is with, or NULL */
    bool queued;              /* no thread has it yet */
    bool cancelled;
};

/* A place in the line of those who wait for room. */
struct atl_turn {
    struct atl_link link;
    /* There is room for one job: submit it now, or it goes to the next. */
    void (*fn)(struct atl_turn *turn);
};

struct atl_offload_options {
    const char *name;    /* of the threads, up to 15 bytes; static */
    unsigned threads;    /* at most; 1 to ATL_OFFLOAD_MAX_THREADS */
    unsigned max_queued; /* jobs beyond those that all threads have */
    size_t stack_size;   /* of a thread, in bytes; 0: 1 MiB */
    /*
     * On a thread, before its first job and when it ends: what it keeps from
     * job to job.  Both may be NULL.  `number` counts threads from 1; `data`
     * outlives the pool, and the threads that it has abandoned.
     */
    void *(*open)(void *data, unsigned number);
    void (*close)(void *local);
    void *data;
};

/* How many threads suit work that keeps a core busy: one each, at most 4. */
unsigned atl_offload_default_threads(void);

/* Make a pool, whose `done` run on `loop`.  Returns 0 or a negative code. */
int atl_offload_open(struct atl_offload **pool_out, struct atl_loop *loop,
                     const struct atl_offload_options *options)
    __attribute__((warn_unused_result));

/*
 * End it: what waits is dropped, what runs is waited for, but no longer than
 * until `due_ns` (uv_hrtime(); 0: not at all), while this thread blocks; no
 * `done` and no turn is called any more.  Threads that are still busy then are
 * left to themselves: they end when their job does.  The pool is gone for the
 * caller; the loop has to go on until its handles are closed.  Not from within
 * `done` or a turn.
 * Returns how many jobs were left running.
 */
unsigned atl_offload_close(struct atl_offload *pool, uint64_t due_ns);

/*
 * Hand over `job`, whose `ops` are set.  Returns 0; UV_EAGAIN if there is no
 * room for it, or a negative code if no thread can be started: it stays the
 * caller's.
 */
int atl_offload_submit(struct atl_offload *pool, struct atl_job *job)
    __attribute__((warn_unused_result));

/* Would it be taken now?  Not if somebody stands in line. */
bool atl_offload_has_room(struct atl_offload *pool);

/*
 * The submitter has no use for `job` any more: `done` won't be called, but
 * `drop`, at once if no thread has it yet, else when its run has ended.
 */
void atl_offload_cancel(struct atl_job *job);

/* Stand in line for room, after UV_EAGAIN; and leave the line. */
void atl_offload_take_turn(struct atl_offload *pool, struct atl_turn *turn);
void atl_offload_leave_turn(struct atl_offload *pool, struct atl_turn *turn);

struct atl_offload_counts {
    unsigned threads; /* started so far */
    unsigned running; /* jobs that a thread has, cancelled or not */
    unsigned queued;  /* jobs that wait for a thread */
    unsigned turns;   /* that wait for room */
};
void atl_offload_count(struct atl_offload *pool,
                       struct atl_offload_counts *out);

#endif
