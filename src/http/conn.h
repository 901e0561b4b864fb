/* conn.h - one accepted connection.
 * SPDX-License-Identifier: MIT
 *
 * An idle connection is this struct and nothing else: the protocol's state,
 * with its buffers, comes from a pool when bytes arrive and goes back when
 * the last answer is out.
 *
 * Laws:
 * 1. `deadline_ns` says when the connection has had its time, 0: never.  The
 *    timer on the wheel may be earlier, never later; so it isn't touched for
 *    each request.
 * 2. The connection is freed in on_close and nowhere else.
 */
#ifndef ATL_HTTP_CONN_H
#define ATL_HTTP_CONN_H

#include "http/server.h"
#include "net/stream.h"

struct atl_h1;

struct atl_conn {
    struct atl_stream stream;
    struct atl_server *server;
    struct atl_link link; /* server->conns */
    struct atl_timer timer;
    uint64_t deadline_ns;
    struct atl_h1 *h1; /* NULL while idle */
};

/* Accept the connection that waits at `l`, whose data is the server. */
void atl_conn_accept(struct atl_listener *l);

/* Set the deadline to the loop time `due_ns`, or (0) lift it. */
void atl_conn_set_due(struct atl_conn *c, uint64_t due_ns);

/* Set it to `ms` from now; 0 lifts it. */
void atl_conn_set_deadline(struct atl_conn *c, uint64_t ms);

/* Close at once; the protocol's state is given back. */
void atl_conn_close(struct atl_conn *c);

/* Close with a RST, so that the peer sees that something was cut. */
void atl_conn_reset(struct atl_conn *c);

#endif
