/* task.c - the main task: a command's Lua, run until it has ended.
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"
#include "bind/luv/luv.h"
#include "bind/rt/tester.h"
#include "cli/cli.h"
#include "lua/dump.h"
#include "lua/trace.h"

struct main_end {
    int status;
    bool ended;
    bool failed;
};

static void
on_end(struct atl_lua_task *t, lua_State *L, bool failed, int count)
{
    struct main_end *end = t->data;
    lua_State *to = t->vm->L;

    end->ended = true;
    end->failed = failed;
    if (failed) {
        lua_pushvalue(L, -1);
        lua_xmove(L, to, 1);
        atl_trace_push_report(to, t, -1);
        end->status = atl_cli_fail(ATL_EXIT_FAILED, "%s", lua_tostring(to, -1));
        lua_pop(to, 2);
    } else if (count > 0 && lua_type(L, -count) == LUA_TNUMBER) {
        end->status = (int)lua_tointeger(L, -count);
    }
    atl_loop_stop(&t->vm->loop);
}

#define DRAIN_NS UINT64_C(30000000000) /* for detached tasks, at the end */
#define LAST_NS UINT64_C(1000000000)   /* once they are cancelled */

static void
on_limit(struct atl_timer *timer)
{
    (void)timer; /* only ends the poll */
}

/* Let the tasks go on that nobody owns, for `ns` at most. */
static void
drain(struct atl_loop *loop, uint64_t ns)
{
    uint64_t end = atl_loop_clock(loop) + ns;
    struct atl_timer limit;

    atl_timer_init(&limit);
    loop->stopped = false;
    loop->stop_when_empty = true;
    while (loop->roots.running > 0 && atl_loop_is_alive(loop) &&
           atl_loop_clock(loop) < end) {
        atl_timer_start(loop, &limit, end, on_limit);
        atl_loop_turn(loop, true);
        atl_timer_stop(loop, &limit);
    }
}

int
atl_cli_run_main(struct atl_vm *vm, int nargs, bool with_luv)
{
    struct main_end end = {ATL_EXIT_OK, false, false};
    struct atl_lua_task *t;
    lua_State *L = vm->L;
    const char *dump;
    size_t size;

    t = atl_sched_take_root(vm, L);
    t->on_end = on_end;
    t->data = &end;
    atl_task_push_userdata(L, t);
    lua_pushliteral(L, "main");
    atl_task_set_name(L, -2);
    lua_pop(L, 1);
    lua_checkstack(t->co, nargs + 3);
    lua_xmove(L, t->co, nargs + 1);
    atl_sched_start(t, nargs);
    /* A test that is deadlocked ends; the others are run. */
    while (!atl_loop_run(&vm->loop) && vm->tester != NULL &&
           atl_tester_on_deadlock(vm->tester))
        continue;
    if (end.ended) {
        if (with_luv && !end.failed)
            atl_luv_finish(vm);
        if (vm->end_ns == 0) /* nobody has set it */
            vm->end_ns = uv_hrtime() + DRAIN_NS;
        drain(&vm->loop, DRAIN_NS);
        if (vm->loop.roots.running > 0)
            atl_scope_cancel_all(&vm->loop.root);
        drain(&vm->loop, LAST_NS);
        return end.status;
    }
    atl_dump_push(L, vm);
    atl_trace_push(L, t); /* empty: its function has ended, children haven't */
    dump = lua_tolstring(L, -2, &size);
    return atl_cli_fail(
        ATL_EXIT_FAILED,
        "deadlock: tasks wait, and nothing is left that could wake them\n"
        "%.*s%s%s",
        (int)size - 1, dump, /* without its last line feed */
        atl_rawlen(L, -1) > 0 ? "\nstack traceback of the main task:\n" : "",
        lua_tostring(L, -1));
}
