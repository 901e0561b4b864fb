/* thread.c - module atlas.thread.core: calls in other threads.
 * SPDX-License-Identifier: MIT
 *
 * A call's arguments are copied when the pool has room for it; while it hasn't,
 * they wait with their task.  So what waits for threads takes no memory of its
 * own, however many tasks call.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "bind/init.h"
#include "bind/rt/worker.h"
#include "lua/args.h"
#include "lua/copy.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "lua/trace.h"

#define THREADS_TYPE "atlas.Threads"
#define MAX_QUEUED 64 /* calls beyond those that all threads have */
#define NS_PER_S 1e9
#define MAX_GRACE 1e9 /* seconds */

/* What a VM keeps of its threads; freed by the userdata that points to it. */
struct atl_threads {
    struct atl_vm *vm;
    struct atl_offload *pool; /* NULL: not needed yet, or closed */
    struct atl_call *spare;   /* being filled, or for the next one */
    int package;              /* references: package, */
    int read, write_packed;   /* functions */
};

/* A task that waits: for room, then for its call. */
struct atl_thread_op {
    struct atl_wait wait;
    struct atl_threads *threads;
    struct atl_call *call; /* NULL: it stands in line */
    struct atl_turn turn;
    int packed; /* reference: what it was called with, while it does */
};

/* --- the pool --- */

static void *
open_worker(void *data, unsigned number)
{
    return atl_worker_new(number, (size_t)(uintptr_t)data);
}

static void
close_worker(void *local)
{
    atl_worker_free(local);
}

static int
open_pool(struct atl_threads *threads)
{
    const struct atl_thread_limits *limits = &threads->vm->thread_limits;
    struct atl_offload_options o = {
        .name = "atlas-thread",
        .threads = limits->threads > 0 ? limits->threads
                                       : atl_offload_default_threads(),
        .max_queued = MAX_QUEUED,
        .stack_size = ATL_THREAD_STACK_SIZE,
        .open = open_worker,
        .close = close_worker,
        .data = (void *)(uintptr_t)limits->memory,
    };

    if (threads->pool != NULL)
        return 0;
    return atl_offload_open(&threads->pool, &threads->vm->loop, &o);
}

/* lua_close: the last chance for what still runs. */
static int
m_gc(lua_State *L)
{
    struct atl_threads **owned = lua_touserdata(L, 1), *threads = *owned;
    unsigned left;

    if (threads == NULL)
        return 0;
    *owned = NULL;
    threads->vm->threads = NULL;
    if (threads->pool != NULL &&
        (left = atl_offload_close(threads->pool, threads->vm->end_ns)) > 0)
        atl_log(ATL_LOG_WARN,
                "%u call%s in threads had not returned when the process ended",
                left, left == 1 ? "" : "s");
    if (threads->spare != NULL)
        atl_call_free(threads->spare);
    atl_free(threads);
    return 0;
}

/* --- the call goes out --- */

static struct atl_call *
get_spare(struct atl_threads *threads)
{
    if (threads->spare == NULL)
        threads->spare = atl_call_new();
    threads->spare->in.len = 0;
    return threads->spare;
}

static void
push_package_field(lua_State *L, const struct atl_threads *threads,
                   const char *name)
{
    atl_vm_push(L, threads->package);
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/*
 * Write what is on the stack of L, all of it, and where modules are, to the
 * spare call.  Returns 0; otherwise `text` says which argument is bad.
 */
static int
write_arguments(lua_State *L, struct atl_threads *threads, char *text,
                size_t size)
{
    struct atl_call *call = get_spare(threads);
    struct atl_copy_fault fault;
    int err;

    luaL_checkstack(L, 8, "thread");
    push_package_field(L, threads, "cpath");
    lua_insert(L, 1);
    push_package_field(L, threads, "path");
    lua_insert(L, 1);
    err = atl_copy_write(L, threads->vm, 1, lua_gettop(L), &call->in, &fault);
    if (err == 0)
        return 0;
    if (fault.value <= 2)
        snprintf(text, size, "package.%s: %s",
                 fault.value == 1 ? "path" : "cpath", fault.text);
    else
        snprintf(text, size, "bad argument #%d to 'thread' (%s)",
                 fault.value - 2, fault.text);
    return err;
}

static const struct atl_job_ops call_ops;

/* Hand over the spare call, which is written.  0, or a negative code. */
static int
submit(struct atl_threads *threads, struct atl_call **call_out)
{
    const struct atl_lua_task *t = atl_sched_current(threads->vm);
    struct atl_call *call = threads->spare;
    int err;

    call->job.ops = &call_ops;
    call->op = NULL;
    if (t != NULL)
        call->request = t->request;
    if ((err = atl_offload_submit(threads->pool, &call->job)) != 0)
        return err;
    threads->spare = NULL;
    *call_out = call;
    return 0;
}

/* --- it comes back --- */

/*
 * read(call) -> what the waiting task is resumed with: the results, or what
 * makes its wrapper raise.
 */
static int
f_read(lua_State *L)
{
    struct atl_call *call = lua_touserdata(L, 1);
    struct atl_vm *vm = ATL_VM(L);

    lua_settop(L, 0);
    if (call->out.len > 0 && !call->failed)
        return atl_copy_read(L, vm, call->out.data);
    atl_push_raise(L, ATL_RAISE_ERROR);
    if (call->out.len > 0) {
        atl_copy_read(L, vm, call->out.data);
    } else {
        lua_pushliteral(L, "not enough memory in the thread");
        lua_pushliteral(L, "in another thread");
    }
    lua_pushboolean(L, 1); /* this task's own stack follows */
    return 5;
}

/*
 * The task of `op` goes on with the `count` values on top of the main state, or
 * with the error of that `status` there, at which reading them has ended.
 */
static void
wake(struct atl_thread_op *op, int status, int count)
{
    lua_State *L = op->threads->vm->L, *co = atl_wait_stack(&op->wait);

    lua_checkstack(co, count + 8);
    if (status != LUA_OK) {
        count = 3;
        atl_push_raise(co, ATL_RAISE_ERROR);
        lua_xmove(L, co, 1);
    } else {
        lua_xmove(L, co, count);
    }
    atl_wake(&op->wait, count);
}

static void
on_done(struct atl_job *job)
{
    struct atl_call *call = ATL_OWNER(job, struct atl_call, job);
    struct atl_thread_op *op = call->op;
    lua_State *L = op->threads->vm->L;
    int status, top = lua_gettop(L);

    atl_vm_push(L, op->threads->read);
    lua_pushlightuserdata(L, call);
    status = lua_pcall(L, 1, LUA_MULTRET, 0);
    atl_call_free(call);
    wake(op, status, lua_gettop(L) - top);
}

static void
drop(struct atl_job *job)
{
    atl_call_free(ATL_OWNER(job, struct atl_call, job));
}

static void
run(struct atl_job *job, void *local)
{
    atl_worker_run(local, ATL_OWNER(job, struct atl_call, job));
}

static const struct atl_job_ops call_ops = {run, on_done, drop};

/* --- a task waits --- */

static void
cancel(struct atl_wait *wait)
{
    struct atl_thread_op *op = ATL_OWNER(wait, struct atl_thread_op, wait);

    if (op->call != NULL) {
        atl_offload_cancel(&op->call->job);
    } else {
        atl_offload_leave_turn(op->threads->pool, &op->turn);
        luaL_unref(op->threads->vm->L, LUA_REGISTRYINDEX, op->packed);
    }
}

static const struct atl_wait_kind calling = {"thread", cancel};

/*
 * write_packed(op): its arguments, to the spare call.  Raises what the waiting
 * task is to raise.
 */
static int
f_write_packed(lua_State *L)
{
    struct atl_thread_op *op = lua_touserdata(L, 1);
    char where[LUA_IDSIZE + 16] = "?", text[320];
    int i, count;

    lua_settop(L, 0);
    atl_vm_push(L, op->packed);
    lua_rawgeti(L, 1, 0);
    count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    luaL_checkstack(L, count + 8, "thread");
    for (i = 1; i <= count; i++)
        lua_rawgeti(L, 1, i);
    lua_remove(L, 1);
    if (write_arguments(L, op->threads, text, sizeof(text)) == 0)
        return 0;
    (void)atl_trace_where((struct atl_lua_task *)op->wait.task, where,
                          sizeof(where));
    lua_pushfstring(L, "%s: %s", where, text);
    return lua_error(L);
}

/* There is room for the call that has waited longest. */
static void
on_turn(struct atl_turn *turn)
{
    struct atl_thread_op *op = ATL_OWNER(turn, struct atl_thread_op, turn);
    struct atl_threads *threads = op->threads;
    lua_State *L = threads->vm->L;
    int err, status;

    atl_vm_push(L, threads->write_packed);
    lua_pushlightuserdata(L, op);
    status = lua_pcall(L, 1, 0, 0);
    luaL_unref(L, LUA_REGISTRYINDEX, op->packed);
    if (status != LUA_OK) {
        wake(op, status, 1);
        return;
    }
    threads->spare->request = ((struct atl_lua_task *)op->wait.task)->request;
    if ((err = submit(threads, &op->call)) == 0) {
        op->call->op = op;
        return;
    }
    lua_pushfstring(L, "cannot start a thread: %s", atl_err_text(err));
    wake(op, LUA_ERRRUN, 1);
}

/* Stand in line, with all that is on the stack of L. */
static struct atl_thread_op *
stand_in_line(lua_State *L, struct atl_threads *threads)
{
    struct atl_thread_op *op;
    int i, packed, count = lua_gettop(L);

    luaL_checkstack(L, 4, "thread");
    lua_createtable(L, count, 1);
    for (i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
    lua_pushinteger(L, count);
    lua_rawseti(L, -2, 0);
    packed = luaL_ref(L, LUA_REGISTRYINDEX);
    op = atl_task_op(L, sizeof(*op), &calling);
    op->packed = packed;
    op->threads = threads;
    op->turn.fn = on_turn;
    atl_offload_take_turn(threads->pool, &op->turn);
    return op;
}

static struct atl_threads *get_threads(lua_State *L, struct atl_vm *vm);

static void
check_name(lua_State *L, int arg)
{
    if (lua_type(L, arg) != LUA_TSTRING)
        atl_arg_type_error(L, arg, "string");
}

/* thread(module, name, ...) -> ... */
static int
f_thread(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_threads *threads;
    struct atl_thread_op *op;
    struct atl_call *call;
    char text[320];
    int err, pushed;

    check_name(L, 1);
    check_name(L, 2);
    if (lua_gettop(L) > ATL_MAX_VALUES)
        return atl_raise(L, "too many values: %d, at most %d", lua_gettop(L),
                         ATL_MAX_VALUES);
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    threads = get_threads(L, vm);
    if ((err = open_pool(threads)) != 0)
        return atl_raise(L, "cannot start threads: %s", atl_err_text(err));
    if (!atl_offload_has_room(threads->pool))
        return atl_await(L, &stand_in_line(L, threads)->wait);
    if (write_arguments(L, threads, text, sizeof(text)) != 0)
        return atl_raise(L, "%s", text);
    if ((err = submit(threads, &call)) != 0)
        return atl_raise(L, "cannot start a thread: %s", atl_err_text(err));
    op = atl_task_op(L, sizeof(*op), &calling);
    op->threads = threads;
    op->call = call;
    call->op = op;
    return atl_await(L, &op->wait);
}

/* --- settings, and the end --- */

/* set_classes(list): see atl_copy_classes(). */
static int
f_set_classes(lua_State *L)
{
    atl_arg_table(L, 1);
    atl_copy_classes(L, ATL_VM(L), 1);
    return 0;
}

/* configure(threads, memory): before the first call; nil: the default. */
static int
f_configure(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    lua_Number threads = luaL_optnumber(L, 1, 0);
    lua_Number memory = luaL_optnumber(L, 2, 0);

    if (vm->threads != NULL && vm->threads->pool != NULL)
        return atl_raise(L, "threads have been started already");
    if (!(threads >= 0 && threads <= ATL_OFFLOAD_MAX_THREADS))
        return atl_arg_error(L, 1, "1 to 256 expected");
    vm->thread_limits.threads = (unsigned)threads;
    vm->thread_limits.memory = (size_t)memory;
    return 0;
}

/* grace(seconds): so long what runs in threads may take from now on. */
static int
f_grace(lua_State *L)
{
    lua_Number seconds = atl_arg_number(L, 1);

    if (!(seconds >= 0 && seconds <= MAX_GRACE))
        return atl_arg_error(L, 1, "seconds from 0 to 1e9 expected");
    ATL_VM(L)->end_ns = uv_hrtime() + (uint64_t)(seconds * NS_PER_S);
    return 0;
}

static void
set_count(lua_State *L, const char *name, unsigned count)
{
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

/* counts() -> what is with the threads just now; for tests. */
static int
f_counts(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_offload_counts c = {0};

    if (vm->threads != NULL && vm->threads->pool != NULL)
        atl_offload_count(vm->threads->pool, &c);
    lua_newtable(L);
    set_count(L, "threads", c.threads);
    set_count(L, "running", c.running);
    set_count(L, "queued", c.queued);
    set_count(L, "turns", c.turns);
    return 1;
}

/* --- the module --- */

static const struct atl_reg functions[] = {
    {"thread", f_thread, AWAITS},  {"set_classes", f_set_classes, 0},
    {"configure", f_configure, 0}, {"grace", f_grace, 0},
    {"counts", f_counts, 0},       {NULL, NULL, 0},
};

static int
make_ref(lua_State *L, struct atl_vm *vm, lua_CFunction fn)
{
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, fn, 1);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* What the first call makes; it lives as long as the VM. */
static struct atl_threads *
get_threads(lua_State *L, struct atl_vm *vm)
{
    struct atl_threads **owned, *threads;

    if (vm->threads != NULL)
        return vm->threads;
    owned = atl_newuserdata(L, sizeof(struct atl_threads *));
    *owned = NULL;
    if (luaL_newmetatable(L, THREADS_TYPE)) {
        lua_pushcfunction(L, m_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    *owned = threads = atl_calloc(1, sizeof(*threads));
    threads->vm = vm;
    luaL_ref(L, LUA_REGISTRYINDEX);
    threads->read = make_ref(L, vm, f_read);
    threads->write_packed = make_ref(L, vm, f_write_packed);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_getfield(L, -1, "package");
    threads->package = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
    vm->threads = threads;
    return threads;
}

int
luaopen_atlas_thread(lua_State *L)
{
    lua_newtable(L);
    atl_reg_set(L, ATL_VM(L), functions);
    return 1;
}
