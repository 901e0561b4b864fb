/* loader.c - where modules come from.  See loader.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/loader.h"

#include <stdio.h>
#include <string.h>

#include "lua/embed.h"

#if LUA_VERSION_NUM >= 504
#define SHARE "lua/5.4/"
#else
#define SHARE "lua/5.1/"
#endif

static const struct atl_embedded *
find(const char *name)
{
    const struct atl_embedded *m;

    for (m = atl_embedded_modules; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

#ifdef ATL_LUA_DIR
/* Push the chunk that `f` holds, and close it. */
static int
load_file(lua_State *L, FILE *f, const char *chunk)
{
    luaL_Buffer b;
    const char *text;
    size_t len;

    luaL_buffinit(L, &b);
    do {
        char *room = luaL_prepbuffer(&b);

        len = fread(room, 1, LUAL_BUFFERSIZE, f);
        luaL_addsize(&b, len);
    } while (len > 0);
    fclose(f);
    luaL_pushresult(&b);
    text = lua_tolstring(L, -1, &len);
    if (luaL_loadbuffer(L, text, len, chunk) != LUA_OK) {
        lua_remove(L, -2);
        return LUA_ERRSYNTAX;
    }
    lua_remove(L, -2);
    return LUA_OK;
}
#endif

int
atl_loader_load(lua_State *L, const char *name)
{
    const struct atl_embedded *m = find(name);
    char chunk[128];

    if (m == NULL) {
        lua_pushfstring(L, "no embedded module '%s'", name);
        return LUA_ERRRUN;
    }
    snprintf(chunk, sizeof(chunk), "@" ATL_OWN_CHUNKS "%s",
             m->path + strlen("atlas/"));
#ifdef ATL_LUA_DIR
    {
        char file[512];
        FILE *f;

        snprintf(file, sizeof(file), ATL_LUA_DIR "/%s", m->path);
        if ((f = fopen(file, "rb")) != NULL)
            return load_file(L, f, chunk);
    }
#endif
    return luaL_loadbuffer(L, m->source, m->size, chunk);
}

/* package.preload's function: (name) -> what the module returns. */
static int
f_preload(lua_State *L)
{
    if (atl_loader_load(L, luaL_checkstring(L, 1)) != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static void
set_path(lua_State *L)
{
    static const char system[] = ";/usr/local/share/" SHARE "?.lua"
                                 ";/usr/local/share/" SHARE "?/init.lua"
                                 ";/usr/share/" SHARE "?.lua"
                                 ";/usr/share/" SHARE "?/init.lua";

    lua_getglobal(L, "package");
    lua_pushliteral(L, "./?.lua;./?/init.lua;");
    lua_getfield(L, -2, "path");
    lua_pushstring(L, system);
    lua_concat(L, 3);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}

void
atl_loader_open(struct atl_vm *vm)
{
    const struct atl_embedded *m;
    lua_State *L = vm->L;

    set_path(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    for (m = atl_embedded_modules; m->name != NULL; m++) {
        lua_pushcfunction(L, f_preload);
        lua_setfield(L, -2, m->name);
    }
    lua_pop(L, 2);
}
