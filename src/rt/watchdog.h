/* watchdog.h - a thread that tells what keeps the loop from polling.
 * SPDX-License-Identifier: MIT
 *
 * The loop counts its pieces of work (loop->beat): each resume of a task, the
 * hooks at a turn's end, the callbacks of a poll.  The thread looks at the
 * count four times within `block_ms`; if it stays the same for all of them,
 * that piece blocks the loop.  A signal then has the loop's own thread say
 * what it is doing, and the watchdog logs it while that goes on.
 *
 * Laws:
 * 1. While the loop waits for I/O, the thread sleeps without a timeout.
 * 2. A block is reported once, and one within a second; others are counted.
 *    Its length is logged when it has ended.
 * 3. Time in which the whole process was stopped doesn't count.
 * 4. The thread takes no signal of the process, and touches nothing of the
 *    loop but its beat.
 */
#ifndef ATL_RT_WATCHDOG_H
#define ATL_RT_WATCHDOG_H

#include <stddef.h>

#include "rt/loop.h"

#define ATL_BLOCK_MS 50 /* the default */
#define ATL_MAX_BLOCK_MS 3600000

/*
 * Say what the loop is doing: runs on its thread, in a signal handler, between
 * any two instructions of it.  Write at most `room` bytes; returns how many.
 * 0: what blocks here harms nobody, and isn't reported.  *request_out, which
 * is 0, may become the serial number of the request it is done for.
 */
typedef size_t (*atl_describe_fn)(struct atl_loop *loop, char *out, size_t room,
                                  uint64_t *request_out);

/*
 * Watch `loop`, which belongs to the calling thread, from now on.  `block_ms`
 * is from 1 to ATL_MAX_BLOCK_MS.  Returns 0 or a negative code.
 */
int atl_watchdog_start(struct atl_loop *loop, unsigned block_ms,
                       atl_describe_fn describe)
    __attribute__((warn_unused_result));

/* Log what there is to log, and end the thread; harmless if there is none. */
void atl_watchdog_stop(struct atl_loop *loop);

/*
 * From the loop's thread: a text for the log that belongs to the block that
 * was described last, such as a traceback.  It is freed by the watchdog.
 */
void atl_watchdog_tell(struct atl_loop *loop, char *text);

/* For the loop: it has left a poll. */
void atl_watchdog_rouse(struct atl_watchdog *w);

#endif
