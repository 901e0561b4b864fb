/* loop.h - the event loop: libuv's, with a run queue and timers of our own.
 * SPDX-License-Identifier: MIT
 *
 * One turn: resume the tasks that are ready, run the turn-end hooks, poll for
 * I/O (which queues tasks), fire timers.  libuv's callbacks don't resume a
 * task themselves, except through atl_loop_run_now().
 *
 * Laws:
 * 1. A loop belongs to one thread.
 * 2. A turn resumes at most ATL_LOOP_BURST tasks, so that tasks which keep
 *    waking each other cannot starve I/O.
 * 3. Time is read once a turn; `now_ns` is never ahead of the clock.
 */
#ifndef ATL_RT_LOOP_H
#define ATL_RT_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/list.h"
#include "rt/alarm.h"
#include "rt/task.h"
#include "rt/wheel.h"

#define ATL_LOOP_BURST 4096
#define ATL_TICK_SHIFT 14 /* a tick of the wheel is 2^14 ns, about 16 us */
#define ATL_OP_CLASSES 3  /* operations of 64, 128 and 256 bytes */

/* Where time comes from; a test may put its own in loop->clock. */
struct atl_clock {
    uint64_t (*now_ns)(struct atl_clock *clock); /* monotonic */
    /*
     * Nothing is ready: called instead of blocking, with the time of the next
     * timer or before it (UINT64_MAX: none).  NULL: block in poll.  A virtual
     * clock jumps.
     */
    void (*idle)(struct atl_clock *clock, uint64_t next_ns);
};

/* For tests: makes the order of tasks another, and what it may break show. */
struct atl_stress {
    uint64_t seed; /* not 0: the run queue's order is shuffled by it */
    void (*before)(struct atl_stress *stress); /* each resume; or NULL */
};

/* Something to be done once at the end of this turn, such as a flush. */
struct atl_hook {
    struct atl_link link;
    void (*fn)(struct atl_hook *hook);
};

/* Operations that were allocated together (task.c). */
struct atl_op_slab {
    struct atl_op_slab *next;
    _Alignas(16) char ops[];
};

/* struct atl_loop's `beat`: a count of pieces of work, and one flag. */
#define ATL_BEAT_POLL UINT64_C(1) /* waiting for I/O: nothing is blocked */
#define ATL_BEAT UINT64_C(2)

struct atl_watchdog;

struct atl_loop {
    uv_loop_t uv; /* its `data` is this loop, or NULL in what isn't one */
    struct atl_clock *clock;       /* NULL: uv_hrtime */
    _Atomic uint64_t beat;         /* written by the loop's thread only */
    struct atl_watchdog *watchdog; /* NULL: nobody watches */
    uint64_t now_ns;
    struct atl_link ready;    /* tasks, in the order they will run */
    struct atl_link tomorrow; /* tasks for the next turn */
    struct atl_link turn_end; /* hooks */
    struct atl_link watchers; /* hooks that stay: before a poll, and behind */
    struct atl_task *current; /* the task that runs now, or NULL */
    struct atl_scope root;    /* above every scope */
    struct atl_owner roots;   /* tasks that no other task owns */
    struct atl_wheel wheel;
    struct atl_alarm alarm;    /* only ends the poll; the wheel fires */
    struct atl_stress *stress; /* NULL, but in tests */
    uint8_t tick_shift;  /* a tick of the wheel is 2^this ns, and timers */
    uint8_t round_shift; /* fire at multiples of 2^this; see set_clock */
    void *free_ops[ATL_OP_CLASSES];
    struct atl_op_slab *op_slabs;
    struct atl_timed_scope *free_scopes; /* by next_free */
    struct atl_op_slab *scope_slabs;
    size_t scopes_used; /* timed ones that are not free */
    /*
     * Work on threads that aren't libuv's, whose end an async handle tells:
     * counted by who hands it to them, since it keeps a virtual clock from
     * jumping (virtual.h).
     */
    unsigned in_flight;
    struct atl_link all;  /* loops of all threads; under a lock of loop.c */
    bool stop_when_empty; /* with the end of the last of the roots */
    bool stopped;
};

/* Is it a descriptor that a loop of any thread works with for itself? */
bool atl_loop_is_made_of(int fd);

/* Returns 0 or a negative code. */
int atl_loop_init(struct atl_loop *loop) __attribute__((warn_unused_result));

/* Close what the loop itself owns; every other handle is closed before. */
void atl_loop_deinit(struct atl_loop *loop);

/*
 * Turn until atl_loop_stop() (returns true), or until nothing is ready and
 * nothing could make anything ready any more (returns false): the caller asks
 * why.
 */
bool atl_loop_run(struct atl_loop *loop);
void atl_loop_stop(struct atl_loop *loop);

/* Is something ready, or can something still make a task ready? */
bool atl_loop_is_alive(const struct atl_loop *loop);

/* One turn, which blocks in poll only if `block` and nothing is ready. */
void atl_loop_turn(struct atl_loop *loop, bool block);

/* Is a task ready, or a hook waiting for this turn's end? */
bool atl_loop_has_work(const struct atl_loop *loop);

/*
 * Wait in poll until something comes, or until `until_ns` of uv_hrtime()
 * (ATL_ALARM_NEVER: without limit).  At once if nothing could come.
 */
void atl_loop_poll(struct atl_loop *loop, uint64_t until_ns);

/*
 * Read time from `clock` (NULL: the machine's) from now on, with a wheel whose
 * ticks are nanoseconds.  Timers fire at the same times as with the other one,
 * unless loop->round_shift is set to 0: then, exactly when they are due.
 * Before any timer has started.
 */
void atl_loop_set_clock(struct atl_loop *loop, struct atl_clock *clock);

/* Fresh time in ns; loop->now_ns is the cheap one, up to a turn old. */
uint64_t atl_loop_clock(struct atl_loop *loop);

/*
 * Call `fn` when loop time reaches `due_ns`: never early, at the latest with
 * the first turn after it.
 */
void atl_timer_start(struct atl_loop *loop, struct atl_timer *timer,
                     uint64_t due_ns, atl_timer_fn fn);
void atl_timer_stop(struct atl_loop *loop, struct atl_timer *timer);

/* The tick with which `due_ns` has come: not before it. */
static inline uint64_t
atl_timer_tick(const struct atl_loop *loop, uint64_t due_ns)
{
    if (loop->round_shift == 0)
        return due_ns; /* and a tick is a nanosecond */
    return ((due_ns >> loop->round_shift) + 1)
           << (loop->round_shift - loop->tick_shift);
}

/*
 * Another piece of work begins, or that in hand is going well: the watchdog
 * measures from here.  Plain stores, since this is done for each resume.
 */
static inline void
atl_loop_beat(struct atl_loop *loop)
{
    uint64_t beat = atomic_load_explicit(&loop->beat, memory_order_relaxed);

    atomic_store_explicit(&loop->beat, beat + ATL_BEAT, memory_order_relaxed);
}

void atl_loop_leave_poll(struct atl_loop *loop);

/*
 * First of all in each callback that libuv makes: the poll is over, and what
 * follows is timed.  Harmless if it was over already.
 */
static inline void
atl_loop_woken(uv_loop_t *uv)
{
    struct atl_loop *loop = uv->data;

    if (loop != NULL &&
        (atomic_load_explicit(&loop->beat, memory_order_relaxed) &
         ATL_BEAT_POLL) != 0)
        atl_loop_leave_poll(loop);
}

/*
 * From a callback of libuv's, where no task runs: resume `task`, which is new
 * and not queued, at once.  What it does until it first waits happens inside
 * the callback.
 */
void atl_loop_run_now(struct atl_loop *loop, struct atl_task *task);

/*
 * Run `hook` in each turn, before the poll and behind it, until its link is
 * taken off the list: for a wait that no event ends.
 */
void atl_loop_watch(struct atl_loop *loop, struct atl_hook *hook);

/* Run `hook` once at this turn's end; harmless if it is waiting already. */
void atl_loop_at_turn_end(struct atl_loop *loop, struct atl_hook *hook);
bool atl_hook_is_waiting(const struct atl_hook *hook);

#endif
