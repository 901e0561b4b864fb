/* json.c - what encoding and decoding JSON share.  See json.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json.h"

#include "base/alloc.h"
#include "lua/json_scratch.h"

#define NULL_TYPE "atlas.json.null"
#define ARRAY_TYPE "atlas.json.Array"
#define SCRATCH_TYPE "atlas.json.Scratch"
#define MAX_KEPT (256 << 10) /* bytes of text, kept for the next user */
#define MAX_KEPT_KEYS 1024

/* --- scratch --- */

static int
m_scratch_gc(lua_State *L)
{
    struct atl_json_scratch **owned = lua_touserdata(L, 1);
    struct atl_json_scratch *s = *owned;

    if (s == NULL)
        return 0;
    *owned = NULL;
    atl_buf_deinit(&s->text);
    atl_free(s->keys);
    atl_free(s);
    return 0;
}

static struct atl_json_scratch *
push_scratch(lua_State *L)
{
    struct atl_json_scratch **owned =
        atl_newuserdata(L, sizeof(struct atl_json_scratch *));

    *owned = NULL;
    luaL_setmetatable(L, SCRATCH_TYPE);
    *owned = atl_calloc(1, sizeof(**owned));
    atl_buf_init(&(*owned)->text, SIZE_MAX);
    return *owned;
}

struct atl_json_scratch *
atl_json_scratch_take(lua_State *L, struct atl_vm *vm)
{
    if (vm->json.scratch->busy) {
        struct atl_json_scratch *s = push_scratch(L);

        lua_pushvalue(L, -1);
        lua_rawseti(L, LUA_REGISTRYINDEX, vm->json.scratch_ref);
        vm->json.scratch = s;
    } else {
        atl_vm_push(L, vm->json.scratch_ref);
    }
    vm->json.scratch->busy = true;
    return vm->json.scratch;
}

void
atl_json_scratch_give(struct atl_json_scratch *s)
{
    if (s->text.cap > MAX_KEPT)
        atl_buf_deinit(&s->text);
    if (s->key_room > MAX_KEPT_KEYS) {
        atl_free(s->keys);
        s->keys = NULL;
        s->key_room = 0;
    }
    s->text.len = 0;
    s->key_count = 0;
    s->busy = false;
}

/* --- null and arrays --- */

static int
m_null_tostring(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

void
atl_json_push_null(lua_State *L, struct atl_vm *vm)
{
    atl_vm_push(L, vm->json.null_ref);
}

bool
atl_json_is_null(lua_State *L, const struct atl_vm *vm, int index)
{
    return lua_touserdata(L, index) == vm->json.null;
}

void
atl_json_mark_array(lua_State *L, struct atl_vm *vm, int index)
{
    index = lua_absindex(L, index);
    atl_vm_push(L, vm->json.array_ref);
    lua_setmetatable(L, index);
}

bool
atl_json_is_array(lua_State *L, const struct atl_vm *vm, int index)
{
    bool is_array;

    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    is_array = lua_topointer(L, -1) == vm->json.array;
    lua_pop(L, 1);
    return is_array;
}

static void
open_null(struct atl_vm *vm, lua_State *L)
{
    vm->json.null = atl_newuserdata(L, 1);
    luaL_newmetatable(L, NULL_TYPE);
    lua_pushliteral(L, NULL_TYPE);
    lua_setfield(L, -2, "__name");
    lua_pushcfunction(L, m_null_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    vm->json.null_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void
open_array(struct atl_vm *vm, lua_State *L)
{
    luaL_newmetatable(L, ARRAY_TYPE);
    lua_pushliteral(L, ARRAY_TYPE);
    lua_setfield(L, -2, "__name");
    vm->json.array = lua_topointer(L, -1);
    vm->json.array_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void
open_scratch(struct atl_vm *vm, lua_State *L)
{
    luaL_newmetatable(L, SCRATCH_TYPE);
    lua_pushcfunction(L, m_scratch_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    vm->json.scratch = push_scratch(L);
    vm->json.scratch_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void
atl_json_open(struct atl_vm *vm)
{
    lua_State *L = vm->L;

    open_null(vm, L);
    open_array(vm, L);
    open_scratch(vm, L);
    lua_pushliteral(L, "__tojson");
    vm->json.tojson_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
