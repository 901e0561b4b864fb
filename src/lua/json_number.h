/* json_number.h - the numbers of a JSON text that is decoded.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_NUMBER_H
#define ATL_LUA_JSON_NUMBER_H

#include "lua/json.h"
#include "lua/json_fault.h"

/*
 * Push the number at `*at`, where a digit or a minus is; `*at` is behind it
 * then.  Returns 0; or ATL_E_INVALID, with what is wrong in `f`, and perhaps
 * nothing pushed.
 */
int atl_json_number_read(lua_State *L, const char **at, const char *end,
                         enum atl_json_integers integers,
                         struct atl_json_fault *f);

#endif
