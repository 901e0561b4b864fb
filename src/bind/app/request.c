/* request.c - what the Lua half of an Application does with a request.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "app/params.h"
#include "app/reply.h"
#include "app/request.h"
#include "base/err.h"
#include "bind/app/app.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/trace.h"

/* --- the way to the handler --- */

/* next(request, core) -> what stands behind the middleware of `core`. */
static int
f_next(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    const struct atl_app *app = lua_touserdata(L, 2);
    const struct atl_app_call *call = atl_app_call_of(x);
    unsigned i = 0;

    while (i < call->level_count && call->levels[i].app != app)
        i++;
    atl_app_push_next(L, x, i + 1);
    return 1;
}

/* levels(request) -> the cores of its applications, innermost first. */
static int
f_levels(lua_State *L)
{
    const struct atl_app_call *call = atl_app_call_of(atl_request_check(L, 1));
    int i;

    lua_createtable(L, call->level_count, 0);
    for (i = 0; i < call->level_count; i++) {
        lua_pushinteger(L, call->levels[call->level_count - 1 - i].app->id);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* id(core) -> the number by which levels() knows it. */
static int
f_id(lua_State *L)
{
    lua_pushinteger(L, atl_bind_app_arg(L, 1)->id);
    return 1;
}

/*
 * target(request) -> handler, keep_trace, request, params...: what xpcall()
 * gets; or nil if there is no handler.
 */
static int
f_target(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    const struct atl_app_call *call = atl_app_call_of(x);
    const struct atl_app *app = call->levels[call->level_count - 1].app;

    if (call->route == NULL)
        return 0;
    if (call->route->kind == ATL_APP_LASGI)
        atl_vm_push(L, call->refs->call_lasgi);
    else
        atl_app_push_value(L, app, call->route->handler);
    atl_vm_push(L, call->refs->keep_trace);
    lua_pushvalue(L, 1);
    if (call->route->kind == ATL_APP_LASGI) {
        atl_app_push_value(L, app, call->route->handler);
        return 4;
    }
    return 3 + atl_params_push(L, x);
}

static void
fill_target(const struct atl_app_level *level, struct atl_exchange *x,
            struct atl_target *t)
{
    struct atl_str path = atl_request_str(&x->req, x->req.path);
    uint32_t root = atl_app_call_of(x)->call.root_len;

    t->method = atl_router_method(level->app->router,
                                  atl_request_str(&x->req, x->req.method));
    t->host = atl_request_str(&x->req, x->req.host);
    t->path = (struct atl_str){path.ptr + root, path.len - root};
    t->is_plain = x->req.path_is_plain;
}

static void
push_allow(lua_State *L, const struct atl_router *router, uint64_t mask)
{
    struct atl_buf text;

    atl_buf_init(&text, 4096);
    if (atl_router_allow(router, mask, &text) == 0)
        lua_pushlstring(L, text.data, text.len);
    else
        lua_pushliteral(L, "");
    atl_buf_deinit(&text);
}

/*
 * miss(request) -> "allow", methods | "redirect", path | "none": what is to
 * be said where no handler was found.
 */
static int
f_miss(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    const struct atl_app_call *call = atl_app_call_of(x);
    const struct atl_app_level *level = &call->levels[call->level_count - 1];
    struct atl_target t;
    struct atl_match m;
    struct atl_str path;

    fill_target(level, x, &t);
    if (call->outcome == ATL_OUTCOME_WRONG_METHOD) {
        atl_router_find(level->app->router, &t, &x->arena, &m);
        lua_pushliteral(L, "allow");
        push_allow(L, level->app->router, m.allowed);
        return 2;
    }
    if (atl_router_find_slash(level->app->router, &t, &x->arena, &path)) {
        struct atl_str raw = atl_request_str(&x->req, x->req.path);

        lua_pushliteral(L, "redirect");
        lua_pushlstring(L, raw.ptr, call->call.root_len);
        lua_pushlstring(L, path.ptr, path.len);
        lua_concat(L, 2);
        return 2;
    }
    lua_pushliteral(L, "none");
    return 1;
}

/* server(request) -> {host, port} that it came to */
static int
f_server(lua_State *L)
{
    atl_call_push_server(L, atl_request_check(L, 1));
    return 1;
}

/* --- the body --- */

/* Push piece, more; or nil and the status that the client gets. */
static int
push_piece(lua_State *L, struct atl_exchange *x, int got, struct atl_str piece,
           bool more)
{
    if (got < 0) {
        lua_pushnil(L);
        lua_pushinteger(L, x->response == ATL_RESPONSE_DONE && x->status != 0
                               ? (lua_Integer)x->status
                               : 400);
        return 2;
    }
    lua_pushlstring(L, piece.ptr, piece.len);
    lua_pushboolean(L, more);
    return 2;
}

/* read(request) -> piece, more | nil, status; waits. */
static int
f_read(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    int pushed;

    if (x->body_ended) {
        lua_pushliteral(L, "");
        lua_pushboolean(L, 0);
        return 2;
    }
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    return atl_receive(L, x, push_piece);
}

/*
 * receive(request) -> piece, more | nil: as a LASGI callable has it, so it
 * doesn't raise for a client that has gone, and waits for that, or for the
 * response's end, behind the last piece.
 */
static int
f_receive(lua_State *L)
{
    struct atl_request_ud *ud = lua_touserdata(L, 1);
    struct atl_exchange *x = atl_request_exchange(ud);
    struct atl_lua_task *t = atl_check_task_only(L);

    if (x == NULL) {
        lua_pushnil(L);
        return 1;
    }
    if (atl_task_is_cancelled(&t->task) && !x->gone)
        return atl_push_cancelled(L, &t->task);
    return atl_receive(L, x, push_piece);
}

/* is_done(request) -> is its response complete, or its client gone? */
static int
f_is_done(lua_State *L)
{
    struct atl_request_ud *ud = lua_touserdata(L, 1);
    const struct atl_exchange *x = atl_request_exchange(ud);

    lua_pushboolean(L, x == NULL ||
                           (x->server != NULL &&
                            (x->gone || x->response == ATL_RESPONSE_DONE)));
    return 1;
}

/* --- a response that is sent piece by piece --- */

/* begin(request, response): hold the head. */
static int
f_begin(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    const struct atl_app_call *call = atl_app_call_of(x);
    int err = atl_reply_head(L, x, call->refs, 2);

    if (err == ATL_E_INVALID)
        return lua_error(L);
    if (err != 0)
        return atl_push_error(L, call->refs->vm, err, "send");
    lua_pushboolean(L, 1);
    return 1;
}

/* write(request, piece) -> true | nil, err; waits while the client is slow. */
static int
f_write(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    struct atl_str piece = atl_arg_str(L, 2);
    int pushed;

    lua_settop(L, 2);
    lua_pushliteral(L, "write");
    if ((pushed = atl_send_check(L, x)) != 0)
        return pushed;
    return atl_send_piece(L, x, piece, true);
}

/* send_file(request, path) -> true | nil, err: the body of a held head. */
static int
f_send_file(lua_State *L)
{
    struct atl_exchange *x = atl_request_check(L, 1);
    int pushed;

    lua_settop(L, 2);
    lua_pushliteral(L, "file");
    if ((pushed = atl_send_check(L, x)) != 0)
        return pushed;
    return atl_send_path(L, x, atl_arg_str(L, 2).ptr, false);
}

/* reset(request): forget the held head. */
static int
f_reset(lua_State *L)
{
    atl_response_reset(atl_request_check(L, 1));
    return 0;
}

/* --- requests outside any server --- */

/* A growing copy of what the request's spans mean. */
static struct atl_span
copy(struct atl_buf *b, struct atl_str s)
{
    struct atl_span span = {(uint32_t)b->len, (uint32_t)s.len};

    if (atl_buf_append(b, s.ptr, s.len) != 0)
        span.len = 0;
    return span;
}

/* {{name, value}, ...} at `index`. */
static void
copy_fields(lua_State *L, int index, struct atl_request *r, struct atl_buf *b)
{
    int i, n = (int)atl_rawlen(L, index);

    for (i = 1; i <= n && r->field_count < ATL_MAX_FIELDS; i++) {
        struct atl_field *f = &r->fields[r->field_count];
        struct atl_str name, value;

        lua_rawgeti(L, index, i);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        if (lua_isstring(L, -1) && lua_isstring(L, -2)) {
            name.ptr = lua_tolstring(L, -2, &name.len);
            value.ptr = lua_tolstring(L, -1, &value.len);
            f->name = copy(b, name);
            f->value = copy(b, value);
            r->field_count++;
            if (atl_str_eq(name, ATL_STR("host")))
                r->host = f->value;
        }
        lua_pop(L, 3);
    }
}

/*
 * direct(core, method, raw_path, query, headers, root_path) -> request, of a
 * scope that didn't come from our server.
 */
static int
f_direct(lua_State *L)
{
    struct atl_app *app = atl_bind_app_arg(L, 1);
    struct atl_str method = atl_arg_str(L, 2), path = atl_arg_str(L, 3);
    struct atl_str query = atl_arg_str(L, 4), root = atl_arg_str(L, 6);
    bool is_plain = memchr(path.ptr, '%', path.len) == NULL;
    size_t root_len = 0;
    struct atl_request_ud *ud = atl_newuserdata(L, sizeof(*ud));
    struct atl_exchange *x;
    struct atl_buf bytes;

    memset(ud, 0, sizeof(*ud));
    ud->refs = app->refs;
    atl_vm_push(L, app->refs->direct_meta);
    lua_setmetatable(L, -2);
    lua_newtable(L); /* keeps the application alive */
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    atl_setuservalue(L, -2);
    ud->has_fields = true;
    ud->x = x = atl_exchange_new_alone();
    ud->serial = x->serial = 1;
    atl_buf_init(&bytes, 1 << 24);
    x->req.method = copy(&bytes, method);
    x->req.path = copy(&bytes, path);
    x->req.query = copy(&bytes, query);
    copy_fields(L, 5, &x->req, &bytes);
    x->req.base =
        atl_arena_dup(&x->arena, (struct atl_str){bytes.data, bytes.len}).ptr;
    atl_buf_deinit(&bytes);
    x->req.version_major = x->req.version_minor = 1;
    x->req.is_get = atl_str_eq(method, ATL_STR("GET"));
    x->req.is_head = atl_str_eq(method, ATL_STR("HEAD"));
    x->req.path_is_plain = is_plain;
    if (root.len > 0 && atl_router_skip_root(path, is_plain, root, &root_len))
        atl_app_call_of(x)->call.root_len = (uint32_t)root_len;
    atl_list_init(&atl_app_call_of(x)->call.senders);
    atl_app_call_of(x)->refs = app->refs;
    atl_app_resolve(app, x);
    return 1;
}

/* serving() -> does the running task work for a request of our server? */
static int
f_serving(lua_State *L)
{
    const struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    lua_pushboolean(L, t != NULL && t->request != 0);
    return 1;
}

/* report(err) -> its text, with the traceback that it had in this task */
static int
f_report(lua_State *L)
{
    lua_settop(L, 1);
    atl_trace_push_report(L, atl_sched_current(ATL_VM(L)), 1);
    return 1;
}

/* entry(request) -> the function that starts it. */
static int
f_entry(lua_State *L)
{
    atl_app_push_next(L, atl_request_check(L, 1), 0);
    return 1;
}

const struct atl_reg atl_bind_request_functions[] = {
    {"next", f_next, 0},
    {"entry", f_entry, 0},
    {"levels", f_levels, 0},
    {"id", f_id, 0},
    {"target", f_target, 0},
    {"miss", f_miss, 0},
    {"read", f_read, AWAITS},
    {"receive", f_receive, AWAITS},
    {"is_done", f_is_done, 0},
    {"server", f_server, 0},
    {"begin", f_begin, 0},
    {"write", f_write, AWAITS},
    {"send_file", f_send_file, AWAITS},
    {"reset", f_reset, 0},
    {"direct", f_direct, 0},
    {"serving", f_serving, 0},
    {"report", f_report, 0},
    {NULL, NULL, 0},
};
