/* send.c - send(message): the response, message by message.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "http/sendfile.h"
#include "lasgi/lasgi.h"
#include "lua/args.h"
#include "lua/error.h"

#define MESSAGE 2   /* where the message stands on the stack */
#define RUN_FREE 64 /* sends before a task that never waits lets others run */

/*
 * The strings that messages are made of are upvalues of send: so they are
 * never hashed again, and a type is known by its address.
 */
enum key {
    START, /* the types, */
    BODY,
    TRAILERS,
    PATHSEND,
    INFORMATIONAL,
    UNKNOWN,
    KEY_TYPE = UNKNOWN, /* then the keys */
    KEY_STATUS,
    KEY_HEADERS,
    KEY_TRAILERS,
    KEY_MORE_TRAILERS,
    KEY_BODY,
    KEY_MORE_BODY,
    KEY_PATH,
    KEY_COUNT,
};

static const char *const key_names[KEY_COUNT] = {
    [START] = "http.response.start",
    [BODY] = "http.response.body",
    [TRAILERS] = "http.response.trailers",
    [PATHSEND] = "http.response.pathsend",
    [INFORMATIONAL] = "http.response.informational",
    [KEY_TYPE] = "type",
    [KEY_STATUS] = "status",
    [KEY_HEADERS] = "headers",
    [KEY_TRAILERS] = "trailers",
    [KEY_MORE_TRAILERS] = "more_trailers",
    [KEY_BODY] = "body",
    [KEY_MORE_BODY] = "more_body",
    [KEY_PATH] = "path",
};

/* The first two upvalues are the VM and the name, as everywhere. */
#define KEY_INDEX(key) lua_upvalueindex(3 + (int)(key))

void
atl_lasgi_push_send(lua_State *L, struct atl_lasgi *l)
{
    int i;

    lua_pushlightuserdata(L, l->vm);
    lua_pushliteral(L, "send");
    for (i = 0; i < KEY_COUNT; i++) {
        lua_pushstring(L, key_names[i]);
        if (i < UNKNOWN)
            l->message_types[i] = lua_tostring(L, -1);
    }
    lua_pushcclosure(L, atl_lasgi_send, 2 + KEY_COUNT);
}

/* Push message[key]. */
static void
get(lua_State *L, enum key key)
{
    lua_pushvalue(L, KEY_INDEX(key));
    lua_gettable(L, MESSAGE);
}

/* --- waiting --- */

struct send_op {
    struct atl_wait wait;
    struct atl_link link; /* call->senders */
    struct atl_exchange *x;
    bool returns; /* a file that can't be sent is nil, err, not raised */
};

static void
stop_sending(struct atl_wait *wait)
{
    struct send_op *op = ATL_OWNER(wait, struct send_op, wait);
    struct atl_call *call = atl_call_of(op->x);

    atl_list_remove(&op->link);
    if (call->file != NULL) {
        atl_file_send_cancel(call->file);
        call->file = NULL;
    }
}

static const struct atl_wait_kind sending = {"send", stop_sending};

static int
push_closed(lua_State *L, struct atl_exchange *x)
{
    atl_call_of(x)->told_closed = true;
    return atl_push_error(L, atl_call_of(x)->lasgi->vm, ATL_E_CLOSED, "send");
}

static int
wait_for_room(lua_State *L, struct atl_exchange *x)
{
    struct send_op *op = atl_task_op(L, sizeof(*op), &sending);

    op->x = x;
    atl_list_push(&atl_call_of(x)->senders, &op->link);
    atl_call_of(x)->sends = 0;
    return atl_await(L, &op->wait);
}

void
atl_call_end_waits(struct atl_exchange *x)
{
    atl_receive_end(x);
    atl_send_wake(x);
}

void
atl_send_wake(struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);
    struct atl_link *link;

    while ((link = atl_list_pop(&call->senders)) != NULL) {
        struct send_op *op = ATL_OWNER(link, struct send_op, link);
        lua_State *to = atl_wait_stack(&op->wait);

        if (x->gone) {
            atl_wake(&op->wait, push_closed(to, x));
        } else {
            lua_pushboolean(to, 1);
            atl_wake(&op->wait, 1);
        }
    }
}

/* --- reading the message --- */

/* Raise `text` with the message's type before it. */
static int
fail(lua_State *L, const char *text)
{
    return atl_raise(L, "%s: %s", lua_tostring(L, 3), text);
}

/* The same, having forgotten the head that was being made. */
static int
fail_head(lua_State *L, struct atl_exchange *x, const char *text)
{
    atl_response_reset(x);
    return fail(L, text);
}

/* The message's type, whose name is left at 3 for error messages. */
static enum key
get_type(lua_State *L, const struct atl_lasgi *l)
{
    const char *name;
    int type;

    lua_settop(L, MESSAGE);
    if (!lua_istable(L, MESSAGE))
        atl_raise(L, "send: a message is a table, got %s",
                  luaL_typename(L, MESSAGE));
    get(L, KEY_TYPE);
    if (lua_type(L, 3) != LUA_TSTRING)
        atl_raise(L, "send: message.type is a string, got %s",
                  luaL_typename(L, 3));
    name = lua_tostring(L, 3);
    for (type = START; type < UNKNOWN; type++)
        if (name == l->message_types[type])
            break;
    return (enum key)type;
}

/* The boolean message[key], absent being false. */
static bool
get_flag(lua_State *L, enum key key)
{
    bool flag;

    get(L, key);
    flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

static unsigned
get_status(lua_State *L, struct atl_exchange *x, int least, int most)
{
    char text[96];
    lua_Number n;

    get(L, KEY_STATUS);
    n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (n >= least && n <= most && n == (lua_Number)(int)n) {
        lua_pop(L, 1);
        return (unsigned)n;
    }
    if (lua_type(L, -1) == LUA_TNUMBER)
        snprintf(text, sizeof(text),
                 "status is an integer from %d to %d, got %g", least, most, n);
    else
        snprintf(text, sizeof(text),
                 "status is an integer from %d to %d, got %s", least, most,
                 luaL_typename(L, -1));
    fail_head(L, x, text);
    return 0;
}

/* One {name, value} pair, on top of the stack, is field number `i`. */
static void
add_header(lua_State *L, struct atl_exchange *x, int i)
{
    struct atl_str name, value;
    char text[192];
    int err;

    if (!lua_istable(L, -1)) {
        snprintf(text, sizeof(text), "headers[%d] is a {name, value} pair", i);
        fail_head(L, x, text);
    }
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
        snprintf(text, sizeof(text),
                 "headers[%d] ('%.64s'): name and value are strings, got %s "
                 "and %s",
                 i, lua_isstring(L, -2) ? lua_tostring(L, -2) : "?",
                 luaL_typename(L, -2), luaL_typename(L, -1));
        fail_head(L, x, text);
    }
    name.ptr = lua_tolstring(L, -2, &name.len);
    value.ptr = lua_tolstring(L, -1, &value.len);
    err = atl_response_field(x, name, value);
    if (err == ATL_E_INVALID) {
        snprintf(text, sizeof(text), "headers[%d]: bad header '%.64s'", i,
                 name.ptr);
        fail_head(L, x, text);
    }
    lua_pop(L, 2);
}

static void
add_headers(lua_State *L, struct atl_exchange *x)
{
    int i, n;

    get(L, KEY_HEADERS);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    if (!lua_istable(L, -1))
        fail_head(L, x, "headers is an array of {name, value} pairs");
    n = (int)atl_rawlen(L, -1);
    for (i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        add_header(L, x, i);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* --- one function a message type; each returns what send returns --- */

static int
done(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

/* Tell or raise what a response function returned. */
static int
report(lua_State *L, struct atl_exchange *x, int err)
{
    switch (err) {
    case ATL_E_CLOSED:
        return push_closed(L, x);
    case ATL_E_STATE:
        if (x->response == ATL_RESPONSE_IDLE)
            return fail(L, "not allowed before http.response.start");
        return atl_raise(L, "%s: not allowed now: %s", lua_tostring(L, 3),
                         x->response == ATL_RESPONSE_DONE
                             ? "the response is complete"
                             : "the response has begun");
    case ATL_E_TOOBIG:
        return atl_raise(L, "%s: longer than the content-length of %llu",
                         lua_tostring(L, 3), (unsigned long long)x->length);
    case ATL_E_INVALID:
        return atl_raise(L, "%s: shorter than the content-length of %llu",
                         lua_tostring(L, 3), (unsigned long long)x->length);
    default:
        return atl_raise(L, "%s: %s", lua_tostring(L, 3), atl_err_text(err));
    }
}

static int
send_start(lua_State *L, struct atl_exchange *x)
{
    unsigned status;
    int err;

    if (x->response != ATL_RESPONSE_IDLE)
        return report(L, x, ATL_E_STATE);
    status = get_status(L, x, 200, 999);
    if ((err = atl_response_start(x, status)) != 0)
        return report(L, x, err);
    add_headers(L, x);
    x->has_trailers = get_flag(L, KEY_TRAILERS);
    return done(L);
}

/* More will follow: wait while the client is slower, and be fair. */
static int
pause_if_needed(lua_State *L, struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);

    if (atl_response_is_full(x))
        return wait_for_room(L, x);
    if (++call->sends % RUN_FREE != 0)
        return done(L);
    return atl_await_turn(L, ATL_VM(L)->loop.current);
}

int
atl_send_piece(lua_State *L, struct atl_exchange *x, struct atl_str data,
               bool more)
{
    int err = atl_response_body(x, data, more);

    if (err != 0)
        return report(L, x, err);
    if (x->response == ATL_RESPONSE_DONE)
        atl_call_end_waits(x);
    return more ? pause_if_needed(L, x) : done(L);
}

static int
send_body(lua_State *L, struct atl_exchange *x)
{
    struct atl_str data = {"", 0};
    bool more = get_flag(L, KEY_MORE_BODY);

    get(L, KEY_BODY);
    if (lua_type(L, -1) == LUA_TSTRING)
        data.ptr = lua_tolstring(L, -1, &data.len);
    else if (!lua_isnil(L, -1))
        return atl_raise(L, "http.response.body: body is a string, got %s",
                         luaL_typename(L, -1));
    return atl_send_piece(L, x, data, more);
}

static int
send_trailers(lua_State *L, struct atl_exchange *x)
{
    int err;

    if ((err = atl_response_trailers(x)) != 0)
        return report(L, x, err);
    add_headers(L, x);
    if (get_flag(L, KEY_MORE_TRAILERS))
        return done(L);
    if ((err = atl_response_trailers_end(x)) != 0)
        return report(L, x, err);
    atl_call_end_waits(x);
    return done(L);
}

static int
send_informational(lua_State *L, struct atl_exchange *x)
{
    unsigned status;
    int err;

    if (x->response != ATL_RESPONSE_IDLE)
        return report(L, x, ATL_E_STATE);
    status = get_status(L, x, 100, 199);
    if (status == 101)
        return fail(L, "status 101 is the server's");
    if ((err = atl_response_informational(x, status)) != 0)
        return report(L, x, err);
    add_headers(L, x);
    atl_response_informational_end(x);
    return done(L);
}

/* Have send raise that the file can't be sent: the head is still held. */
static int
push_file_error(lua_State *L, int status)
{
    atl_push_raise(L, ATL_RAISE_ERROR);
    if (status == ATL_E_INVALID)
        lua_pushliteral(L, "http.response.pathsend: the file's size is not "
                           "the content-length");
    else
        lua_pushfstring(L, "http.response.pathsend: %s", atl_err_text(status));
    lua_pushnil(L);
    return 4;
}

static void
on_file_sent(struct atl_exchange *x, int status)
{
    struct atl_call *call = atl_call_of(x);
    struct atl_link *link = call->senders.next;
    struct send_op *op = ATL_OWNER(link, struct send_op, link);
    lua_State *to;

    call->file = NULL;
    if (link == &call->senders)
        return;
    to = atl_wait_stack(&op->wait);
    atl_list_remove(link);
    if (x->response == ATL_RESPONSE_DONE)
        atl_call_end_waits(x);
    if (status == 0) {
        lua_pushboolean(to, 1);
        atl_wake(&op->wait, 1);
    } else if (status == ATL_E_CLOSED) {
        atl_wake(&op->wait, push_closed(to, x));
    } else if (op->returns) {
        atl_wake(&op->wait, atl_push_error(to, call->lasgi->vm, status, NULL));
    } else {
        atl_wake(&op->wait, push_file_error(to, status));
    }
}

int
atl_send_path(lua_State *L, struct atl_exchange *x, const char *path,
              bool raises)
{
    struct atl_call *call = atl_call_of(x);
    struct send_op *op;

    call->file = atl_file_send_start(x, path, on_file_sent);
    if (call->file == NULL)
        return fail(L, "the file cannot be opened now");
    op = atl_task_op(L, sizeof(*op), &sending);
    op->x = x;
    op->returns = !raises;
    atl_list_push(&call->senders, &op->link);
    call->sends = 0;
    return atl_await(L, &op->wait);
}

static int
send_file(lua_State *L, struct atl_exchange *x)
{
    const char *path;

    if (x->response != ATL_RESPONSE_HELD)
        return report(L, x, ATL_E_STATE);
    get(L, KEY_PATH);
    if (lua_type(L, -1) != LUA_TSTRING || *lua_tostring(L, -1) != '/')
        return fail(L, "path is an absolute path");
    path = lua_tostring(L, -1);
    if (strlen(path) != atl_rawlen(L, -1))
        return fail(L, "path has a NUL");
    return atl_send_path(L, x, path, true);
}

int
atl_send_check(lua_State *L, struct atl_exchange *x)
{
    struct atl_lua_task *t = atl_check_task_only(L);

    if (x->gone || (x->io == NULL && x->response != ATL_RESPONSE_DONE)) {
        bool again = atl_call_of(x)->told_closed;
        int pushed = push_closed(L, x);

        /* Raised the second time, so that no loop goes on sending. */
        return again ? lua_error(L) : pushed;
    }
    if (atl_task_is_cancelled(&t->task))
        return atl_push_cancelled(L, &t->task);
    if (atl_call_of(x)->file != NULL)
        return fail(L, "a file is being sent");
    return 0;
}

int
atl_lasgi_send(lua_State *L)
{
    const struct atl_scope_ud *scope = lua_touserdata(L, 1);
    struct atl_exchange *x = atl_scope_exchange(scope);
    enum key type = get_type(L, scope->lasgi);
    int pushed;

    if (type == UNKNOWN)
        return atl_raise(L, "send: unknown message type '%s'",
                         lua_tostring(L, 3));
    if (x == NULL)
        return atl_raise(L, "%s: the request is over", lua_tostring(L, 3));
    if ((pushed = atl_send_check(L, x)) != 0)
        return pushed;
    switch (type) {
    case START:
        return send_start(L, x);
    case BODY:
        return send_body(L, x);
    case TRAILERS:
        return send_trailers(L, x);
    case PATHSEND:
        return send_file(L, x);
    default:
        return send_informational(L, x);
    }
}
