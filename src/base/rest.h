/* rest.h - how a thread rests, and is woken by a system call only if it does.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_REST_H
#define ATL_BASE_REST_H

#include <stdatomic.h>
#include <stdint.h>

struct atl_rest {
    _Atomic uint32_t how; /* a futex; ATL_AWAKE, or what its owner means */
};

#define ATL_AWAKE 0

/*
 * In the thread: first say how it is going to rest, then look once more for
 * what it could have missed, then wait, at most `ms` milliseconds (0: without
 * a limit).  It returns at once if somebody has called atl_rest_wake() since.
 */
void atl_rest_say(struct atl_rest *r, uint32_t how);
void atl_rest_wait(struct atl_rest *r, uint32_t how, unsigned ms);

/* How it rests; seen by whoever has changed something before this. */
uint32_t atl_rest_how(struct atl_rest *r);

/* From anywhere, a signal handler too. */
void atl_rest_wake(struct atl_rest *r);

/* Sleep; any thread, a signal handler too. */
void atl_rest_us(unsigned us);

#endif
