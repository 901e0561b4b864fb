/* callback.h - the function that atlas.callback() gives.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_RT_CALLBACK_H
#define ATL_BIND_RT_CALLBACK_H

#include "lua/compat.h"

/* It only wakes a task: whoever is to call it needs no task of its own. */
int atl_callback_call(lua_State *L);

#endif
