/* sched.h - tasks that are coroutines: the only caller of lua_resume.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Every coroutine runs xpcall.  When that has returned it is used again;
 *    one that died is dropped.
 * 2. A task's userdata exists from its start.  If Lua never saw it, it is
 *    used again with its coroutine.
 * 3. Results and errors stay on the task's own stack until somebody takes
 *    them, or the task is collected.
 */
#ifndef ATL_LUA_SCHED_H
#define ATL_LUA_SCHED_H

#include <stdbool.h>

#include "lua/vm.h"
#include "rt/task.h"

#define ATL_TASK_TYPE "atlas.Task"
#define ATL_MAX_VALUES                                      \
    5000 /* arguments, or results, of one task or callback: \
            LuaJIT's C stack has room for 8,000 */

/*
 * A task has ended: runs once, on the loop's top level, before the task can
 * be used again.  With `failed` the error stands on top of `L`, which is the
 * task's own stack; otherwise `count` results do.  What it leaves is dropped.
 */
typedef void (*atl_task_end_fn)(struct atl_lua_task *t, lua_State *L,
                                bool failed, int count);

/*
 * Something that a task has and should give back before its body ends: a lock,
 * an open group.  `lost` is called if it hasn't: when the body has ended, and
 * again behind the deferred functions; it may leave it linked the first time,
 * while t->has_deferred.
 */
struct atl_held {
    struct atl_link link; /* t->held */
    void (*lost)(struct atl_held *held, struct atl_lua_task *t);
};

/* A line of Lua: its chunk's short name lives as long as the VM. */
struct atl_site {
    const char *source; /* NULL: not known */
    int line;
};

/*
 * What the task does, as "GET /path", for the watchdog: writes at most `room`
 * bytes and returns how many.  It runs in a signal handler on the loop's
 * thread, between any two instructions: it may only read.
 */
typedef size_t (*atl_task_describe_fn)(const struct atl_lua_task *t, char *out,
                                       size_t room);

/*
 * The body has returned, or raised with `failed`: its `count` values are on
 * top of `L`, the task's own stack, which isn't running, so that nothing may
 * be raised here.  -1: the body is over, with what is on the stack.  Or it
 * leaves xpcall, a function and its arguments on the stack, above the anchor,
 * for the task to go on with, and returns how many arguments.
 */
typedef int (*atl_task_return_fn)(struct atl_lua_task *t, lua_State *L,
                                  bool failed, int count);

struct atl_lua_task {
    struct atl_task task; /* first: the loop's current task is cast */
    struct atl_vm *vm;
    lua_State *co;                 /* of the slot; NULL once the task is done */
    atl_task_end_fn on_end;        /* whoever started it from C, or NULL */
    atl_task_return_fn on_return;  /* the same one\'s, or NULL */
    void *data;                    /* the same one's */
    uint64_t request;              /* serial of the one it works for; 0: none */
    atl_task_describe_fn describe; /* the same one's, or NULL; see above */
    const char *name;              /* among its values, or NULL */
    struct atl_site site;          /* the line that spawned it */
    struct atl_link held;          /* struct atl_held */
    struct atl_link observers;     /* functions for its end (outcome.c) */
    int vars;                      /* task-local values (vars.h); 0: none */
    int slot;
    int count;       /* results on co's stack, once the body has ended */
    uint32_t number; /* for people */
    bool has_anchor; /* the stack begins with a value that is its starter's */
    bool exposed;    /* Lua has seen the userdata */
    bool is_frame;   /* of a runner of tests: no trace or tree shows it */
    bool body_ended;
    bool failed;       /* the one result is an error */
    bool cancelled;    /* which is of class Cancelled */
    bool handled;      /* which has been given to somebody */
    bool has_deferred; /* functions to run when it ends, among its values */
    bool deferring;    /* they run; meanwhile the outcome is kept: */
    bool saved_failed;
    int saved_count;
    bool trace_is_whole;  /* the inherited traceback needs nothing added */
    bool has_values;      /* its user value is a table of its own */
    bool thread_is_known; /* Lua has seen `co` (inner.h) */
};

/* Called by atl_vm_new(), and by atl_vm_free() behind lua_close(). */
int atl_sched_open(struct atl_vm *vm);
void atl_sched_close(struct atl_vm *vm);

/*
 * A task that isn't queued yet, owned by `owner`, its scope below `scope`.
 * `L` is the running state, or the main one outside any task.
 * Push a function and its arguments to (*t)->co, then atl_sched_start().
 */
struct atl_lua_task *atl_sched_take(struct atl_vm *vm, lua_State *L,
                                    struct atl_owner *owner,
                                    struct atl_scope *scope);

/*
 * The same for a function and its `nargs` arguments, which stand on top of L:
 * the task is ready to be queued, and its userdata stands in their place.
 */
struct atl_lua_task *atl_sched_spawn(struct atl_vm *vm, lua_State *L, int nargs,
                                     struct atl_owner *owner,
                                     struct atl_scope *scope);

/* A task that is owned by nobody: a request's, the main one. */
static inline struct atl_lua_task *
atl_sched_take_root(struct atl_vm *vm, lua_State *L)
{
    return atl_sched_take(vm, L, &vm->loop.roots, &vm->loop.root);
}

/*
 * `nargs` arguments stand above the function on t->co: make it ready to be
 * queued, or queue it at once.
 */
void atl_sched_prepare(struct atl_lua_task *t, int nargs);
void atl_sched_start(struct atl_lua_task *t, int nargs);

/* The task that runs now, or NULL. */
static inline struct atl_lua_task *
atl_sched_current(struct atl_vm *vm)
{
    return (struct atl_lua_task *)vm->loop.current;
}

/* The task that is argument `arg`: raises if it isn't one. */
struct atl_lua_task *atl_arg_task(lua_State *L, int arg);

/* Push the userdata of `t`. */
void atl_sched_push(lua_State *L, struct atl_lua_task *t);

/*
 * Raise unless the caller can wait here: in a task, where the VM can yield.
 * Returns the task.
 */
struct atl_lua_task *atl_check_task_only(lua_State *L);

/*
 * The same for a function that AWAITS, before it starts anything: 0 if the
 * task may wait.  In a cancelled scope it returns how many values it has
 * pushed, which the function returns at once; its Lua wrapper then raises.
 */
int atl_check_task(lua_State *L) __attribute__((warn_unused_result));

/* The same; tells which task it is, so that atl_wait_new() needs no search. */
int atl_check_which(lua_State *L, struct atl_task **task_out)
    __attribute__((warn_unused_result));

/* A pooled operation of the running task; see rt/task.h. */
void *atl_task_op(lua_State *L, size_t size, const struct atl_wait_kind *kind);

/* Suspend the running task until `wait` has ended; return what it returns. */
int atl_await(lua_State *L, struct atl_wait *wait);

/*
 * The same, until the turn behind the next poll for I/O; `task` is the running
 * one.  The result is true.
 */
int atl_await_turn(lua_State *L, struct atl_task *task);

/* The stack on which a finisher pushes the results of `wait`. */
static inline lua_State *
atl_wait_stack(struct atl_wait *wait)
{
    return ((struct atl_lua_task *)wait->task)->co;
}

/*
 * A task's own table (name, error, results, traceback), made on demand; it is
 * the user value of the userdata.  set pops the value; get pushes it, or nil.
 */
void atl_task_push_userdata(lua_State *L, struct atl_lua_task *t);
void atl_task_push_values(lua_State *L, struct atl_lua_task *t, bool make);
void atl_task_set_value(lua_State *L, struct atl_lua_task *t, const char *key);
void atl_task_get_value(lua_State *L, struct atl_lua_task *t, const char *key);

/* The same for the userdata at `index`, which need not be anchored. */
void atl_task_set_value_of(lua_State *L, int index, const char *key);
void atl_task_get_value_of(lua_State *L, int index, const char *key);

/* Give the task whose userdata is at `index` the popped string for a name. */
void atl_task_set_name(lua_State *L, int index);

/* Have the function at 1 run when `t` ends, in reverse order. */
void atl_task_defer(lua_State *L, struct atl_lua_task *t);

/*
 * For lua/outcome.c: the empty stack of `t`, ready for another function to be
 * run by atl_sched_start().  A coroutine that died is replaced.
 */
lua_State *atl_sched_fresh_stack(struct atl_lua_task *t);

/* Give back the coroutine of a task that is done; for lua/outcome.c. */
void atl_sched_recycle(struct atl_lua_task *t);

#endif
