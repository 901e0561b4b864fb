/* tester.c - what `atlas test` has of its VM.  See tester.h.
 * SPDX-License-Identifier: MIT
 */
#include "bind/rt/tester.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "lua/dump.h"

#define NS_PER_MS UINT64_C(1000000)
#define LAST_MS 5000 /* from the cancellation to the end of our patience */

/* --- a loop that doesn't turn --- */

static char stuck[512]; /* what the handler says */

/* Nothing else can end Lua, or C, that never waits. */
static void
on_alarm(int number)
{
    (void)number;
    (void)!write(STDERR_FILENO, stuck, strlen(stuck));
    _exit(1);
}

/* 0 ms: no alarm. */
static void
set_alarm(uint64_t ms)
{
    struct itimerval at = {
        .it_value = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)},
    };

    (void)setitimer(ITIMER_REAL, &at, NULL);
}

static void
catch_alarm(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    (void)sigaction(SIGALRM, &action, NULL);
}

/* --- the guarded task --- */

static void
end_task(struct atl_tester *t, const char *by)
{
    lua_State *L = t->vm->L;

    t->ended_by = by;
    atl_dump_push(L, t->vm);
    t->dump = luaL_ref(L, LUA_REGISTRYINDEX);
    atl_scope_cancel_all(&t->guarded->task.base);
}

static void on_limit(uv_timer_t *handle);

static void
set_limit(struct atl_tester *t, uint64_t ms)
{
    uv_update_time(&t->vm->loop.uv);
    uv_timer_start(&t->limit, on_limit, ms, 0);
    t->limit_ns = uv_hrtime() + ms * NS_PER_MS;
}

static void
look_at_limit(struct atl_tester *t)
{
    if (t->guarded == NULL || uv_hrtime() < t->limit_ns)
        return;
    if (t->ended_by == NULL) {
        end_task(t, "timeout");
        set_limit(t, LAST_MS);
        return;
    }
    atl_log(ATL_LOG_ERROR,
            "the test was cancelled, and goes on: there is no other end");
    exit(1);
}

static void
on_limit(uv_timer_t *handle)
{
    struct atl_tester *t = handle->data;

    atl_loop_woken(handle->loop);
    t->limit_ns = 0; /* libuv counts whole milliseconds, from a little before */
    look_at_limit(t);
}

/* Tasks that are always ready keep libuv from its timers. */
static void
before_resume(struct atl_stress *order)
{
    look_at_limit(ATL_OWNER(order, struct atl_tester, order));
}

void
atl_tester_guard(struct atl_tester *t, struct atl_lua_task *task,
                 const char *name, uint64_t limit_ms)
{
    t->guarded = task;
    t->ended_by = NULL;
    snprintf(stuck, sizeof(stuck),
             "atlas: the test keeps the loop busy, and cannot be ended: "
             "%.400s\n",
             name);
    set_limit(t, limit_ms);
    set_alarm(limit_ms + 2 * LAST_MS);
}

void
atl_tester_unguard(struct atl_tester *t)
{
    t->guarded = NULL;
    uv_timer_stop(&t->limit);
    set_alarm(0);
}

bool
atl_tester_on_deadlock(struct atl_tester *t)
{
    if (t->guarded == NULL || t->ended_by != NULL)
        return false;
    end_task(t, "deadlock");
    return true;
}

/* --- open and close --- */

static void
on_closed(uv_handle_t *handle)
{
    atl_free(handle->data);
}

/*
 * libuv opens its pipe for signals with the first signal, and the descriptor
 * that it keeps in reserve with the first stream: not in a test.
 */
static void
warm_up(uv_loop_t *uv)
{
    uv_signal_t *handle = atl_calloc(1, sizeof(*handle));
    uv_tcp_t *stream = atl_calloc(1, sizeof(*stream));

    handle->data = handle;
    stream->data = stream;
    if (uv_signal_init(uv, handle) == 0)
        uv_close((uv_handle_t *)handle, on_closed);
    else
        atl_free(handle);
    if (uv_tcp_init(uv, stream) == 0)
        uv_close((uv_handle_t *)stream, on_closed);
    else
        atl_free(stream);
    uv_run(uv, UV_RUN_NOWAIT);
}

struct atl_tester *
atl_tester_open(struct atl_vm *vm)
{
    struct atl_tester *t = atl_calloc(1, sizeof(*t));
    int err;

    t->vm = vm;
    t->dump = LUA_NOREF;
    atl_virtual_init(&t->time, &vm->loop);
    t->order.before = before_resume;
    vm->loop.stress = &t->order;
    err = uv_timer_init(&vm->loop.uv, &t->limit);
    (void)err; /* nothing in it could fail */
    t->limit.data = t;
    uv_unref((uv_handle_t *)&t->limit);
    warm_up(&vm->loop.uv);
    catch_alarm();
    vm->tester = t;
    return t;
}

void
atl_tester_close(struct atl_tester *t)
{
    struct atl_loop *loop = &t->vm->loop;

    set_alarm(0);
    atl_virtual_stop(&t->time);
    loop->clock = NULL;
    loop->stress = NULL;
    t->vm->tester = NULL;
    uv_close((uv_handle_t *)&t->limit, on_closed);
}
