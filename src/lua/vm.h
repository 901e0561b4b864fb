/* vm.h - one Lua state on one loop, and all that Atlas keeps for it.
 * SPDX-License-Identifier: MIT
 *
 * Every C function of ours has the VM as its first upvalue (ATL_VM), so that
 * nothing is global and a thread may have a VM of its own.
 */
#ifndef ATL_LUA_VM_H
#define ATL_LUA_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/compat.h"
#include "rt/loop.h"

struct atl_lua_task;
struct atl_threads;

/* References into the Lua registry, by luaL_ref. */
struct atl_vm_refs {
    int threads;        /* array: slot -> coroutine */
    int tasks;          /* array: slot -> task userdata */
    int xpcall;         /* the function that every coroutine runs */
    int on_error;       /* its message handler (trace.c) */
    int raise;          /* raise(kind, value, trace): never returns */
    int raiser;         /* raiser(fn): what AWAITS functions are wrapped in */
    int small_raiser;   /* the same for those that are SMALL, */
    int small_raiser_2; /* or SMALL_2 */
    int failed;         /* table: task pointer -> its userdata, while a failure
                           waits to be handled */
    int states;         /* table: coroutine -> what is with it (inner.h) */
    int run_deferred;   /* function (list), at the end of a task */
    int error_meta;     /* metatable of error objects */
    int cancelled_meta; /* metatable of Cancelled */
    int new_cancelled;  /* function (reason) -> Cancelled */
    int new_task_cancelled;
    int task_meta;    /* metatable of tasks */
    int copy_classes; /* metatables that values are copied with (copy.c) */
};

/* Task-local values that tasks share until one of them sets another. */
struct atl_var_set {
    uint32_t users; /* tasks, and functions that wait for a task's end */
    int values;     /* registry reference; while free: the next free set */
};

struct atl_vars {
    struct atl_var_set *sets; /* owned; set 0 is never used */
    int count, room;
    int free; /* the first; 0: none */
    int weak; /* registry reference: the metatable of sets */
};

/* JSON's part of the VM (json.h): references, and what they refer to. */
struct atl_vm_json {
    int null_ref, array_ref, tojson_ref, scratch_ref;
    const void *null;  /* the sentinel */
    const void *array; /* the metatable of arrays */
    struct atl_json_scratch *scratch;
};

/* Of the VMs that do work for this one in other threads; 0: the default. */
struct atl_thread_limits {
    unsigned threads;
    size_t memory; /* bytes that one of them may keep from call to call */
};

#define ATL_MAX_SOURCES 1024 /* chunk names kept for "spawned at" */

/* A coroutine and, unless Lua has seen it, the task that goes with it. */
struct atl_slot {
    lua_State *co;             /* anchored in refs.threads; NULL: none */
    struct atl_lua_task *task; /* anchored in refs.tasks; NULL: none */
    int next;                  /* the next free slot; 0: none */
};

struct atl_vm {
    lua_State *L; /* the main state: for C that runs outside any task */
    /*
     * For the watchdog's signal handler (watch.c): the coroutine that runs
     * now, if it is known, and the one that has the watchdog's debug hook.
     */
    lua_State *volatile running;
    lua_State *volatile hooked;
    struct atl_watch *watch;   /* owned; NULL: nothing is watched */
    struct atl_tester *tester; /* of `atlas test`; NULL elsewhere */
    struct atl_loop loop;
    struct atl_vm_refs refs;
    struct atl_vm_json json;
    struct atl_slot *slots; /* owned; slot 0 is never used */
    int slot_count, slot_room;
    int idle; /* first free slot with a coroutine */
    int idle_count;
    int empty;         /* first free slot without one */
    bool inner_scopes; /* refs.states says so (inner.h) */
    unsigned live;     /* tasks that are not done */
    char **sources;    /* chunk names that tasks were spawned in (trace.c) */
    const char *last_source; /* of them, the one that was asked for last */
    uint32_t tasks;          /* started so far: the number of the next */
    struct atl_vars vars;
    struct atl_threads *threads; /* bind/rt/thread.c's; NULL: not used yet */
    struct atl_thread_limits thread_limits;
    uint64_t end_ns;  /* until then atl_vm_free() waits for work on threads */
    uint64_t request; /* of the work in hand, if it isn't a task's; 0: none */
    bool is_thread;   /* runs such work: its loop doesn't turn */
    struct atl_luv *luv; /* of bind/luv; NULL until it is asked for */
    /* Hooks for atl_vm_free(): before and behind lua_close(). */
    struct atl_link before_close, after_close;
};

/* The VM of a C function that was registered through atl_reg. */
#define ATL_VM(L) ((struct atl_vm *)lua_touserdata((L), lua_upvalueindex(1)))

/*
 * Make a VM with the standard library, Atlas's modules in package.preload and
 * its own package.path.  Returns 0 or a negative code; on success end it with
 * atl_vm_free().
 */
int atl_vm_new(struct atl_vm **vm_out) __attribute__((warn_unused_result));
void atl_vm_free(struct atl_vm *vm);

/* Push refs[...]: a shorthand. */
static inline void
atl_vm_push(lua_State *L, int ref)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

#endif
