/* reply.h - what a handler returned becomes the response.
 * SPDX-License-Identifier: MIT
 *
 * These return 0 when the response is complete (or its head is held);
 * ATL_E_INVALID, with a message pushed, if the value can't be sent: nothing
 * has been sent then; ATL_E_CLOSED if the client has gone; ATL_E_STATE if the
 * server has answered already.
 */
#ifndef ATL_APP_REPLY_H
#define ATL_APP_REPLY_H

#include "app/app.h"

/* A response of status 200 with a body that is there. */
int atl_reply_bytes(struct atl_exchange *x, struct atl_str type,
                    struct atl_str body) __attribute__((warn_unused_result));

/* The value at `index` as JSON. */
int atl_reply_json(lua_State *L, struct atl_app_server *s,
                   struct atl_exchange *x, int index)
    __attribute__((warn_unused_result));

/* Head of the Response at `index`, which is held until its body. */
int atl_reply_head(lua_State *L, struct atl_exchange *x,
                   const struct atl_app_refs *refs, int index)
    __attribute__((warn_unused_result));

/* The Response at `index`, which has its whole body. */
int atl_reply_response(lua_State *L, struct atl_exchange *x,
                       const struct atl_app_refs *refs, int index)
    __attribute__((warn_unused_result));

/* The HTTPError at `index`: its status, headers and message. */
int atl_reply_http_error(lua_State *L, struct atl_exchange *x, int index)
    __attribute__((warn_unused_result));

/* Does the Response at `index` send its body by itself (stream, file)? */
bool atl_reply_is_later(lua_State *L, const struct atl_app_refs *refs,
                        int index);

/* A reference to the strings that Responses are read with. */
int atl_reply_make_keys(lua_State *L);

#endif
