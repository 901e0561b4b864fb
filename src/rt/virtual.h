/* virtual.h - a clock of which a test has the say: time that jumps.
 * SPDX-License-Identifier: MIT
 *
 * While it is on, time stands still as long as anything can be done, and then
 * jumps to the next timer.
 *
 * Laws:
 * 1. It never goes back, and is never taken from its loop: when it is off, it
 *    goes on at the pace of the machine's, ahead of it or behind.
 * 2. Time jumps only if no task is ready, poll has nothing, and nothing is in
 *    flight that ends by itself: a file, a name that is looked up, work on a
 *    thread, a child process, a timer of libuv's that doesn't repeat.
 * 3. What waits for a peer (a read, a listener, a write that is stuck) may
 *    wait for ever: it keeps time from jumping for `patience_ns` of real time.
 * 4. Code that waits for nothing, and only looks at the time again and again,
 *    sees it go on: such a loop ends.
 */
#ifndef ATL_RT_VIRTUAL_H
#define ATL_RT_VIRTUAL_H

#include "rt/loop.h"

#define ATL_PATIENCE_NS UINT64_C(10000000) /* the default */

struct atl_virtual {
    struct atl_clock clock; /* first: it is cast */
    struct atl_loop *loop;
    uint64_t now_ns;      /* while it is on */
    uint64_t ahead_ns;    /* of uv_hrtime(), while it is off; it may wrap */
    uint64_t patience_ns; /* see law 3 */
    uint64_t jumped_ns;   /* by which time has jumped, in all */
    uint64_t beat;        /* of the loop, when time was read last */
    unsigned readings;    /* of the same time, since then */
    bool on;
};

/* Make it the clock of `loop`, off: before any timer has started. */
void atl_virtual_init(struct atl_virtual *v, struct atl_loop *loop);

/* On: time stands at the next whole second. */
void atl_virtual_start(struct atl_virtual *v, uint64_t patience_ns);

/* Off: time goes on from where it stands. */
void atl_virtual_stop(struct atl_virtual *v);

/*
 * What keeps time from jumping now, for people: "a file, ..."; NULL if nothing
 * does.  Static storage.
 */
const char *atl_virtual_held_by(const struct atl_loop *loop);

#endif
