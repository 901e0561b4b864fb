/* signals.c - SIGINT and SIGTERM ask a server to stop; twice, they insist.
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log_writer.h"
#include "cli/cli.h"
#include "lua/reg.h"
#include "lua/sched.h"

#define LOG_PATIENCE_MS 500 /* at the second signal */

struct atl_signals {
    uv_async_t async; /* from the handler to the loop */
    struct atl_vm *vm;
    struct atl_wait *waiter; /* the task in wait_stop(), if one waits */
    struct sigaction old[2];
    struct sigaction old_reopen;
};

static const int numbers[] = {SIGINT, SIGTERM};

/* What the handler may touch; a process has one set of signals. */
static volatile sig_atomic_t received; /* the first signal; 0: none yet */
static uv_async_t *wake_up;

/*
 * In the handler itself, since the second signal must work when a handler of
 * the application never lets the loop run.
 */
static void
on_signal(int number)
{
    if (received != 0) {
        (void)atl_log_writer_flush(LOG_PATIENCE_MS);
        _exit(128 + number);
    }
    received = number;
    uv_async_send(wake_up);
}

/* SIGUSR1: somebody has moved the log file away. */
static void
on_reopen(int number)
{
    (void)number;
    atl_log_writer_reopen();
}

static int
push_name(lua_State *L)
{
    lua_pushstring(L, received == SIGINT ? "SIGINT" : "SIGTERM");
    return 1;
}

static void
on_wake_up(uv_async_t *async)
{
    struct atl_signals *s = async->data;
    struct atl_wait *wait = s->waiter;

    atl_loop_woken(async->loop);
    if (wait == NULL)
        return;
    s->waiter = NULL;
    atl_wake(wait, push_name(atl_wait_stack(wait)));
}

struct atl_signals *
atl_signals_open(struct atl_vm *vm)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct atl_signals *s = atl_calloc(1, sizeof(*s));
    int i;

    s->vm = vm;
    uv_async_init(&vm->loop.uv, &s->async, on_wake_up);
    s->async.data = s;
    received = 0;
    wake_up = &s->async;
    sigemptyset(&action.sa_mask);
    for (i = 0; i < 2; i++)
        sigaction(numbers[i], &action, &s->old[i]);
    action.sa_handler = on_reopen;
    sigaction(SIGUSR1, &action, &s->old_reopen);
    return s;
}

static void
on_closed(uv_handle_t *handle)
{
    atl_free(handle->data);
}

void
atl_signals_close(struct atl_signals *s)
{
    int i;

    for (i = 0; i < 2; i++)
        sigaction(numbers[i], &s->old[i], NULL);
    sigaction(SIGUSR1, &s->old_reopen, NULL);
    uv_close((uv_handle_t *)&s->async, on_closed);
}

/* --- wait_stop() --- */

struct stop_op {
    struct atl_wait wait;
    struct atl_signals *signals;
};

static void
stop_waiting(struct atl_wait *wait)
{
    ATL_OWNER(wait, struct stop_op, wait)->signals->waiter = NULL;
}

static const struct atl_wait_kind waiting = {"signal", stop_waiting};

static int
f_wait_stop(lua_State *L)
{
    struct atl_signals *s = lua_touserdata(L, lua_upvalueindex(3));
    struct stop_op *op;
    int pushed = atl_check_task(L);

    if (pushed != 0)
        return pushed;
    if (received != 0)
        return push_name(L);
    op = atl_task_op(L, sizeof(*op), &waiting);
    op->signals = s;
    s->waiter = &op->wait;
    return atl_await(L, &op->wait);
}

void
atl_signals_push(lua_State *L, struct atl_signals *s)
{
    atl_vm_push(L, s->vm->refs.raiser);
    lua_pushlightuserdata(L, s->vm);
    lua_pushliteral(L, "wait_stop");
    lua_pushlightuserdata(L, s);
    lua_pushcclosure(L, f_wait_stop, 3);
    lua_call(L, 1, 1);
}
