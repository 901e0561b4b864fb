/* alarm.h - ends libuv's poll at a point in time, exactly.
 * SPDX-License-Identifier: MIT
 *
 * libuv's own timers count whole milliseconds and round up, so that what they
 * wake is up to one late.  On Linux this is a timerfd, which costs a system
 * call when it is set: so it is set only if it has rung, or to ring earlier.
 * Elsewhere it is a libuv timer.
 *
 * Laws:
 * 1. The poll ends at `due_ns` or earlier, never later.  Whoever polls looks
 *    at the clock and sets the alarm again.
 * 2. It keeps the loop alive from its setting to its ringing, and only then.
 */
#ifndef ATL_RT_ALARM_H
#define ATL_RT_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#define ATL_ALARM_NEVER UINT64_MAX

struct atl_alarm {
    uint64_t rings_ns; /* when it will; it may have been set to later since */
    bool holds;        /* it keeps the loop alive */
#ifdef __linux__
    uv_poll_t uv;
    int fd;
#else
    uv_timer_t uv;
#endif
};

/* Returns 0 or a negative code. */
int atl_alarm_open(struct atl_alarm *a, uv_loop_t *loop)
    __attribute__((warn_unused_result));

/* Is it the descriptor that it works with? */
bool atl_alarm_has(const struct atl_alarm *a, int fd);

/* `a` may be freed once the loop has run again. */
void atl_alarm_close(struct atl_alarm *a);

/*
 * Have the coming poll end at `due_ns` of uv_hrtime(); ATL_ALARM_NEVER: not by
 * the alarm, but for once if it was set before.
 */
void atl_alarm_set(struct atl_alarm *a, uint64_t due_ns);

#endif
