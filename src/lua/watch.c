/* watch.c - what the watchdog tells of Lua that blocks the loop.  See watch.h.
 * SPDX-License-Identifier: MIT
 *
 * The watchdog's signal handler describes the task, and sets a debug hook,
 * which both VMs allow a signal handler to do.  The hook runs before the next
 * instruction that is interpreted, there is free to call what it likes, and
 * takes the traceback.  In the traces of LuaJIT and in C nothing is
 * interpreted, so it runs when they have returned, or never.
 *
 * Laws:
 * 1. The hook is on a coroutine (on LuaJIT: on all) only while vm->hooked
 *    names that, and no longer than this is running.
 * 2. A hook that was there before is there again behind it.
 */
#include "lua/watch.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "lua/sched.h"
#include "lua/trace.h"

#define MAX_PARENTS 64                /* tasks around one that are looked at */
#define AT_ONCE_NS UINT64_C(10000000) /* from the signal to the hook */

struct atl_watch {
    bool alone;
    lua_Hook old_hook; /* what the watchdog's hook stands in for */
    int old_mask, old_count;
    uint64_t asked_ns; /* when the signal came */
};

static char registry_key; /* registry[&registry_key]: the VM, for on_hook */

/* --- text, in a signal handler --- */

struct text {
    char *at;
    char *end;
};

static void
put(struct text *to, const char *from, size_t max)
{
    for (; max > 0 && *from != '\0' && to->at < to->end; max--, from++)
        *to->at++ = (unsigned char)*from < 0x20 ? '?' : *from;
}

static void
put_number(struct text *to, uint32_t n)
{
    char digits[11], *p = digits + sizeof(digits);

    *--p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put(to, p, sizeof(digits));
}

/* "GET /path", of `t` or the nearest task around it that does such a thing. */
static void
put_work(struct text *to, const struct atl_lua_task *t)
{
    int i;

    for (i = 0; t != NULL && i < MAX_PARENTS; i++) {
        if (t->describe != NULL) {
            put(to, i == 0 ? " (" : " (for ", 8);
            to->at += t->describe(t, to->at, (size_t)(to->end - to->at));
            put(to, ")", 1);
            return;
        }
        t = (const struct atl_lua_task *)atl_task_parent(&t->task);
    }
}

static void
put_task(struct text *to, const struct atl_lua_task *t)
{
    put(to, "task ", 8);
    put_number(to, t->number);
    if (t->name != NULL) {
        put(to, " '", 2);
        put(to, t->name, 64);
        put(to, "'", 1);
    }
    put_work(to, t);
    if (t->site.source != NULL) {
        put(to, ", spawned at ", 16);
        put(to, t->site.source, LUA_IDSIZE);
        put(to, ":", 1);
        put_number(to, (uint32_t)t->site.line);
    }
}

/* --- the hook --- */

static void on_hook(lua_State *L, lua_Debug *ar);

void
atl_watch_unhook(struct atl_vm *vm)
{
    struct atl_watch *w = vm->watch;

    if (lua_gethook(vm->hooked) == on_hook) /* nobody has set another */
        lua_sethook(vm->hooked, w->old_hook, w->old_mask, w->old_count);
    vm->hooked = NULL;
}

/* Hand over where the running task is. */
static void
tell_trace(lua_State *L, struct atl_vm *vm, struct atl_lua_task *t)
{
    bool at_once = uv_hrtime() - vm->watch->asked_ns < AT_ONCE_NS;
    const char *text;

    atl_trace_push_running(L, t, 0);
    lua_pushfstring(L, "task %d %s\nstack traceback:\n%s", (int)t->number,
                    at_once ? "blocks the loop at:"
                            : "was in compiled code or C until now, and goes "
                              "on at:",
                    lua_tostring(L, -1));
    text = lua_tostring(L, -1);
    atl_watchdog_tell(&vm->loop, atl_strndup(text, strlen(text)));
    lua_pop(L, 2);
}

static void
on_hook(lua_State *L, lua_Debug *ar)
{
    struct atl_vm *vm;

    (void)ar;
    lua_pushlightuserdata(L, &registry_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    vm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (vm->hooked == NULL || (!ATL_HOOKS_ARE_GLOBAL && vm->hooked != L)) {
        /* A coroutine inherits the hook of the one in which it is made. */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    atl_watch_unhook(vm);
    if (atl_sched_current(vm) != NULL)
        tell_trace(L, vm, atl_sched_current(vm));
}

/*
 * Have on_hook() called on the coroutine that runs: by the next instruction
 * or, in a VM that has such a hook, by a return from C.
 */
static void
set_hook(struct atl_vm *vm)
{
    struct atl_watch *w = vm->watch;
    lua_State *L = vm->running;

    if (L == NULL || vm->hooked != NULL)
        return;
    w->old_hook = lua_gethook(L);
    w->old_mask = lua_gethookmask(L);
    w->old_count = lua_gethookcount(L);
    vm->hooked = L;
    lua_sethook(L, on_hook, LUA_MASKCOUNT | LUA_MASKRET, 1);
}

/* In the signal handler, see rt/watchdog.h. */
static size_t
describe(struct atl_loop *loop, char *out, size_t room, uint64_t *request_out)
{
    struct atl_vm *vm = ATL_OWNER(loop, struct atl_vm, loop);
    const struct atl_lua_task *t = atl_sched_current(vm);
    struct text to = {out, out + room};

    if (!vm->watch->alone && vm->live <= 1 && !uv_loop_alive(&loop->uv))
        return 0;
    if (t != NULL) {
        put_task(&to, t);
        *request_out = t->request;
        vm->watch->asked_ns = uv_hrtime();
        set_hook(vm);
    } else {
        put(&to, "C code outside any task", 64);
    }
    return (size_t)(to.at - out);
}

/* --- coroutines --- */

static int
fail(lua_State *L, const char *text)
{
    lua_pushboolean(L, 0);
    lua_pushstring(L, text);
    return 2;
}

/* coroutine.resume, after which vm->running names what really runs. */
static int
f_resume(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    lua_State *co = lua_tothread(L, 1), *outer = vm->running;
    int status, count = lua_gettop(L) - 1;

    luaL_argcheck(L, co != NULL, 1, "coroutine expected");
    if (!lua_checkstack(co, count))
        return fail(L, "too many arguments to resume");
    lua_xmove(L, co, count);
    vm->running = co;
    status = atl_resume(co, L, count, &count);
    vm->running = outer;
    if (vm->hooked == co) { /* the block goes on out here */
        atl_watch_unhook(vm);
        set_hook(vm);
    }
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushboolean(L, 0);
        lua_xmove(co, L, 1);
        return 2;
    }
    if (!lua_checkstack(L, count + 1)) {
        lua_pop(co, count);
        return fail(L, "too many results to resume");
    }
    lua_pushboolean(L, 1);
    lua_xmove(co, L, count);
    return count + 1;
}

/* --- start and stop --- */

void
atl_watch_open(struct atl_vm *vm)
{
    lua_State *L = vm->L;

    lua_pushlightuserdata(L, &registry_key);
    lua_pushlightuserdata(L, vm);
    lua_rawset(L, LUA_REGISTRYINDEX);
    if (ATL_HOOKS_ARE_GLOBAL)
        return;
    lua_getglobal(L, "coroutine");
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, f_resume, 1);
    lua_setfield(L, -2, "resume");
    lua_pop(L, 1);
}

int
atl_watch_start(struct atl_vm *vm, unsigned block_ms, bool alone)
{
    int err;

    atl_watch_stop(vm);
    if (block_ms == 0)
        return 0;
    vm->watch = atl_calloc(1, sizeof(*vm->watch));
    vm->watch->alone = alone;
    if ((err = atl_watchdog_start(&vm->loop, block_ms, describe)) != 0) {
        atl_free(vm->watch);
        vm->watch = NULL;
    }
    return err;
}

void
atl_watch_stop(struct atl_vm *vm)
{
    if (vm->watch == NULL)
        return;
    atl_watchdog_stop(&vm->loop);
    if (vm->hooked != NULL)
        atl_watch_unhook(vm);
    atl_free(vm->watch);
    vm->watch = NULL;
}
