/* params.h - the parameters that a request's path (and host) hold.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_APP_PARAMS_H
#define ATL_APP_PARAMS_H

#include "app/app.h"

/* The `data` of a converter that was registered by name: Lua functions, which
 * must not wait, as registry references. */
struct atl_app_converter {
    struct atl_vm *vm;
    int match; /* (text): is it one? */
    int parse; /* (text) -> what the handler gets; 0: the text */
};

/* Keep what `m` found, though the request's bytes may move. */
void atl_params_keep(struct atl_exchange *x, struct atl_app_level *level,
                     const struct atl_match *m);

/* Does a parameter of `p` (may be NULL) have a function that parses it? */
bool atl_params_parsed(const struct atl_pattern *p);

/*
 * Push a value as a handler gets it.  A registered converter's function may
 * raise; where that would do harm, see atl_params_parsed().
 */
void atl_params_push_value(lua_State *L, const struct atl_converter *c,
                           struct atl_str value);

/* Push the values as a handler gets them, outermost first; how many? */
int atl_params_push(lua_State *L, struct atl_exchange *x);

/* Push {name = value}. */
void atl_params_push_table(lua_State *L, struct atl_exchange *x);

#endif
