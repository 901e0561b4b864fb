/* test.c - module atlas.test.core: what the runner of tests does to its VM.
 * SPDX-License-Identifier: MIT
 *
 * Only in `atlas test`; elsewhere all of it but list(), kind(), real_now() and
 * is_terminal() raises.
 */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bind/init.h"
#include "bind/rt/leaks.h"
#include "bind/rt/tester.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"

#define NS_PER_S 1e9
#define MAX_LIMIT 1e6 /* seconds that a test may take */

static struct atl_tester *
find_tester(lua_State *L)
{
    struct atl_tester *t = ATL_VM(L)->tester;

    if (t == NULL)
        atl_raise(L, "'%s' is of 'atlas test'",
                  lua_tostring(L, lua_upvalueindex(2)));
    return t;
}

/* --- time and order --- */

/* virtual(patience): time jumps from now on; virtual(nil): it doesn't. */
static int
f_virtual(lua_State *L)
{
    struct atl_tester *t = find_tester(L);
    lua_Number patience;

    if (lua_isnoneornil(L, 1)) {
        atl_virtual_stop(&t->time);
        return 0;
    }
    patience = atl_arg_number(L, 1);
    if (!(patience >= 0 && patience <= MAX_LIMIT))
        return atl_arg_error(L, 1, "seconds from 0 to 1e6 expected");
    atl_virtual_start(&t->time, (uint64_t)(patience * NS_PER_S));
    return 0;
}

/* is_virtual() -> boolean */
static int
f_is_virtual(lua_State *L)
{
    const struct atl_tester *t = ATL_VM(L)->tester;

    lua_pushboolean(L, t != NULL && t->time.on);
    return 1;
}

/* held_by() -> what keeps a virtual clock from jumping just now, or nil */
static int
f_held_by(lua_State *L)
{
    lua_pushstring(L, atl_virtual_held_by(&ATL_VM(L)->loop));
    return 1;
}

/* real_now() -> seconds on the machine's clock */
static int
f_real_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)uv_hrtime() / NS_PER_S);
    return 1;
}

/* order(seed): of the tasks that are ready; 0: the one of their coming. */
static int
f_order(lua_State *L)
{
    find_tester(L)->order.seed = (uint64_t)atl_arg_number(L, 1);
    return 0;
}

/* --- the guarded task --- */

/* guard(task, name, seconds) */
static int
f_guard(lua_State *L)
{
    struct atl_tester *t = find_tester(L);
    struct atl_lua_task *task = atl_arg_task(L, 1);
    struct atl_str name = atl_arg_str(L, 2);
    lua_Number secs = atl_arg_number(L, 3);

    if (!(secs > 0 && secs <= MAX_LIMIT))
        return atl_arg_error(L, 3, "seconds up to 1e6 expected");
    if (t->guarded != NULL)
        return atl_raise(L, "another task is guarded");
    atl_tester_guard(t, task, name.ptr, (uint64_t)(secs * 1e3) + 1);
    return 0;
}

/* frame(task) -> task, which traces and the task tree leave out from now on */
static int
f_frame(lua_State *L)
{
    atl_arg_task(L, 1)->is_frame = true;
    lua_settop(L, 1);
    return 1;
}

/* unguard() -> nil, or "timeout" or "deadlock", and the task tree then */
static int
f_unguard(lua_State *L)
{
    struct atl_tester *t = find_tester(L);

    atl_tester_unguard(t);
    if (t->ended_by == NULL)
        return 0;
    lua_pushstring(L, t->ended_by);
    atl_vm_push(L, t->dump);
    luaL_unref(L, LUA_REGISTRYINDEX, t->dump);
    t->dump = LUA_NOREF;
    t->ended_by = NULL;
    return 2;
}

/* --- files --- */

/* list(folder) -> names in it, those of folders with a "/" behind; nil, err */
static int
f_list(lua_State *L)
{
    const char *path = atl_arg_str(L, 1).ptr;
    uv_dirent_t entry;
    uv_fs_t req;
    int count = 0, err = uv_fs_scandir(NULL, &req, path, 0, NULL);

    if (err < 0) {
        uv_fs_req_cleanup(&req);
        return atl_push_error(L, ATL_VM(L), err, path);
    }
    lua_newtable(L);
    while (uv_fs_scandir_next(&req, &entry) != UV_EOF) {
        lua_pushfstring(L, "%s%s", entry.name,
                        entry.type == UV_DIRENT_DIR ? "/" : "");
        lua_rawseti(L, -2, ++count);
    }
    uv_fs_req_cleanup(&req);
    return 1;
}

/* kind(path) -> "file", "folder"; nil, err */
static int
f_kind(lua_State *L)
{
    const char *path = atl_arg_str(L, 1).ptr;
    uv_fs_t req;
    int err = uv_fs_stat(NULL, &req, path, NULL);
    bool is_folder = err == 0 && (req.statbuf.st_mode & S_IFMT) == S_IFDIR;

    uv_fs_req_cleanup(&req);
    if (err < 0)
        return atl_push_error(L, ATL_VM(L), err, path);
    lua_pushstring(L, is_folder ? "folder" : "file");
    return 1;
}

/* is_terminal() -> does standard output go to one? */
static int
f_is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty(STDOUT_FILENO));
    return 1;
}

static const struct atl_reg functions[] = {
    {"virtual", f_virtual, 0},
    {"is_virtual", f_is_virtual, 0},
    {"held_by", f_held_by, 0},
    {"real_now", f_real_now, 0},
    {"order", f_order, 0},
    {"guard", f_guard, 0},
    {"unguard", f_unguard, 0},
    {"frame", f_frame, 0},
    {"list", f_list, 0},
    {"kind", f_kind, 0},
    {"is_terminal", f_is_terminal, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_test(lua_State *L)
{
    lua_newtable(L);
    atl_reg_set(L, ATL_VM(L), functions);
    atl_reg_set(L, ATL_VM(L), atl_leaks_functions);
    return 1;
}
