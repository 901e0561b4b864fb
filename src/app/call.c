/* call.c - a request's way to its handler, and what comes of it (stops 6 to
 * 8).  See app.h.
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/params.h"
#include "app/reply.h"
#include "app/request.h"
#include "base/err.h"
#include "lua/error.h"
#include "lua/outcome.h"
#include "lua/trace.h"

#define MAX_JSON ((size_t)1 << 28) /* bytes of an answer */

static_assert(sizeof(struct atl_app_call) <= ATL_EXCHANGE_DATA,
              "the exchange has room for a call");

void
atl_app_push_value(lua_State *L, const struct atl_app *app, int i)
{
    atl_vm_push(L, app->refs->values);
    lua_rawgeti(L, -1, app->id);
    lua_rawgeti(L, -1, i);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* --- the way in (stop 6) --- */

/* Look `t` up in one application; the level is kept. */
static void
resolve_level(struct atl_app *app, struct atl_exchange *x, struct atl_target *t,
              struct atl_match *m)
{
    struct atl_app_call *call = atl_app_call_of(x);
    struct atl_app_level *level = &call->levels[call->level_count++];

    t->method =
        atl_router_method(app->router, atl_request_str(&x->req, x->req.method));
    atl_router_find(app->router, t, &x->arena, m);
    level->app = app;
    level->found = NULL;
    level->value_count = 0;
    call->outcome = (uint8_t)m->outcome;
    if (m->outcome != ATL_OUTCOME_FOUND)
        return;
    level->found = m->route;
    if (m->value_count > 0)
        atl_params_keep(x, level, m);
}

void
atl_app_resolve(struct atl_app *root, struct atl_exchange *x)
{
    struct atl_app_call *call = atl_app_call_of(x);
    struct atl_app *app = root;
    const struct atl_app_route *route = NULL;
    struct atl_target t;
    struct atl_match m;

    t.host = atl_request_str(&x->req, x->req.host);
    t.path = atl_request_str(&x->req, x->req.path);
    t.path.ptr += call->call.root_len;
    t.path.len -= call->call.root_len;
    t.is_plain = x->req.path_is_plain;
    call->levels = atl_arena_alloc(&x->arena, sizeof(struct atl_app_level));
    for (;;) {
        resolve_level(app, x, &t, &m);
        if (m.outcome != ATL_OUTCOME_FOUND)
            return;
        route = m.route->data;
        call->parses |= route->parses;
        if (m.route->is_mount) {
            t.path.ptr += m.prefix_len;
            t.path.len -= m.prefix_len;
            call->call.root_len += (uint32_t)m.prefix_len;
        }
        if (route->kind != ATL_APP_MOUNT)
            break;
        app = route->mount;
        if (call->level_count == ATL_APP_LEVELS) { /* mounts refuse it */
            call->outcome = ATL_OUTCOME_NONE;
            return;
        }
        if (call->level_count == 1) { /* there are more */
            struct atl_app_level *levels =
                atl_arena_alloc(&x->arena, ATL_APP_LEVELS * sizeof(*levels));

            levels[0] = call->levels[0];
            call->levels = levels;
        }
    }
    call->route = route;
    if (route->max_body != UINT64_MAX)
        x->max_body = route->max_body;
}

void
atl_app_push_next(lua_State *L, struct atl_exchange *x, unsigned i)
{
    const struct atl_app_call *call = atl_app_call_of(x);

    for (; i < call->level_count; i++)
        if (call->levels[i].app->entry != 0) {
            atl_app_push_value(L, call->levels[i].app,
                               call->levels[i].app->entry);
            return;
        }
    if (call->route != NULL && call->route->entry != 0)
        atl_app_push_value(L, call->levels[call->level_count - 1].app,
                           call->route->entry);
    else
        atl_vm_push(L, call->refs->innermost);
}

/* Does nothing but the handler have to run? */
static bool
is_bare(const struct atl_app_call *call)
{
    unsigned i;

    if (call->route == NULL || call->route->entry != 0)
        return false;
    if (call->parses && call->route->kind == ATL_APP_HANDLER)
        return false; /* these functions may raise */
    for (i = 0; i < call->level_count; i++)
        if (call->levels[i].app->entry != 0)
            return false;
    return true;
}

/* Push what the task runs; returns the number of arguments. */
static int
push_call(struct atl_lua_task *t, struct atl_exchange *x)
{
    struct atl_app_call *call = atl_app_call_of(x);
    struct atl_app *app = call->levels[call->level_count - 1].app;
    lua_State *co = t->co;

    if (is_bare(call) && call->route->kind == ATL_APP_LASGI) {
        t->on_return = NULL; /* it sends by itself */
        atl_vm_push(co, call->server->lasgi.serve);
        atl_app_push_value(co, app, call->route->handler);
        atl_scope_push(co, &call->server->lasgi, x);
        return 2;
    }
    atl_request_push(co, call->refs, x);
    lua_insert(co, 1); /* for what may come after the handler */
    t->has_anchor = true;
    if (!is_bare(call)) {
        atl_app_push_next(co, x, 0);
        lua_pushvalue(co, 1);
        return 1;
    }
    atl_app_push_value(co, app, call->route->handler);
    lua_pushvalue(co, 1);
    return 1 + atl_params_push(co, x);
}

/* --- the way out (stop 8) --- */

/* Push "FILE:LINE" of the route's handler, or what stands for it. */
static void
push_handler_site(lua_State *L, struct atl_exchange *x)
{
    const struct atl_app_call *call = atl_app_call_of(x);
    lua_Debug info;

    lua_pushliteral(L, "a middleware");
    if (call->route == NULL || !is_bare(call))
        return;
    atl_app_push_value(L, call->levels[call->level_count - 1].app,
                       call->route->handler);
    if (lua_isfunction(L, -1)) {
        lua_getinfo(L, ">S", &info);
        lua_pushfstring(L, "the handler at %s:%d", info.short_src,
                        info.linedefined);
        lua_replace(L, -2);
    } else {
        lua_pop(L, 1);
    }
}

static int answer_error(struct atl_lua_task *t, lua_State *L,
                        struct atl_exchange *x, int index);

/* What was returned can't be sent: "the handler at a.lua:3 `what`" is an error
 * like those that handlers raise. */
static int
refuse(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x,
       const char *what)
{
    push_handler_site(L, x);
    lua_pushfstring(L, "%s %s", lua_tostring(L, -1), what);
    if (x->response == ATL_RESPONSE_IDLE)
        return answer_error(t, L, x, lua_gettop(L));
    atl_call_log(x, lua_tostring(L, -1));
    atl_response_error(x, 500);
    return 0;
}

/* After a reply: its error, if any, is told. */
static int
finish(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x, int err)
{
    if (err == ATL_E_INVALID) {
        lua_pushfstring(L, "returned what can't be sent: %s",
                        lua_tostring(L, -1));
        return refuse(t, L, x, lua_tostring(L, -1));
    }
    if (err != 0 && err != ATL_E_CLOSED && err != ATL_E_STATE)
        return refuse(t, L, x, atl_err_text(err));
    return 0;
}

static bool
has_meta(lua_State *L, int index, int ref)
{
    bool is;

    if (!lua_getmetatable(L, index))
        return false;
    atl_vm_push(L, ref);
    is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

/* Push fn and the value at `index`: the task goes on with both. */
static int
go_on(lua_State *L, int fn, int index)
{
    atl_vm_push(L, fn);
    lua_pushvalue(L, index);
    return 2;
}

static int
answer_table(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x,
             int index)
{
    struct atl_app_call *call = atl_app_call_of(x);

    if (has_meta(L, index, call->refs->response_meta)) {
        if (atl_reply_is_later(L, call->refs, index)) {
            call->later = true;
            return go_on(L, call->refs->send_later, index);
        }
        return finish(t, L, x, atl_reply_response(L, x, call->refs, index));
    }
    if (has_meta(L, index, call->refs->http_error_meta))
        return answer_error(t, L, x, index);
    return finish(t, L, x, atl_reply_json(L, call->server, x, index));
}

static int
reply_text(struct atl_exchange *x, struct atl_str text)
{
    return atl_reply_bytes(x, ATL_STR("text/plain; charset=utf-8"), text);
}

/* The values that a handler returned begin at `index`. */
static int
answer(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x, int index)
{
    struct atl_str text;

    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        text.ptr = lua_tolstring(L, index, &text.len);
        return finish(t, L, x, reply_text(x, text));
    case LUA_TTABLE:
        return answer_table(t, L, x, index);
    case LUA_TNIL:
    case LUA_TNONE:
        if (atl_app_call_of(x)->in_error) { /* nobody handles the error */
            atl_response_error(x, 500);
            return 0;
        }
        if (!lua_isnoneornil(L, index + 1))
            return answer_error(t, L, x, index + 1);
        return refuse(t, L, x,
                      "returned nothing: a string, a table or a "
                      "Response expected");
    default:
        lua_pushfstring(L,
                        "returned a %s: a string, a table or a Response "
                        "expected",
                        luaL_typename(L, index));
        return refuse(t, L, x, lua_tostring(L, -1));
    }
}

bool
atl_app_handles_errors(const struct atl_app_call *call)
{
    unsigned i;

    for (i = 0; i < call->level_count; i++)
        if (call->levels[i].app->has_errors || call->levels[i].app->debug)
            return true;
    return false;
}

/* The error at `index` becomes the response. */
static int
answer_error(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x,
             int index)
{
    struct atl_app_call *call = atl_app_call_of(x);
    bool is_http = has_meta(L, index, call->refs->http_error_meta);

    /* The server has told the client already: a body that is too large. */
    if (is_http && x->response == ATL_RESPONSE_DONE)
        call->answered = true;
    if (x->response != ATL_RESPONSE_IDLE || x->gone ||
        atl_is_cancelled_error(L, t->vm, index)) {
        /* A body that was refused: the server has answered already. */
        call->answered |= is_http && x->response == ATL_RESPONSE_DONE;
        return 0; /* on_end does what is left */
    }
    if (!is_http && (call->in_error || !atl_app_handles_errors(call))) {
        lua_pushvalue(L, index);
        atl_call_log_failure(x, t, L);
    }
    call->answered = true;
    if (!call->in_error && atl_app_handles_errors(call)) {
        call->in_error = true;
        return go_on(L, call->refs->handle_error, index);
    }
    if (is_http)
        return finish(t, L, x, atl_reply_http_error(L, x, index));
    atl_response_error(x, 500);
    return 0;
}

/*
 * The function that sends the body by itself has ended: true unless it failed
 * before anything was sent, when its error is answered like a handler's.
 */
static bool
end_later(struct atl_exchange *x, bool failed)
{
    bool open =
        x->response == ATL_RESPONSE_HELD || x->response == ATL_RESPONSE_BODY;

    atl_app_call_of(x)->later = false;
    if (failed && x->response == ATL_RESPONSE_HELD)
        atl_response_reset(x);
    if (failed && x->response == ATL_RESPONSE_IDLE)
        return false;
    if (!failed && open && !x->gone &&
        atl_response_body(x, ATL_STR(""), false) == ATL_E_INVALID)
        atl_call_log(x, "the stream ended before its content-length");
    return true;
}

/*
 * (task, failed, value, value) -> function, value to go on with; or nothing.
 * In a call of its own: what it reads may raise.
 */
static int
f_answer(lua_State *L)
{
    struct atl_lua_task *t = lua_touserdata(L, 1);

    if (lua_toboolean(L, 2))
        return answer_error(t, L, t->data, 3);
    return answer(t, L, t->data, 3);
}

/* The stack is that of push_call(): the request, then xpcall's results. */
#define FIRST 3

/*
 * Leave on the stack what the task goes on with: the function and the value on
 * top of it, with the request as the function's first argument.
 */
static int
restart(struct atl_lua_task *t, lua_State *L)
{
    lua_State *other = t->vm->L;

    lua_xmove(L, other, 2);
    lua_settop(L, 1);
    atl_vm_push(L, t->vm->refs.xpcall);
    lua_pushvalue(other, -2);
    lua_xmove(other, L, 1);
    lua_pushvalue(L, 1);
    lua_xmove(other, L, 1);
    lua_pop(other, 1);
    return 2;
}

static int
answer_protected(struct atl_lua_task *t, lua_State *L, struct atl_exchange *x,
                 bool failed)
{
    int top = lua_gettop(L), i;

    if (!lua_checkstack(L, 10)) {
        atl_response_error(x, 500);
        return -1;
    }
    lua_pushcfunction(L, f_answer);
    lua_pushlightuserdata(L, t);
    lua_pushboolean(L, failed);
    for (i = FIRST; i < FIRST + 2; i++)
        if (i <= top)
            lua_pushvalue(L, i);
        else
            lua_pushnil(L);
    if (lua_pcall(L, 4, 2, 0) != LUA_OK) {
        atl_call_log_failure(x, t, L);
        atl_app_call_of(x)->answered = true;
        atl_response_error(x, 500);
    } else if (!lua_isnil(L, -2)) {
        return restart(t, L);
    }
    lua_settop(L, top);
    return -1;
}

/* The task goes on with `more` values, or its body has ended (-1). */
static int
leave(struct atl_exchange *x, int more)
{
    if (more < 0 && x->response == ATL_RESPONSE_DONE)
        atl_call_end_waits(x); /* children that read the body, or write */
    return more;
}

static int
on_return(struct atl_lua_task *t, lua_State *L, bool failed, int count)
{
    struct atl_exchange *x = t->data;

    if (atl_app_call_of(x)->later && end_later(x, failed))
        return leave(x, -1);
    if (!failed && count > 0 && lua_type(L, FIRST) == LUA_TSTRING) {
        struct atl_str text;

        text.ptr = lua_tolstring(L, FIRST, &text.len);
        if (reply_text(x, text) == 0)
            return leave(x, -1);
    }
    return leave(x, answer_protected(t, L, x, failed));
}

static void
on_end(struct atl_lua_task *t, lua_State *L, bool failed, int count)
{
    struct atl_exchange *x = t->data;
    struct atl_app_call *call = atl_app_call_of(x);

    (void)count;
    atl_call_cancel_file(x);
    if (failed && !t->cancelled && !call->answered)
        atl_call_log_failure(x, t, L);
    if (x->response != ATL_RESPONSE_DONE && !x->gone)
        atl_response_error(x, 500);
    atl_call_end(x);
}

/* --- what the server tells --- */

static void
on_request(struct atl_exchange *x)
{
    struct atl_app_server *s = x->server->data;
    struct atl_lua_task *t = atl_call_begin(x, &s->lasgi, on_end);
    struct atl_app_call *call = atl_app_call_of(x);

    memset((char *)call + sizeof(call->call), 0,
           sizeof(*call) - sizeof(call->call));
    call->server = s;
    call->refs = s->refs;
    t->on_return = on_return;
    atl_app_resolve(s->root, x);
    atl_sched_start(t, push_call(t, x));
}

/* RFC 9110 9.2.1: what a GET would have changed, nobody asked for. */
static void
on_gone(struct atl_exchange *x)
{
    const struct atl_app_route *route = atl_app_call_of(x)->route;
    bool safe = x->req.is_get || x->req.is_head;

    if (route != NULL && (route->finishes || route->cancels))
        safe = route->cancels;
    atl_call_on_gone(x, safe);
}

const struct atl_exchange_ops atl_app_ops = {
    .on_request = on_request,
    .on_body = atl_call_on_body,
    .on_writable = atl_call_on_writable,
    .on_gone = on_gone,
};

void
atl_app_server_init(struct atl_app_server *s, struct atl_app *core,
                    lua_State *L, int app, int state)
{
    atl_lasgi_init(&s->lasgi, core->vm, L, app, state);
    s->root = core;
    s->refs = core->refs;
    atl_buf_init(&s->json, MAX_JSON);
}

void
atl_app_server_deinit(struct atl_app_server *s)
{
    atl_buf_deinit(&s->json);
}
