/* init.h - all Lua modules that are written in C.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_INIT_H
#define ATL_BIND_INIT_H

#include "lua/vm.h"

/* Put them into package.preload. */
void atl_bind_open(struct atl_vm *vm);

/* Make the metatable of tasks; before the first task. */
void atl_bind_task_type(struct atl_vm *vm);

/* Make `require` find luv, and give it the VM's own loop. */
void atl_bind_luv(struct atl_vm *vm);

/* One a module: functions (L) with the VM as upvalue, returning a table. */
int luaopen_atlas_application(lua_State *L);
int luaopen_atlas_channel(lua_State *L);
int luaopen_atlas_task(lua_State *L);
int luaopen_atlas_scope(lua_State *L);
int luaopen_atlas_group(lua_State *L);
int luaopen_atlas_json(lua_State *L);
int luaopen_atlas_logging(lua_State *L);
int luaopen_atlas_luv(lua_State *L);
int luaopen_atlas_net(lua_State *L);
int luaopen_atlas_server(lua_State *L);
int luaopen_atlas_stress(lua_State *L);
int luaopen_atlas_sync(lua_State *L);
int luaopen_atlas_thread(lua_State *L);
int luaopen_atlas_test(lua_State *L);
int luaopen_atlas_var(lua_State *L);

#endif
