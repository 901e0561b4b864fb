/* signals.c - SIGINT and SIGTERM ask a server to stop; twice, they insist.
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "lua/reg.h"
#include "lua/sched.h"

struct atl_signals {
    uv_signal_t handle[2];
    struct atl_vm *vm;
    struct atl_wait *waiter; /* the task in wait_stop(), if one waits */
    int received;            /* the first signal; 0: none yet */
    int open;                /* handles that are not closed */
};

static int
push_name(lua_State *L, int number)
{
    lua_pushstring(L, number == SIGINT ? "SIGINT" : "SIGTERM");
    return 1;
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct atl_signals *s = handle->data;
    struct atl_wait *wait = s->waiter;

    if (s->received != 0)
        _exit(128 + number);
    s->received = number;
    if (wait == NULL)
        return;
    s->waiter = NULL;
    atl_wake(wait, push_name(atl_wait_stack(wait), number));
}

struct atl_signals *
atl_signals_open(struct atl_vm *vm)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    struct atl_signals *s = atl_calloc(1, sizeof(*s));
    int i;

    s->vm = vm;
    for (i = 0; i < 2; i++) {
        uv_signal_init(&vm->loop.uv, &s->handle[i]);
        s->handle[i].data = s;
        uv_signal_start(&s->handle[i], on_signal, numbers[i]);
        s->open++;
    }
    return s;
}

static void
on_closed(uv_handle_t *handle)
{
    struct atl_signals *s = handle->data;

    if (--s->open == 0)
        atl_free(s);
}

void
atl_signals_close(struct atl_signals *s)
{
    int i;

    for (i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&s->handle[i], on_closed);
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
    if (s->received != 0)
        return push_name(L, s->received);
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
