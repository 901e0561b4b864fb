/* wheel.h - hierarchical timing wheel: start and stop in O(1), by the million.
 * SPDX-License-Identifier: MIT
 *
 * Time is a count of ticks that only grows; what a tick lasts is the owner's
 * business (rt/loop.h: ATL_TICK_SHIFT).
 *
 * Laws:
 * 1. A timer fires in the first advance to a tick >= its own that begins
 *    after it was added, never earlier.
 * 2. Timers fire in order of their ticks; those of one tick in the order in
 *    which they were added.  One that is added for a tick in the past counts
 *    as one of the present tick.
 * 3. A timer is off the wheel before its callback runs, so that the callback
 *    may add it again, add and remove others or free its owner.  To callbacks
 *    the present tick is the one that is advanced to: what they add at or
 *    before it fires in the next advance, so that a callback that adds itself
 *    again cannot hang this one.
 */
#ifndef ATL_RT_WHEEL_H
#define ATL_RT_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define ATL_WHEEL_BITS 6
#define ATL_WHEEL_SLOTS (1 << ATL_WHEEL_BITS)
#define ATL_WHEEL_LEVELS 8 /* 2^48 ticks; later ones wait in the last slot */

struct atl_timer;

/* Runs inside atl_wheel_advance(), which it must not call itself. */
typedef void (*atl_timer_fn)(struct atl_timer *timer);

/* In its owner's storage; zeroed or initialised by atl_timer_init(). */
struct atl_timer {
    struct atl_link link; /* next == NULL or itself: not on the wheel */
    uint64_t tick; /* when it fires; not before the `now` of its adding */
    atl_timer_fn fn;
};

struct atl_wheel {
    uint64_t now;                    /* the tick of the last advance */
    uint64_t used[ATL_WHEEL_LEVELS]; /* bit: that slot holds timers */
    struct atl_link slot[ATL_WHEEL_LEVELS][ATL_WHEEL_SLOTS];
    struct atl_link due; /* added at or before `now` */
    uint64_t count;      /* timers on the wheel */
};

void atl_timer_init(struct atl_timer *timer);
bool atl_timer_is_active(const struct atl_timer *timer);

void atl_wheel_init(struct atl_wheel *w, uint64_t now);

/* Put `timer` on the wheel; one that is there already is moved. */
void atl_wheel_add(struct atl_wheel *w, struct atl_timer *timer, uint64_t tick,
                   atl_timer_fn fn);

/*
 * Take `timer` off; harmless if it isn't on.  Its callback will not run, also
 * if it is due in the advance that is going on.
 */
void atl_wheel_remove(struct atl_wheel *w, struct atl_timer *timer);

/*
 * A tick at which to advance next: never later than the earliest timer's,
 * perhaps earlier (when a coarse slot must be spread over finer ones).
 * UINT64_MAX if the wheel is empty.  Asked by a callback, it leaves out what
 * the advance that is going on has yet to run.
 */
uint64_t atl_wheel_next(const struct atl_wheel *w);

/*
 * The tick at which the first timer fires, UINT64_MAX without one.  Takes time
 * in proportion to the timers that fire at about that time.
 */
uint64_t atl_wheel_first(const struct atl_wheel *w);

/*
 * Move to tick `now` and run what is due; returns how many ran.  A `now`
 * before the present tick counts as the present one.  The cost is that of the
 * timers which are met, not of the time that has passed.
 */
uint64_t atl_wheel_advance(struct atl_wheel *w, uint64_t now);

#endif
