/* params.h - the parameters that a request's path (and host) hold.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_APP_PARAMS_H
#define ATL_APP_PARAMS_H

#include "app/app.h"

/* Keep what `m` found, though the request's bytes may move. */
void atl_params_keep(struct atl_exchange *x, struct atl_app_level *level,
                     const struct atl_match *m);

/* Push the values as a handler gets them, outermost first; how many? */
int atl_params_push(lua_State *L, struct atl_exchange *x);

/* Push {name = value}. */
void atl_params_push_table(lua_State *L, struct atl_exchange *x);

#endif
