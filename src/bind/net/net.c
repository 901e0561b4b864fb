/* net.c - module atlas.net.core: sockets that connect, read and write.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A socket lives until its stream's on_close, whatever becomes of the
 *    userdata.
 * 2. One task at a time connects or writes, and one reads.
 * 3. Whoever waits when the socket is closed is told in on_close.
 * 4. A read that is cancelled has taken nothing; a write, or an attempt to
 *    connect, that is cancelled closes the socket.
 */
#include "base/alloc.h"
#include "base/err.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"
#include "net/dial.h"

#define SOCKET_TYPE "atlas.net.Socket"
#define MAX_READ 65536

struct holder;

struct socket {
    struct atl_stream stream;
    struct atl_dial dial;
    struct atl_vm *vm;
    struct holder *holder;    /* NULL once it is collected */
    struct atl_wait *reading; /* the task in read(), or NULL */
    struct atl_wait *writing; /* the one in connect() or write() */
    char *lent;               /* memory for the read that is under way */
    size_t max;               /* bytes that it may give */
    int ended;                /* why nothing more can be read; 0: it can */
    bool connected;
};

/* The userdata. */
struct holder {
    struct socket *socket; /* NULL: not connected yet, or gone */
    bool closed;
};

struct socket_op {
    struct atl_wait wait;
    struct socket *socket; /* NULL: it was collected */
};

/* --- ends of waits --- */

static void
wake_true(struct atl_wait **place)
{
    struct atl_wait *wait = *place;

    *place = NULL;
    lua_pushboolean(atl_wait_stack(wait), 1);
    atl_wake(wait, 1);
}

static void
wake_error(struct socket *s, struct atl_wait **place, int code)
{
    struct atl_wait *wait = *place;

    if (wait == NULL)
        return;
    *place = NULL;
    atl_wake(wait, atl_push_error(atl_wait_stack(wait), s->vm, code, NULL));
}

/* --- what the stream tells --- */

static void
on_buffer(struct atl_stream *stream, char **data_out, size_t *size_out)
{
    struct socket *s = ATL_OWNER(stream, struct socket, stream);

    s->lent = atl_malloc(s->max);
    *data_out = s->lent;
    *size_out = s->max;
}

/* Reading goes on only while a task waits, so no byte comes that nobody wants.
 */
static void
on_read(struct atl_stream *stream, ssize_t n)
{
    struct socket *s = ATL_OWNER(stream, struct socket, stream);
    struct atl_wait *wait = s->reading;
    char *lent = s->lent;

    s->lent = NULL;
    if (n < 0)
        s->ended = (int)n;
    if (wait != NULL && n > 0) {
        atl_stream_read_stop(stream);
        s->reading = NULL;
        lua_pushlstring(atl_wait_stack(wait), lent, (size_t)n);
        atl_wake(wait, 1);
    } else if (n < 0) {
        wake_error(s, &s->reading, (int)n);
    }
    atl_free(lent);
}

static void
on_drain(struct atl_stream *stream, int status)
{
    struct socket *s = ATL_OWNER(stream, struct socket, stream);

    if (s->writing == NULL)
        return;
    if (status == 0)
        wake_true(&s->writing);
    else
        wake_error(s, &s->writing, status);
}

static void
on_close(struct atl_stream *stream)
{
    struct socket *s = ATL_OWNER(stream, struct socket, stream);

    wake_error(s, &s->reading, ATL_E_CLOSED);
    wake_error(s, &s->writing, ATL_E_CLOSED);
    if (s->holder != NULL)
        s->holder->socket = NULL;
    atl_free(s->lent);
    atl_free(s);
}

static const struct atl_stream_ops ops = {on_buffer, on_read, on_drain,
                                          on_close};

static void
on_connected(struct atl_dial *dial, int status)
{
    struct socket *s = ATL_OWNER(dial, struct socket, dial);

    s->connected = status == 0;
    if (s->writing == NULL)
        return;
    if (status == 0)
        wake_true(&s->writing);
    else
        wake_error(s, &s->writing, status);
}

/* --- closing --- */

/* The userdata knows the socket until on_close: it may be collected before. */
static void
leave(struct holder *ud, bool reset)
{
    struct socket *s = ud->socket;

    ud->closed = true;
    if (s == NULL)
        return;
    if (reset)
        atl_stream_reset(&s->stream);
    else
        atl_stream_close(&s->stream);
}

/* --- waits --- */

static void
stop_reading(struct atl_wait *wait)
{
    struct socket *s = ATL_OWNER(wait, struct socket_op, wait)->socket;

    if (s == NULL)
        return;
    s->reading = NULL;
    if (!s->stream.closing)
        atl_stream_read_stop(&s->stream);
}

/* Who can tell how much of it has gone out? */
static void
stop_writing(struct atl_wait *wait)
{
    struct socket *s = ATL_OWNER(wait, struct socket_op, wait)->socket;

    if (s == NULL)
        return;
    s->writing = NULL;
    if (s->holder != NULL)
        leave(s->holder, false);
}

static const struct atl_wait_kind connecting = {"connect", stop_writing};
static const struct atl_wait_kind reading = {"read", stop_reading};
static const struct atl_wait_kind writing = {"write", stop_writing};

static int
wait_for(lua_State *L, struct socket *s, struct atl_wait **place,
         const struct atl_wait_kind *kind)
{
    struct socket_op *op = atl_task_op(L, sizeof(*op), kind);

    op->socket = s;
    *place = &op->wait;
    return atl_await(L, &op->wait);
}

static void
abandon(struct atl_wait **place)
{
    if (*place != NULL)
        ATL_OWNER(*place, struct socket_op, wait)->socket = NULL;
    *place = NULL;
}

/* --- methods --- */

static struct holder *
arg_holder(lua_State *L)
{
    return atl_arg_userdata(L, 1, SOCKET_TYPE);
}

/* The socket, if it is connected; or NULL, and nil, err are pushed. */
static struct socket *
arg_open(lua_State *L)
{
    struct holder *ud = arg_holder(L);
    struct socket *s = ud->socket;

    if (s != NULL && s->connected && !ud->closed)
        return s;
    atl_push_error(L, ATL_VM(L), ud->closed ? ATL_E_CLOSED : UV_ENOTCONN, NULL);
    return NULL;
}

static int
return_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

/* socket() -> socket, which isn't connected yet */
static int
f_socket(lua_State *L)
{
    struct holder *ud = atl_newuserdata(L, sizeof(*ud));

    *ud = (struct holder){NULL, false};
    luaL_setmetatable(L, SOCKET_TYPE);
    return 1;
}

/* Close what could not be connected; nil, err. */
static int
fail_connect(lua_State *L, struct holder *ud, int err)
{
    leave(ud, false);
    return atl_push_error(L, ATL_VM(L), err, NULL);
}

/* Make the socket of `ud`, which needs atl_stream_close() from here on. */
static struct socket *
open_socket(struct holder *ud, struct atl_vm *vm, bool is_unix)
{
    struct socket *s = atl_calloc(1, sizeof(*s));

    s->vm = vm;
    s->holder = ud;
    atl_stream_init(&s->stream, &vm->loop.uv, is_unix, &ops);
    ud->socket = s;
    return s;
}

/* socket:connect(host, port), socket:connect(path) -> true | nil, err */
static int
m_connect(lua_State *L)
{
    struct holder *ud = arg_holder(L);
    const char *where = atl_arg_str(L, 2).ptr;
    bool is_unix = lua_isnoneornil(L, 3);
    lua_Number port = is_unix ? 0 : atl_arg_number(L, 3);
    struct socket *s;
    int err, pushed;

    if (!(port >= 0 && port <= 65535))
        return atl_arg_error(L, 3, "a port from 1 to 65535 expected");
    if (ud->socket != NULL || ud->closed)
        return atl_raise(L, "the socket was connected before");
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    s = open_socket(ud, ATL_VM(L), is_unix);
    err = is_unix ? atl_dial_unix(&s->dial, &s->stream, where, on_connected)
                  : atl_dial_tcp(&s->dial, &s->stream, where, (int)port,
                                 on_connected);
    if (err != 0)
        return fail_connect(L, ud, err);
    return wait_for(L, s, &s->writing, &connecting);
}

/* socket:read([max]) -> bytes | nil, err: at least one, EOF at the end */
static int
m_read(lua_State *L)
{
    lua_Number max = lua_isnoneornil(L, 2) ? MAX_READ : atl_arg_number(L, 2);
    struct socket *s;
    int err, pushed;

    arg_holder(L);
    if (!(max >= 1))
        return atl_arg_error(L, 2, "at least 1 expected");
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    if ((s = arg_open(L)) == NULL)
        return 2;
    if (s->reading != NULL)
        return atl_raise(L, "another task reads already");
    if (s->ended != 0)
        return atl_push_error(L, s->vm, s->ended, NULL);
    s->max = max < MAX_READ ? (size_t)max : MAX_READ;
    if ((err = atl_stream_read_start(&s->stream)) != 0)
        return atl_push_error(L, s->vm, err, NULL);
    return wait_for(L, s, &s->reading, &reading);
}

/* socket:write(bytes) -> true | nil, err: the socket has taken all of them */
static int
m_write(lua_State *L)
{
    struct atl_str data = atl_arg_str(L, 2);
    struct socket *s;
    ssize_t n;
    int err, pushed;

    arg_holder(L);
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    if ((s = arg_open(L)) == NULL)
        return 2;
    if (s->writing != NULL)
        return atl_raise(L, "another task writes already");
    if ((n = atl_stream_try_write(&s->stream, &data, 1)) < 0)
        return atl_push_error(L, s->vm, (int)n, NULL);
    data.ptr += n;
    data.len -= (size_t)n;
    if (data.len == 0)
        return return_true(L);
    if ((err = atl_stream_write(&s->stream, &data, 1)) != 0)
        return atl_push_error(L, s->vm, err, NULL);
    return wait_for(L, s, &s->writing, &writing);
}

/* socket:shutdown(): send FIN behind what was written; reading goes on. */
static int
m_shutdown(lua_State *L)
{
    struct holder *ud = arg_holder(L);

    if (ud->socket != NULL && ud->socket->connected)
        atl_stream_shutdown(&ud->socket->stream);
    return 0;
}

static int
m_close(lua_State *L)
{
    leave(arg_holder(L), false);
    return 0;
}

/* socket:reset(): close with a RST. */
static int
m_reset(lua_State *L)
{
    leave(arg_holder(L), true);
    return 0;
}

/* socket:name() -> host, port | path: its own end's address; or nil, err */
static int
m_name(lua_State *L)
{
    const struct socket *s = arg_open(L);
    char host[128];
    int err, port = -1;

    if (s == NULL)
        return 2;
    if ((err = atl_stream_local(&s->stream, host, sizeof(host), &port)) != 0)
        return atl_push_error(L, s->vm, err, NULL);
    lua_pushstring(L, host);
    if (port < 0)
        return 1;
    lua_pushinteger(L, port);
    return 2;
}

static int
m_tostring(lua_State *L)
{
    const struct holder *ud = arg_holder(L);

    lua_pushfstring(L, SOCKET_TYPE " (%s)",
                    ud->closed           ? "closed"
                    : ud->socket == NULL ? "not connected"
                                         : "open");
    return 1;
}

/* Collected: who waits, waits on, to be cancelled. */
static int
m_gc(lua_State *L)
{
    struct holder *ud = lua_touserdata(L, 1);

    if (ud->socket == NULL)
        return 0;
    abandon(&ud->socket->reading);
    abandon(&ud->socket->writing);
    leave(ud, false);
    ud->socket->holder = NULL;
    ud->socket = NULL;
    return 0;
}

/* --- the module --- */

static const struct atl_reg methods[] = {
    {"connect", m_connect, AWAITS},
    {"read", m_read, AWAITS | SMALL_2},
    {"write", m_write, AWAITS | SMALL_2},
    {"shutdown", m_shutdown, 0},
    {"close", m_close, 0},
    {"reset", m_reset, 0},
    {"name", m_name, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__gc", m_gc, 0},
    {"__close", m_close, 0},
    {"__tostring", m_tostring, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"socket", f_socket, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_net(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    atl_reg_type(L, vm, SOCKET_TYPE, methods, metamethods);
    lua_pop(L, 1);
    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
