/* tidy.h - what clang-tidy can't see: these functions never return.
 * SPDX-License-Identifier: MIT
 *
 * tools/lint.sh includes it before each file; no build does.
 */
#ifndef ATL_TOOLS_TIDY_H
#define ATL_TOOLS_TIDY_H

struct lua_State;

int lua_error(struct lua_State *L) __attribute__((noreturn));
int luaL_error(struct lua_State *L, const char *format, ...)
    __attribute__((noreturn));
int luaL_argerror(struct lua_State *L, int arg, const char *message)
    __attribute__((noreturn));
int atl_raise(struct lua_State *L, const char *format, ...)
    __attribute__((noreturn));
int atl_arg_error(struct lua_State *L, int arg, const char *text)
    __attribute__((noreturn));

#endif
