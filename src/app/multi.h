/* multi.h - names with several values: query, cookies, headers.
 * SPDX-License-Identifier: MIT
 *
 * Query and cookies are a Lua table of lua/atlas/multi.lua: name, value, name,
 * value, ... in the order of the wire, and name = first value.  Headers are
 * looked up in the request's bytes.
 */
#ifndef ATL_APP_MULTI_H
#define ATL_APP_MULTI_H

#include "app/app.h"

/* Push the parameters of a query string. */
void atl_multi_push_query(lua_State *L, const struct atl_app_refs *refs,
                          struct atl_str query);

/* Push the cookies of the request. */
void atl_multi_push_cookies(lua_State *L, const struct atl_app_refs *refs,
                            struct atl_exchange *x);

/* Push the headers of the request at 1: a userdata that dies with it. */
void atl_headers_push(lua_State *L, const struct atl_app_refs *refs,
                      struct atl_exchange *x);

/* Make the metatable of headers; returns a reference to it. */
int atl_headers_open_type(lua_State *L, struct atl_vm *vm);

#endif
