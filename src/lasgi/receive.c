/* receive.c - receive(): the request's body, piece by piece.
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"
#include "lasgi/lasgi.h"
#include "lua/args.h"
#include "lua/error.h"

static void
push_disconnect(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "http.disconnect");
    lua_setfield(L, -2, "type");
}

/*
 * A message.  A body that can't be had is told as a client that has gone: the
 * server has answered it.
 */
static int
push_message(lua_State *L, struct atl_exchange *x, int got,
             struct atl_str piece, bool more)
{
    (void)x;
    if (got < 0) {
        push_disconnect(L);
        return 1;
    }
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "http.request");
    lua_setfield(L, -2, "type");
    lua_pushlstring(L, piece.ptr, piece.len);
    lua_setfield(L, -2, "body");
    lua_pushboolean(L, more);
    lua_setfield(L, -2, "more_body");
    return 1;
}

/* Push the next piece as `push` does; 0 if there is none yet. */
static int
push_next(lua_State *L, struct atl_exchange *x, atl_receive_push_fn push)
{
    struct atl_str piece = {NULL, 0};
    bool more = false;
    int got = ATL_E_CLOSED;

    if (x->response != ATL_RESPONSE_DONE)
        got = atl_exchange_read(x, &piece, &more);
    if (got == 0)
        return 0;
    if (got < 0 && x->response != ATL_RESPONSE_DONE) {
        atl_call_cancel_file(x); /* then nobody can send either */
        atl_send_wake(x);
    }
    return push(L, x, got, piece, more);
}

struct receive_op {
    struct atl_wait wait;
    struct atl_exchange *x;
    atl_receive_push_fn push;
};

static void
stop_receiving(struct atl_wait *wait)
{
    struct receive_op *op = ATL_OWNER(wait, struct receive_op, wait);

    atl_call_of(op->x)->receiving = NULL;
    op->x->waits_body = false; /* the client isn't late for anybody */
}

static const struct atl_wait_kind receiving = {"receive", stop_receiving};

int
atl_lasgi_receive(lua_State *L)
{
    struct atl_exchange *x = atl_scope_exchange(lua_touserdata(L, 1));
    struct atl_lua_task *t = atl_check_task_only(L);

    if (x == NULL) {
        push_disconnect(L);
        return 1;
    }
    if (atl_task_is_cancelled(&t->task) && !x->gone)
        return atl_push_cancelled(L, &t->task);
    return atl_receive(L, x, push_message);
}

int
atl_receive(lua_State *L, struct atl_exchange *x, atl_receive_push_fn push)
{
    struct receive_op *op;
    int pushed;

    if (atl_call_of(x)->receiving != NULL)
        return atl_raise(L, "another task is in receive already");
    if ((pushed = push_next(L, x, push)) != 0)
        return pushed;
    op = atl_task_op(L, sizeof(*op), &receiving);
    op->x = x;
    op->push = push;
    atl_call_of(x)->receiving = &op->wait;
    return atl_await(L, &op->wait);
}

void
atl_receive_continue(struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);
    struct atl_wait *wait = call->receiving;
    int pushed;

    if (wait == NULL)
        return;
    pushed = push_next(atl_wait_stack(wait), x,
                       ATL_OWNER(wait, struct receive_op, wait)->push);
    if (pushed == 0)
        return;
    call->receiving = NULL;
    atl_wake(wait, pushed);
}

void
atl_receive_end(struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);
    struct atl_wait *wait = call->receiving;

    if (wait == NULL)
        return;
    call->receiving = NULL;
    atl_wake(wait, ATL_OWNER(wait, struct receive_op, wait)
                       ->push(atl_wait_stack(wait), x, ATL_E_CLOSED,
                              ATL_STR(""), false));
}

/* (bytes): before the first receive; a request behind another's is told. */
int
atl_lasgi_max_body(lua_State *L)
{
    struct atl_scope_ud *ud = lua_touserdata(L, lua_upvalueindex(3));
    lua_Number bytes = atl_arg_number(L, 1);

    if (!(bytes >= 0 && bytes <= 9007199254740992.0))
        return atl_arg_error(L, 1, "bytes from 0 to 2^53 expected");
    if (ud->x->serial == ud->serial)
        ud->x->max_body = (uint64_t)bytes;
    return 0;
}
