/* compat.h - the one place that knows which Lua this is.
 * SPDX-License-Identifier: MIT
 *
 * The code is written for what LuaJIT 2.1 and Lua 5.4 share, in 5.4's terms.
 */
#ifndef ATL_LUA_COMPAT_H
#define ATL_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdint.h>

#if LUA_VERSION_NUM >= 504

#define atl_newuserdata(L, size) lua_newuserdatauv((L), (size), 1)
#define atl_setuservalue(L, i) (void)lua_setiuservalue((L), (i), 1)
#define atl_getuservalue(L, i) (void)lua_getiuservalue((L), (i), 1)
#define atl_rawlen(L, i) ((size_t)lua_rawlen((L), (i)))
#define ATL_HOOKS_ARE_GLOBAL 0 /* each coroutine has its own debug hook */

static inline int
atl_resume(lua_State *co, lua_State *from, int nargs, int *results_out)
{
    return lua_resume(co, from, nargs, results_out);
}

/* Push `n` if a Lua number can hold it exactly. */
static inline bool
atl_push_exact(lua_State *L, int64_t n)
{
    lua_pushinteger(L, n);
    return true;
}

/* The number at `i` is an integer that a double may not hold. */
static inline bool
atl_is_int64(lua_State *L, int i, int64_t *n_out)
{
    *n_out = lua_isinteger(L, i) ? lua_tointeger(L, i) : 0;
    return lua_isinteger(L, i);
}

#else /* LuaJIT: 5.1 with parts of 5.2 */

#define LUA_OK 0
#define atl_newuserdata(L, size) lua_newuserdata((L), (size))
/* Here a user value is the environment, and always a table. */
#define atl_setuservalue(L, i) (void)lua_setfenv((L), (i))
#define atl_getuservalue(L, i) lua_getfenv((L), (i))
#define atl_rawlen(L, i) lua_objlen((L), (i))
#define ATL_HOOKS_ARE_GLOBAL 1 /* one debug hook for all coroutines */
#define lua_absindex(L, i) \
    ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)

static inline int
atl_resume(lua_State *co, lua_State *from, int nargs, int *results_out)
{
    int status = lua_resume(co, nargs);

    (void)from;
    *results_out = lua_gettop(co);
    return status;
}

static inline bool
atl_push_exact(lua_State *L, int64_t n)
{
    bool exact = n <= (int64_t)1 << 53 && n >= -((int64_t)1 << 53);

    if (exact)
        lua_pushnumber(L, (lua_Number)n);
    return exact;
}

static inline bool
atl_is_int64(lua_State *L, int i, int64_t *n_out)
{
    (void)L, (void)i, (void)n_out;
    return false;
}

static inline int
lua_isinteger(lua_State *L, int i)
{
    lua_Number n = lua_tonumber(L, i);

    return lua_type(L, i) == LUA_TNUMBER && n == (lua_Number)(lua_Integer)n;
}

#endif
#endif
