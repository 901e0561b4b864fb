/* init.c - all Lua modules that are written in C.  See init.h.
 * SPDX-License-Identifier: MIT
 */
#include "bind/init.h"

#include "lua/reg.h"

/* A module that has a Lua half under lua/atlas/ requires this one from there
 * by its name with ".core". */
static const struct atl_reg modules[] = {
    {"atlas.application.core", luaopen_atlas_application, 0},
    {"atlas.channel.core", luaopen_atlas_channel, 0},
    {"atlas.group.core", luaopen_atlas_group, 0},
    {"atlas.json.core", luaopen_atlas_json, 0},
    {"atlas.logging.core", luaopen_atlas_logging, 0},
    {"atlas.luv.core", luaopen_atlas_luv, 0},
    {"atlas.net.core", luaopen_atlas_net, 0},
    {"atlas.scope.core", luaopen_atlas_scope, 0},
    {"atlas.server.core", luaopen_atlas_server, 0},
    {"atlas.stress.core", luaopen_atlas_stress, 0},
    {"atlas.sync.core", luaopen_atlas_sync, 0},
    {"atlas.task.core", luaopen_atlas_task, 0},
    {"atlas.thread.core", luaopen_atlas_thread, 0},
    {"atlas.test.core", luaopen_atlas_test, 0},
    {"atlas.var.core", luaopen_atlas_var, 0},
    {NULL, NULL, 0},
};

void
atl_bind_open(struct atl_vm *vm)
{
    atl_bind_task_type(vm);
    lua_getglobal(vm->L, "package");
    lua_getfield(vm->L, -1, "preload");
    atl_reg_set(vm->L, vm, modules);
    lua_pop(vm->L, 2);
    if (!vm->is_thread) /* there luv is as it is, with a loop of its own */
        atl_bind_luv(vm);
}
