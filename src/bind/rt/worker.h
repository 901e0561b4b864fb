/* worker.h - a VM in another thread, and the calls that it is given.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_RT_WORKER_H
#define ATL_BIND_RT_WORKER_H

#include "base/buf.h"
#include "lua/vm.h"
#include "rt/offload.h"

#define ATL_THREAD_MAX_BYTES \
    ((size_t)64 << 20)                        /* of what is copied, each way */
#define ATL_THREAD_MEMORY ((size_t)256 << 20) /* kept from call to call */
#define ATL_THREAD_STACK_SIZE ((size_t)8 << 20)

/* One call. */
struct atl_call {
    struct atl_job job;
    struct atl_thread_op *op; /* the loop's: who waits for it */
    struct atl_buf in;        /* path, cpath, module, function, arguments */
    struct atl_buf out;       /* results; or the error and its traceback */
    uint64_t request;         /* for the log */
    bool failed;
};

struct atl_call *atl_call_new(void);
void atl_call_free(struct atl_call *call);

struct atl_worker;

/* On its thread; `memory` is of struct atl_thread_limits.  Never NULL. */
struct atl_worker *atl_worker_new(unsigned number, size_t memory);
void atl_worker_free(struct atl_worker *w);

/* Do it: call->in is freed, call->out and ->failed are set.  Never raises. */
void atl_worker_run(struct atl_worker *w, struct atl_call *call);

#endif
