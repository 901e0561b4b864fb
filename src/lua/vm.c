/* vm.c - one Lua state on one loop.  See vm.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/vm.h"

#include "base/alloc.h"
#include "base/log.h"
#include "lua/json.h"
#include "lua/loader.h"
#include "lua/sched.h"
#include "lua/watch.h"

/* Nothing catches this error: say what it is before Lua aborts. */
static int
on_panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);

    atl_log(ATL_LOG_ERROR, "fatal: %s", text != NULL ? text : "no memory");
    return 0;
}

int
atl_vm_new(struct atl_vm **vm_out)
{
    struct atl_vm *vm = atl_calloc(1, sizeof(*vm));
    int err;

    atl_list_init(&vm->before_close);
    atl_list_init(&vm->after_close);
    if ((err = atl_loop_init(&vm->loop)) != 0)
        goto fail_memory;
    vm->L = luaL_newstate();
    if (vm->L == NULL) {
        err = UV_ENOMEM;
        goto fail_loop;
    }
    lua_atpanic(vm->L, on_panic);
    luaL_openlibs(vm->L);
    atl_loader_open(vm);
    atl_watch_open(vm);
    atl_json_open(vm);
    if ((err = atl_sched_open(vm)) != 0)
        goto fail_state;
    *vm_out = vm;
    return 0;
fail_state:
    atl_log(ATL_LOG_ERROR, "fatal: %s", lua_tostring(vm->L, -1));
    lua_close(vm->L);
fail_loop:
    atl_loop_deinit(&vm->loop);
fail_memory:
    atl_free(vm);
    return err;
}

static void
run_hooks(struct atl_link *list)
{
    struct atl_link *link;

    while ((link = atl_list_pop(list)) != NULL) {
        struct atl_hook *hook = ATL_OWNER(link, struct atl_hook, link);

        hook->fn(hook);
    }
}

void
atl_vm_free(struct atl_vm *vm)
{
    atl_watch_stop(vm);
    run_hooks(&vm->before_close);
    lua_close(vm->L);
    run_hooks(&vm->after_close);
    atl_sched_close(vm);
    atl_loop_deinit(&vm->loop);
    atl_free(vm);
}
