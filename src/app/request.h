/* request.h - a request as its handler sees it: computed as it is read.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_APP_REQUEST_H
#define ATL_APP_REQUEST_H

#include "app/app.h"

/* The userdata behind `request`. */
struct atl_request_ud {
    struct atl_exchange *x;
    uint64_t serial;
    const struct atl_app_refs *refs;
    bool has_fields; /* the user value holds what was set or computed */
};

/* Push a new request. */
void atl_request_push(lua_State *L, const struct atl_app_refs *refs,
                      struct atl_exchange *x);

/* The exchange, or NULL once the request is over. */
static inline struct atl_exchange *
atl_request_exchange(const struct atl_request_ud *ud)
{
    return ud->x->serial == ud->serial ? ud->x : NULL;
}

/* The request at `arg`, whose exchange lives; raises if it isn't one. */
struct atl_exchange *atl_request_check(lua_State *L, int arg);

/* Push the parameters as the handler gets them; returns how many. */
int atl_request_push_params(lua_State *L, struct atl_exchange *x);

/* Make the metatables; `methods` is the table of Lua's methods at the top,
 * which stays there. */
void atl_request_open_types(lua_State *L, struct atl_vm *vm,
                            struct atl_app_refs *refs);

#endif
