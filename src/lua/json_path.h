/* json_path.h - where in a value something is that can't be encoded.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_PATH_H
#define ATL_LUA_JSON_PATH_H

#include "lua/compat.h"

#define ATL_JSON_PATH_ROOM 164 /* bytes, with the 0 at the end */

/* A table that is open, and where in it the encoder is. */
struct atl_json_frame {
    const struct atl_json_frame *up; /* NULL: the outermost table */
    int table;                       /* slot */
    int key;                         /* slot of the present key; 0: it is `i` */
    lua_Integer i;
};

/*
 * Write ".items[3].price" for the present item of `f` to `out`, which has
 * ATL_JSON_PATH_ROOM bytes.  What is no visible ASCII is "?", and a long path
 * ends in "...".  The stack is as it was.
 */
void atl_json_path_write(char *out, lua_State *L,
                         const struct atl_json_frame *f);

#endif
