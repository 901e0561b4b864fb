/* watch.h - what the watchdog tells of Lua that blocks the loop.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_WATCH_H
#define ATL_LUA_WATCH_H

#include <stdbool.h>

#include "lua/vm.h"
#include "rt/watchdog.h"

/*
 * Called by atl_vm_new(), before anything has taken coroutine.resume: where
 * hooks are not global, that has to tell which coroutine runs.
 */
void atl_watch_open(struct atl_vm *vm);

/*
 * Log what keeps the loop of `vm`, which belongs to the calling thread, from
 * polling for `block_ms` (at most ATL_MAX_BLOCK_MS; 0: don't): the task and,
 * when Lua runs on in it, its stack.  Without `alone` a task that no other
 * task and no I/O waits for may block it.  Returns 0 or a negative code.
 */
int atl_watch_start(struct atl_vm *vm, unsigned block_ms, bool alone)
    __attribute__((warn_unused_result));
void atl_watch_stop(struct atl_vm *vm);

/* For the only callers of lua_resume: take back the hook on vm->hooked. */
void atl_watch_unhook(struct atl_vm *vm);

#endif
