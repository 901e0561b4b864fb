/* luv.h - luv on the VM's own loop: what is active, callbacks, the end.
 * SPDX-License-Identifier: MIT
 *
 * luv is the library that Debian calls lua-luv.  It is opened when a script
 * requires it, and never linked.
 *
 * Laws:
 * 1. luv calls back in the main state, wherever it was required, and only from
 *    within a poll.
 * 2. A callback is a task that nobody owns.  What it does until it first waits
 *    happens inside libuv's call, as it would without Atlas.
 * 3. Of the loop's handles luv's are known by what their `data` points to, so
 *    that of every other handle is NULL or has room for a struct luv_handle.
 * 4. Nothing of luv's is left on the loop when the Lua state is closed.
 */
#ifndef ATL_BIND_LUV_LUV_H
#define ATL_BIND_LUV_LUV_H

#include <stdbool.h>

#include "lua/vm.h"

/* luv's functions for a host, version 1.44; of its C API only these. */
typedef int (*atl_luv_pcall_fn)(lua_State *L, int nargs, int nresults,
                                int flags);
struct atl_luv_api {
    void (*set_loop)(lua_State *L, uv_loop_t *loop);
    void (*set_callback)(lua_State *L, atl_luv_pcall_fn pcall);
    void *(*context)(lua_State *L);
    lua_CFunction open;
};

struct atl_luv {
    struct atl_vm *vm;
    struct atl_luv_api api;
    void *context;          /* luv's, which its handles point to; NULL: none */
    struct atl_link runs;   /* those who wait in run(), the oldest first */
    struct atl_hook watch;  /* while there are any */
    struct atl_hook before; /* the VM's end */
    struct atl_hook after;
    uv_loop_t *grave; /* owned; where what finalizers still open goes */
    uint64_t called;  /* callbacks so far */
    unsigned busy;    /* those whose tasks haven't ended */
    unsigned inside;  /* of them, those that wait in run() themselves */
    int module;       /* registry reference: what require returns */
    int witness;      /* the same: a handle that was active when last seen */
    bool has_witness; /* there is one */
    bool has_run;     /* somebody has called run() */
    bool stopped;     /* stop() was called, and nobody has noticed yet */
    bool finishing;   /* the main task has ended, luv hasn't */
    bool calling;     /* a callback runs that hasn't waited yet */
    bool closing;     /* the VM ends: nothing is called any more */
};

/* The VM's, made on demand: by that luv isn't opened yet. */
struct atl_luv *atl_luv_of(struct atl_vm *vm);

/* Has luv's part of the loop anything active: handles with a reference that
 * are active or being closed, requests? */
bool atl_luv_is_active(struct atl_luv *luv);

/* Is there a handle of luv's, active or not? */
bool atl_luv_has_handles(struct atl_luv *luv);

/* Push a list of luv's handles, the oldest first. */
void atl_luv_push_handles(lua_State *L, struct atl_luv *luv);

/* luv's luv_CFpcall: calls the function below `nargs` arguments on `L`. */
int atl_luv_call(lua_State *L, int nargs, int nresults, int flags);

/* From now on the VM's end closes what luv has opened. */
void atl_luv_close_at_end(struct atl_luv *luv);

/*
 * The main task has ended: turn the loop until nothing of luv's is active and
 * no callback runs, or until uv.stop().  At once if there is no luv, or if
 * somebody has called uv.run(): they have waited as long as they wanted.
 */
void atl_luv_finish(struct atl_vm *vm);

/* A callback ran, or a turn has passed: who waits in run() may go on. */
void atl_luv_look(struct atl_hook *hook);

#endif
