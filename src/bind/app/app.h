/* app.h - the files behind module atlas.application.core.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_APP_APP_H
#define ATL_BIND_APP_APP_H

#include "app/app.h"
#include "lua/reg.h"

/* What the applications of this VM share. */
struct atl_app_refs *atl_bind_app_refs(lua_State *L);

/* The core at `arg`. */
struct atl_app *atl_bind_app_arg(lua_State *L, int arg);

/* request.c: what Lua does with a request that runs. */
extern const struct atl_reg atl_bind_request_functions[];

/* web.c: patterns, cookies, content types. */
extern const struct atl_reg atl_bind_web_functions[];

#endif
