/* worker.c - a VM in another thread.  See worker.h.
 * SPDX-License-Identifier: MIT
 *
 * The VM is whole, with a loop that never turns: what waits finds no task and
 * says so.  It is kept from call to call, with the modules that were loaded;
 * but not when memory has run out in it, or when it keeps too much.
 */
#include "bind/rt/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "bind/init.h"
#include "lua/copy.h"
#include "lua/loader.h"
#include "lua/sched.h"
#include "lua/trace.h"

#define MAX_TEXT 4096 /* bytes of an error that can't be copied as it is */

struct atl_worker {
    struct atl_vm *vm; /* NULL: to be made */
    unsigned number;
    size_t memory;
    bool broken;    /* memory has run out */
    char label[80]; /* "module.function", of the call in hand */
    /* References: */
    int serve;                  /* f_serve */
    int handler;                /* f_on_error */
    int tidy;                   /* f_tidy */
    int call, convert, text_of; /* functions of atlas.worker */
    int trace;                  /* of the error that was raised last */
};

struct atl_call *
atl_call_new(void)
{
    struct atl_call *call = atl_calloc(1, sizeof(*call));

    atl_buf_init(&call->in, ATL_THREAD_MAX_BYTES);
    atl_buf_init(&call->out, ATL_THREAD_MAX_BYTES);
    return call;
}

void
atl_call_free(struct atl_call *call)
{
    atl_buf_deinit(&call->in);
    atl_buf_deinit(&call->out);
    atl_free(call);
}

/* --- the outcome --- */

/* The two on top of the stack, an error and its traceback, are the outcome. */
static int
put_failure(lua_State *L, struct atl_worker *w, struct atl_call *call,
            struct atl_copy_fault *fault)
{
    call->failed = true;
    call->out.len = 0;
    return atl_copy_write(L, w->vm, lua_gettop(L) - 1, 2, &call->out, fault);
}

/* Push where the error was raised, in which thread. */
static void
push_trace(lua_State *L, struct atl_worker *w)
{
    const char *text;

    atl_vm_push(L, w->trace);
    text = lua_tostring(L, -1);
    lua_pushfstring(
        L, "%s%sin thread %d, called as '%s'", text != NULL ? text : "",
        text != NULL && *text != '\0' ? "\n" : "", (int)w->number, w->label);
    lua_replace(L, -2);
}

/* So is this text. */
static void
put_text(lua_State *L, struct atl_worker *w, struct atl_call *call,
         const char *text)
{
    struct atl_copy_fault fault;

    lua_pushstring(L, text);
    push_trace(L, w);
    if (put_failure(L, w, call, &fault) != 0)
        call->out.len = 0; /* never so small a limit */
}

/*
 * The error on top of the stack is the outcome.  One that can't be copied as it
 * is becomes its text.
 */
static void
put_error(lua_State *L, struct atl_worker *w, struct atl_call *call)
{
    struct atl_copy_fault fault;
    const char *text;
    size_t len;
    int trace;

    atl_vm_push(L, w->convert);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    push_trace(L, w);
    if (put_failure(L, w, call, &fault) == 0)
        return;
    trace = lua_gettop(L);
    atl_vm_push(L, w->text_of);
    lua_pushvalue(L, trace - 1);
    lua_call(L, 1, 1);
    text = lua_tolstring(L, -1, &len);
    lua_pushlstring(L, text, len < MAX_TEXT ? len : MAX_TEXT);
    lua_pushfstring(L, "%s (the error itself cannot be copied: %s)",
                    lua_tostring(L, -1), fault.text);
    lua_pushvalue(L, trace);
    if (put_failure(L, w, call, &fault) != 0)
        put_text(L, w, call, fault.text);
}

static void
put_results(lua_State *L, struct atl_worker *w, struct atl_call *call,
            int first)
{
    struct atl_copy_fault fault;
    int count = lua_gettop(L) - first + 1;
    char text[sizeof(fault.text) + 64];

    if (count > ATL_MAX_VALUES) {
        snprintf(text, sizeof(text), "too many results: %d, at most %d", count,
                 ATL_MAX_VALUES);
    } else {
        call->failed = false;
        if (atl_copy_write(L, w->vm, first, count, &call->out, &fault) == 0)
            return;
        snprintf(text, sizeof(text), "bad result #%d (%s)", fault.value,
                 fault.text);
    }
    put_text(L, w, call, text);
}

/* --- in the VM --- */

/* The message handler: keep where it was raised. */
static int
f_on_error(lua_State *L)
{
    struct atl_worker *w = lua_touserdata(L, lua_upvalueindex(1));

    lua_settop(L, 1);
    atl_trace_push_stack(L, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, w->trace);
    return 1;
}

/* serve(call): in a pcall, for its own calls of Lua may raise. */
static int
f_serve(lua_State *L)
{
    struct atl_worker *w = lua_touserdata(L, lua_upvalueindex(1));
    struct atl_call *call = lua_touserdata(L, 1);
    int count, status;

    lua_settop(L, 0);
    lua_pushboolean(L, 0);
    lua_rawseti(L, LUA_REGISTRYINDEX, w->trace);
    atl_vm_push(L, w->handler);
    atl_vm_push(L, w->call);
    count = atl_copy_read(L, w->vm, call->in.data);
    snprintf(w->label, sizeof(w->label), "%s.%s", lua_tostring(L, 5),
             lua_tostring(L, 6));
    atl_buf_deinit(&call->in);
    status = lua_pcall(L, count, LUA_MULTRET, 1);
    if (status == LUA_OK) {
        put_results(L, w, call, 2);
        return 0;
    }
    w->broken = status == LUA_ERRMEM;
    put_error(L, w, call);
    return 0;
}

/* tidy() -> bytes that are in use, once it has collected what it should. */
static int
f_tidy(lua_State *L)
{
    struct atl_worker *w = lua_touserdata(L, lua_upvalueindex(1));
    size_t used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) << 10;

    lua_settop(L, 0);
    if (used > w->memory) {
        lua_gc(L, LUA_GCCOLLECT, 0);
        lua_gc(L, LUA_GCCOLLECT, 0); /* what had finalizers */
        used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) << 10;
    }
    lua_pushnumber(L, (lua_Number)used);
    return 1;
}

/* --- its life --- */

static int
make_ref(lua_State *L, struct atl_worker *w, lua_CFunction fn)
{
    lua_pushlightuserdata(L, w);
    lua_pushcclosure(L, fn, 1);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int
open_vm(struct atl_worker *w)
{
    lua_State *L;
    int err;

    if ((err = atl_vm_new(&w->vm)) != 0) {
        w->vm = NULL;
        return err;
    }
    w->vm->is_thread = true;
    atl_bind_open(w->vm);
    L = w->vm->L;
    w->serve = make_ref(L, w, f_serve);
    w->handler = make_ref(L, w, f_on_error);
    w->tidy = make_ref(L, w, f_tidy);
    lua_pushboolean(L, 0);
    w->trace = luaL_ref(L, LUA_REGISTRYINDEX);
    if (atl_loader_load(L, "atlas.worker") != LUA_OK ||
        lua_pcall(L, 0, 3, 0) != LUA_OK) {
        atl_log(ATL_LOG_ERROR, "thread: %s", lua_tostring(L, -1));
        atl_vm_free(w->vm);
        w->vm = NULL;
        return ATL_E_INVALID;
    }
    w->text_of = luaL_ref(L, LUA_REGISTRYINDEX);
    w->convert = luaL_ref(L, LUA_REGISTRYINDEX);
    w->call = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static void
close_vm(struct atl_worker *w)
{
    if (w->vm != NULL)
        atl_vm_free(w->vm);
    w->vm = NULL;
    w->broken = false;
}

struct atl_worker *
atl_worker_new(unsigned number, size_t memory)
{
    struct atl_worker *w = atl_calloc(1, sizeof(*w));

    w->number = number;
    w->memory = memory > 0 ? memory : ATL_THREAD_MEMORY;
    return w;
}

void
atl_worker_free(struct atl_worker *w)
{
    close_vm(w);
    atl_free(w);
}

/* Make another VM for the next call, if this one isn't fit for it. */
static void
replace_unfit(struct atl_worker *w)
{
    lua_State *L = w->vm->L;
    size_t used = 0;

    if (!w->broken) {
        lua_settop(L, 0);
        atl_vm_push(L, w->tidy);
        w->broken = lua_pcall(L, 0, 1, 0) == LUA_ERRMEM;
        used = (size_t)lua_tonumber(L, -1);
        lua_settop(L, 0);
    }
    if (w->broken)
        atl_log(ATL_LOG_WARN,
                "thread %u has run out of memory: it begins again", w->number);
    else if (used > w->memory)
        atl_log(ATL_LOG_WARN,
                "thread %u keeps %zu MiB, more than %zu: it begins again",
                w->number, used >> 20, w->memory >> 20);
    else
        return;
    close_vm(w);
}

/* What the loop's side says of a call that has no outcome: out is empty. */
static void
fail_without_vm(struct atl_call *call)
{
    atl_buf_deinit(&call->in);
    atl_buf_deinit(&call->out);
    call->failed = true;
}

void
atl_worker_run(struct atl_worker *w, struct atl_call *call)
{
    lua_State *L;

    if (w->vm == NULL && open_vm(w) != 0) {
        fail_without_vm(call);
        return;
    }
    L = w->vm->L;
    w->vm->request = call->request;
    lua_settop(L, 0);
    atl_vm_push(L, w->serve);
    lua_pushlightuserdata(L, call);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        w->broken = true;
        fail_without_vm(call);
    }
    w->vm->request = 0;
    replace_unfit(w);
}
