/* json_path.h - where in a value that is being encoded something is wrong.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_PATH_H
#define ATL_LUA_JSON_PATH_H

#include <stddef.h>

#include "lua/vm.h"

/* A table that is open, and the key in it whose value is being written. */
struct atl_json_frame {
    const struct atl_json_frame *up; /* NULL: the outermost table */
    int table;                       /* slot */
    int key;                         /* slot of the present key; 0: it is `i` */
    lua_Integer i;
};

/*
 * Write the steps from the outermost table to `f`, such as ".items[3].price",
 * into `out` with a NUL; bytes that aren't printable ASCII become '?'.  A path
 * that doesn't fit into `room` bytes is cut and ends in "...".
 */
void atl_json_path(lua_State *L, const struct atl_json_frame *f, char *out,
                   size_t room);

#endif
