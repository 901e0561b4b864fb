/* active.c - what of the loop is luv's, and whether it is active.
 * SPDX-License-Identifier: MIT
 *
 * libuv counts what is active on a loop, but not whose it is.  A walk over all
 * handles tells; since a server has many, the one that was found active is
 * remembered, and asked first the next time.
 */
#include "bind/luv/luv.h"

/* What luv 1.44 keeps in the `data` of a handle, and of a request. */
struct luv_handle {
    int ref; /* registry reference of the userdata until it is closed */
    int callbacks[2];
    void *context;
};

struct luv_request {
    int ref; /* the same, until it is over */
    int callback;
};

static bool
is_luvs(const struct atl_luv *luv, const uv_handle_t *handle)
{
    const struct luv_handle *data = handle->data;

    return data != NULL && data->context == luv->context;
}

/* Does it keep uv_run() from returning?  It isn't closed. */
static bool
is_active(const uv_handle_t *handle)
{
    return uv_is_closing(handle) ||
           (uv_is_active(handle) && uv_has_ref(handle));
}

/* Push the userdata of a handle that isn't closed. */
static void
push_handle(lua_State *L, const uv_handle_t *handle)
{
    const struct luv_handle *data = handle->data;

    lua_rawgeti(L, LUA_REGISTRYINDEX, data->ref);
}

/* --- the witness --- */

/* Is the handle that was active the last time active still? */
static bool
ask_witness(struct atl_luv *luv)
{
    lua_State *L = luv->vm->L;
    const uv_handle_t *handle;
    bool is = false;

    if (!luv->has_witness)
        return false;
    /* The userdata keeps the memory of its handle. */
    atl_vm_push(L, luv->witness);
    handle = *(uv_handle_t **)lua_touserdata(L, -1);
    push_handle(L, handle);
    /* A closed one has given its reference back. */
    if (lua_rawequal(L, -1, -2))
        is = is_active(handle);
    lua_pop(L, 2);
    return is;
}

static void
set_witness(struct atl_luv *luv, const uv_handle_t *handle)
{
    lua_State *L = luv->vm->L;

    luv->has_witness = handle != NULL;
    if (handle != NULL)
        push_handle(L, handle);
    else
        lua_pushboolean(L, 0);
    lua_rawseti(L, LUA_REGISTRYINDEX, luv->witness);
}

/* --- handles --- */

struct search {
    const struct atl_luv *luv;
    const uv_handle_t *any, *active;
};

static void
look_at(uv_handle_t *handle, void *arg)
{
    struct search *s = arg;

    if (!is_luvs(s->luv, handle))
        return;
    s->any = handle;
    if (s->active == NULL && is_active(handle))
        s->active = handle;
}

static struct search
search(struct atl_luv *luv)
{
    struct search s = {.luv = luv};

    if (luv->context != NULL)
        uv_walk(&luv->vm->loop.uv, look_at, &s);
    return s;
}

bool
atl_luv_has_handles(struct atl_luv *luv)
{
    return search(luv).any != NULL;
}

struct listing {
    struct atl_luv *luv;
    lua_State *L;
    int count;
};

static void
list(uv_handle_t *handle, void *arg)
{
    struct listing *l = arg;

    if (!is_luvs(l->luv, handle))
        return;
    push_handle(l->L, handle);
    lua_rawseti(l->L, -2, ++l->count);
}

static void
count(uv_handle_t *handle, void *arg)
{
    struct listing *l = arg;

    l->count += is_luvs(l->luv, handle);
}

void
atl_luv_push_handles(lua_State *L, struct atl_luv *luv)
{
    struct listing l = {luv, L, 0};

    if (luv->context != NULL)
        uv_walk(&luv->vm->loop.uv, count, &l);
    lua_createtable(L, l.count, 0); /* nothing may raise inside a walk */
    l.count = 0;
    if (luv->context != NULL)
        uv_walk(&luv->vm->loop.uv, list, &l);
}

/* --- requests --- */

/*
 * Is the value at -1, which is in the registry, a request that has begun?  The
 * types are at `types` and the next index.
 */
static bool
is_request(lua_State *L, int types)
{
    const uv_req_t *request;
    const struct luv_request *data;
    bool is;

    if (lua_type(L, -1) != LUA_TUSERDATA || !lua_getmetatable(L, -1))
        return false;
    if (lua_rawequal(L, -1, types + 1)) { /* queue_work's */
        lua_pop(L, 1);
        return true;
    }
    is = lua_rawequal(L, -1, types);
    lua_pop(L, 1);
    if (!is)
        return false;
    request = lua_touserdata(L, -1);
    data = request->data;
    /* A scandir that was synchronous stays for those who step through it. */
    return data != NULL && (request->type != UV_FS || data->callback > 0);
}

/*
 * What luv waits for stands in the registry.  libuv's own count of requests
 * is asked first: mostly there are none.
 */
static bool
has_requests(struct atl_luv *luv)
{
    lua_State *L = luv->vm->L;
    bool found = false;
    int types;

    if (luv->context == NULL || luv->vm->loop.uv.active_reqs.count == 0)
        return false;
    types = lua_gettop(L) + 1;
    luaL_getmetatable(L, "uv_req");
    luaL_getmetatable(L, "luv_work_ctx");
    lua_pushnil(L);
    while (!found && lua_next(L, LUA_REGISTRYINDEX)) {
        found = is_request(L, types);
        lua_pop(L, 1);
    }
    lua_settop(L, types - 1);
    return found;
}

bool
atl_luv_is_active(struct atl_luv *luv)
{
    const uv_handle_t *active;

    if (luv->context == NULL || !uv_loop_alive(&luv->vm->loop.uv))
        return false;
    if (ask_witness(luv))
        return true;
    active = search(luv).active;
    set_witness(luv, active);
    return active != NULL || has_requests(luv);
}

/* --- the end --- */

/* luv's own close callback would call the user's; __gc frees the memory. */
static void
on_closed(uv_handle_t *handle)
{
    atl_loop_woken(handle->loop);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
    if (is_luvs(arg, handle) && !uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* Those that no thread has begun; the others have to be waited for. */
static void
cancel_requests(lua_State *L)
{
    luaL_getmetatable(L, "uv_req");
    lua_pushnil(L);
    while (lua_next(L, LUA_REGISTRYINDEX)) {
        if (lua_type(L, -1) == LUA_TUSERDATA && lua_getmetatable(L, -1)) {
            bool is = lua_rawequal(L, -1, -4);
            uv_req_t *request = lua_touserdata(L, -2);

            lua_pop(L, 1);
            if (is && request->data != NULL)
                (void)uv_cancel(request);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/*
 * Before lua_close().  A finalizer that opens something later opens it on a
 * loop of its own, which nobody turns.
 */
static void
close_all(struct atl_hook *hook)
{
    struct atl_luv *luv = ATL_OWNER(hook, struct atl_luv, before);
    uv_loop_t *loop = &luv->vm->loop.uv;

    luv->closing = true;
    luv->has_witness = false;
    uv_walk(loop, close_handle, luv);
    cancel_requests(luv->vm->L);
    while (atl_luv_has_handles(luv) || has_requests(luv))
        uv_run(loop, UV_RUN_ONCE);
    if (uv_loop_init(luv->grave) == 0)
        luv->api.set_loop(luv->vm->L, luv->grave);
}

void
atl_luv_close_at_end(struct atl_luv *luv)
{
    luv->before.fn = close_all;
    atl_list_push(&luv->vm->before_close, &luv->before.link);
}
