/* load.c - what `require "luv"` does.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <string.h>

#include "bind/init.h"
#include "bind/luv/luv.h"
#include "lua/args.h"
#include "lua/reg.h"

/*
 * Push the path of luv's library, from package.cpath, or the text that says
 * where it isn't.
 */
static bool
find_library(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushliteral(L, "luv");
    lua_getfield(L, -3, "cpath");
    lua_call(L, 2, 2);
    if (lua_isstring(L, -2)) {
        lua_pop(L, 1);
        return true;
    }
    return false;
}

/* POSIX has dlsym() give functions as object pointers. */
static bool
get_symbol(void *library, const char *name, void *function_out)
{
    void *symbol = dlsym(library, name);

    memcpy(function_out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* The library stays: what it has on the loop is closed behind lua_close(). */
static void
open_library(lua_State *L, const char *path, struct atl_luv_api *api)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL)
        luaL_error(L, "error loading module 'luv' from file '%s':\n\t%s", path,
                   dlerror());
    if (!get_symbol(library, "luaopen_luv", &api->open) ||
        !get_symbol(library, "luv_context", &api->context) ||
        !get_symbol(library, "luv_set_loop", &api->set_loop) ||
        !get_symbol(library, "luv_set_callback", &api->set_callback))
        luaL_error(L, "'%s' isn't luv 1.44: %s", path, dlerror());
}

/* Set what atlas.luv has in the table on top, in the place of luv's own. */
static void
replace_functions(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "atlas.luv");
    lua_call(L, 1, 1);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

/* The loader of luv: (name) -> its table, of which a VM has one. */
static int
f_load(lua_State *L)
{
    struct atl_luv *luv = atl_luv_of(ATL_VM(L));
    lua_State *main = luv->vm->L;

    atl_vm_push(L, luv->module);
    if (lua_istable(L, -1))
        return 1;
    if (!find_library(L))
        return luaL_error(L,
                          "module 'luv' not found (Debian: apt install "
                          "lua-luv):%s",
                          lua_tostring(L, -1));
    open_library(L, lua_tostring(L, -1), &luv->api);
    /* Callbacks are made in the state that is given here. */
    luv->api.set_loop(main, &luv->vm->loop.uv);
    luv->api.set_callback(main, atl_luv_call);
    lua_pushcfunction(L, luv->api.open);
    lua_call(L, 0, 1);
    luv->context = luv->api.context(main);
    atl_luv_close_at_end(luv);
    replace_functions(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, luv->module);
    return 1;
}

/*
 * The last of require's searchers: luvit and its like call luv "uv".  A module
 * of that name that is on the path has been found before.
 */
static int
f_search(lua_State *L)
{
    if (strcmp(luaL_checkstring(L, 1), "uv") != 0)
        return 0;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, f_load, 1);
    return 1;
}

static const struct atl_reg loaders[] = {
    {"luv", f_load, 0},
    {NULL, NULL, 0},
};

void
atl_bind_luv(struct atl_vm *vm)
{
    lua_State *L = vm->L;

    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    atl_reg_set(L, vm, loaders);
    lua_pop(L, 1);
    lua_getfield(L, -1, "searchers");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_getfield(L, -1, "loaders");
    }
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, f_search, 1);
    lua_rawseti(L, -2, (int)atl_rawlen(L, -2) + 1);
    lua_pop(L, 2);
}
