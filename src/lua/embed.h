/* embed.h - the Lua files of lua/, carried inside the binary.
 * SPDX-License-Identifier: MIT
 *
 * The tables are written at build time by tools/embed.c.
 */
#ifndef ATL_LUA_EMBED_H
#define ATL_LUA_EMBED_H

#include <stddef.h>

/* One module; all of it is static. */
struct atl_embedded {
    const char *name;   /* as given to require: "atlas.task", "atlas" */
    const char *path;   /* below lua/: "atlas/task.lua", "atlas/init.lua" */
    const char *source; /* its text as it is, followed by a NUL */
    size_t size;        /* bytes in `source`, without that NUL */
};

/* Sorted by name in strcmp's order, each name once; ends with a NULL name. */
extern const struct atl_embedded atl_embedded_modules[];

/* How many there are, without the end mark. */
extern const size_t atl_embedded_count;

#endif
