/* tester.h - what `atlas test` has of its VM: the clock, the order, a limit.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. At most one task is guarded.  Its time limit is one of real time.
 * 2. A guarded task that takes too long, or waits for what cannot come, is
 *    cancelled, shields notwithstanding.  If it goes on nevertheless, or keeps
 *    the loop from turning, the process ends with a message.
 */
#ifndef ATL_BIND_RT_TESTER_H
#define ATL_BIND_RT_TESTER_H

#include "lua/sched.h"
#include "rt/virtual.h"

struct atl_tester {
    struct atl_vm *vm;
    struct atl_virtual time;
    struct atl_stress order;
    uint64_t limit_ns;            /* of the guarded task, in uv_hrtime() */
    uv_timer_t limit;             /* ends the poll then; not ref'd */
    struct atl_lua_task *guarded; /* or NULL */
    const char *ended_by;         /* "timeout", "deadlock"; NULL: by itself */
    int dump;                     /* registry reference: the task tree then */
};

/* Before the first task of `vm`; closed before atl_vm_free(). */
struct atl_tester *atl_tester_open(struct atl_vm *vm);
void atl_tester_close(struct atl_tester *t);

/* Guard `task`, called `name`, for `limit_ms` of real time. */
void atl_tester_guard(struct atl_tester *t, struct atl_lua_task *task,
                      const char *name, uint64_t limit_ms);

/* It has ended. */
void atl_tester_unguard(struct atl_tester *t);

/*
 * The loop has nothing more to do: true if that ends the guarded task, and the
 * loop can go on.
 */
bool atl_tester_on_deadlock(struct atl_tester *t);

#endif
