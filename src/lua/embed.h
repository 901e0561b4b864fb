/* embed.h - the Lua files of lua/ and the reference, inside of the binary.
 * SPDX-License-Identifier: MIT
 *
 * The tables are written at build time by tools/embed.c.
 */
#ifndef ATL_LUA_EMBED_H
#define ATL_LUA_EMBED_H

#include <stddef.h>

/* One file; all of it is static. */
struct atl_embedded {
    const char *name;   /* as given to require: "atlas.task", "atlas" */
    const char *path;   /* below lua/: "atlas/task.lua", "atlas/init.lua" */
    const char *source; /* its text as it is, followed by a NUL */
    size_t size;        /* bytes in `source`, without that NUL */
};

/* Sorted by name in strcmp's order, each name once; end with a NULL name. */
extern const struct atl_embedded atl_embedded_modules[];
extern const struct atl_embedded atl_embedded_pages[]; /* docs/reference */

#endif
