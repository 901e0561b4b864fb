/* call.c - the application is called (stop 5).  See lasgi.h.
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "http/sendfile.h"
#include "lasgi/lasgi.h"
#include "lua/error.h"
#include "lua/outcome.h"
#include "lua/trace.h"

static_assert(sizeof(struct atl_call) <= ATL_EXCHANGE_DATA,
              "the exchange has room for a call");

#define MAX_SHOWN_PATH 200

void
atl_call_cancel_file(struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);

    if (call->file != NULL)
        atl_file_send_cancel(call->file);
    call->file = NULL;
}

/* For the watchdog, see lua/sched.h: "GET /path". */
static size_t
describe(const struct atl_lua_task *t, char *out, size_t room)
{
    const struct atl_exchange *x = t->data;
    struct atl_str method = atl_request_str(&x->req, x->req.method);
    struct atl_str path = atl_request_str(&x->req, x->req.path);

    if (room < method.len + 1)
        return 0;
    room -= method.len + 1;
    if (path.len > room)
        path.len = room;
    if (path.len > MAX_SHOWN_PATH)
        path.len = MAX_SHOWN_PATH;
    memcpy(out, method.ptr, method.len);
    out[method.len] = ' ';
    memcpy(out + method.len + 1, path.ptr, path.len);
    return method.len + 1 + path.len;
}

/* --- the end of a call --- */

void
atl_call_log(struct atl_exchange *x, const char *what)
{
    struct atl_str method = atl_request_str(&x->req, x->req.method);
    struct atl_str path = atl_request_str(&x->req, x->req.path);

    atl_log_request(ATL_LOG_ERROR, x->serial, "%.*s %.*s: %s", (int)method.len,
                    method.ptr, (int)path.len, path.ptr, what);
}

void
atl_call_log_failure(struct atl_exchange *x, struct atl_lua_task *t,
                     lua_State *from)
{
    lua_State *L = t->vm->L;

    lua_pushvalue(from, -1);
    lua_xmove(from, L, 1);
    atl_trace_push_report(L, t, -1);
    atl_call_log(x, lua_tostring(L, -1));
    lua_pop(L, 2);
}

void
atl_call_end(struct atl_exchange *x)
{
    atl_call_of(x)->task->describe = NULL;
    /* A task of another request may wait in this one's receive or send. */
    x->gone = true;
    atl_call_end_waits(x);
    atl_exchange_release(x);
}

static void
on_end(struct atl_lua_task *t, lua_State *L, bool failed, int count)
{
    struct atl_exchange *x = t->data;

    (void)count;
    atl_call_cancel_file(x);
    if (failed && !t->cancelled)
        atl_call_log_failure(x, t, L);
    if (x->response != ATL_RESPONSE_DONE && !x->gone) {
        if (!failed)
            atl_call_log(x, "the application returned without completing its "
                            "response");
        atl_response_error(x, 500);
    }
    atl_call_end(x);
}

/* --- what the server tells --- */

struct atl_lua_task *
atl_call_begin(struct atl_exchange *x, struct atl_lasgi *l,
               atl_task_end_fn ended)
{
    struct atl_call *call = atl_call_of(x);
    struct atl_lua_task *t = atl_sched_take_root(l->vm, l->vm->L);

    memset(call, 0, sizeof(*call));
    call->lasgi = l;
    call->task = t;
    atl_list_init(&call->senders);
    t->on_end = ended;
    t->data = x;
    t->describe = describe;
    t->request = x->serial;
    return t;
}

static void
on_request(struct atl_exchange *x)
{
    struct atl_lasgi *l = x->server->data;
    struct atl_lua_task *t = atl_call_begin(x, l, on_end);

    atl_vm_push(t->co, l->serve);
    atl_vm_push(t->co, l->app);
    atl_scope_push(t->co, l, x);
    atl_sched_start(t, 2);
}

void
atl_call_on_body(struct atl_exchange *x)
{
    if (atl_call_of(x)->receiving != NULL)
        atl_receive_continue(x);
}

void
atl_call_on_writable(struct atl_exchange *x)
{
    struct atl_call *call = atl_call_of(x);

    if (call->file != NULL)
        atl_file_send_continue(call->file);
    else
        atl_send_wake(x);
}

void
atl_call_on_gone(struct atl_exchange *x, bool cancel)
{
    struct atl_call *call = atl_call_of(x);

    atl_receive_end(x);
    atl_call_cancel_file(x);
    atl_send_wake(x);
    if (cancel)
        atl_task_cancel(&call->task->task, 0);
}

/* RFC 9110 9.2.1: what a GET would have changed, nobody asked for. */
static void
on_gone(struct atl_exchange *x)
{
    atl_call_on_gone(x, x->req.is_get || x->req.is_head);
}

const struct atl_exchange_ops atl_lasgi_ops = {
    .on_request = on_request,
    .on_body = atl_call_on_body,
    .on_writable = atl_call_on_writable,
    .on_gone = on_gone,
};

/* --- set-up --- */

void
atl_lasgi_init(struct atl_lasgi *l, struct atl_vm *vm, lua_State *L, int app,
               int state)
{
    l->vm = vm;
    lua_pushvalue(L, app);
    l->app = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, state);
    l->state = luaL_ref(L, LUA_REGISTRYINDEX);
    atl_scope_open_type(l);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "atlas.lasgi");
    lua_call(L, 1, 1);
    lua_pushlightuserdata(L, vm);
    lua_pushliteral(L, "receive");
    lua_pushcclosure(L, atl_lasgi_receive, 2);
    atl_lasgi_push_send(L, l);
    atl_push_raise_tag(L);
    atl_vm_push(L, vm->refs.raise);
    lua_call(L, 4, 1);
    l->serve = luaL_ref(L, LUA_REGISTRYINDEX);
}
