/* loader.h - where modules come from: the embedded ones, then the disk.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_LOADER_H
#define ATL_LUA_LOADER_H

#include "lua/vm.h"

/* What the chunk names of Atlas's own modules begin with, behind the '@'. */
#define ATL_OWN_CHUNKS "<atlas>/"

/*
 * Put every embedded module into package.preload, and the working directory,
 * LUA_PATH and the system's folders into package.path, in this order.
 */
void atl_loader_open(struct atl_vm *vm);

/*
 * Push the chunk of the embedded module `name`, called "@<atlas>/task.lua" in
 * messages.  A debug build in its checkout reads the file itself, so that an
 * edit needs no build.  Returns what luaL_loadbuffer returns; on an error its
 * message is pushed.
 */
int atl_loader_load(lua_State *L, const char *name);

#endif
