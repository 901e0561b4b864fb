/* stress.c - module atlas.stress.core: what tests put the scheduler through.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. It stays on once it was started: a clock that was ahead of the real one
 *    cannot be taken away again.
 * 2. What happens depends on the seed alone: time passes only when it is read,
 *    when nothing is ready, and by advance().
 */
#include "bind/init.h"
#include "lua/args.h"
#include "lua/reg.h"
#include "lua/vm.h"

#define READING_NS 100 /* what it takes to read the clock */
#define NS_PER_S 1e9

struct stress {
    struct atl_stress head; /* first: it is cast */
    struct atl_clock clock;
    struct atl_vm *vm;
    uint64_t now_ns;
};

static uint64_t
read_clock(struct atl_clock *clock)
{
    struct stress *s = ATL_OWNER(clock, struct stress, clock);

    return s->now_ns += READING_NS;
}

/* Nothing is ready: time jumps to the next timer. */
static void
on_idle(struct atl_clock *clock, uint64_t next_ns)
{
    struct stress *s = ATL_OWNER(clock, struct stress, clock);

    if (next_ns != UINT64_MAX && next_ns > s->now_ns)
        s->now_ns = next_ns;
}

static void
collect(struct atl_stress *head)
{
    (void)lua_gc(((struct stress *)(void *)head)->vm->L, LUA_GCCOLLECT, 0);
}

static struct stress *
find_stress(lua_State *L)
{
    struct stress *s = (struct stress *)(void *)ATL_VM(L)->loop.stress;

    if (s == NULL || ATL_VM(L)->tester != NULL)
        atl_raise(L, "'start' comes first");
    return s;
}

/* start(): from here on time is virtual.  The userdata is never collected. */
static int
f_start(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct stress *s;

    if (vm->tester != NULL)
        return atl_raise(L, "'atlas test' has a clock of its own");
    if (vm->loop.stress != NULL)
        return 0;
    s = atl_newuserdata(L, sizeof(*s));
    *s = (struct stress){.clock = {read_clock, on_idle},
                         .vm = vm,
                         .now_ns = atl_loop_clock(&vm->loop)};
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    vm->loop.clock = &s->clock;
    vm->loop.stress = &s->head;
    return 0;
}

/* seed(n): the order of the tasks that are ready; 0: the one of coming. */
static int
f_seed(lua_State *L)
{
    find_stress(L)->head.seed = (uint64_t)atl_arg_number(L, 1);
    return 0;
}

/* collect(is_on): a full collection before each resume of a task. */
static int
f_collect(lua_State *L)
{
    find_stress(L)->head.before = lua_toboolean(L, 1) ? collect : NULL;
    return 0;
}

/* advance(seconds): as if the code had kept the loop busy for as long. */
static int
f_advance(lua_State *L)
{
    find_stress(L)->now_ns += (uint64_t)(atl_arg_number(L, 1) * NS_PER_S);
    return 0;
}

static const struct atl_reg functions[] = {
    {"start", f_start, 0},     {"seed", f_seed, 0}, {"collect", f_collect, 0},
    {"advance", f_advance, 0}, {NULL, NULL, 0},
};

int
luaopen_atlas_stress(lua_State *L)
{
    lua_newtable(L);
    atl_reg_set(L, ATL_VM(L), functions);
    return 1;
}
