/* server.h - listeners, connections and what they share.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_HTTP_SERVER_H
#define ATL_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/date.h"
#include "base/list.h"
#include "http/exchange.h"
#include "http/h1_parse.h"
#include "net/listener.h"
#include "rt/loop.h"

/* What a client may use.  Every limit is on by default. */
struct atl_http_limits {
    struct atl_h1_limits h1;
    uint64_t max_body;          /* bytes; else 413 */
    uint64_t max_drain;         /* body bytes read for nothing, to keep a
                                   connection whose request was answered */
    uint64_t header_timeout_ms; /* first to last byte of a head; else 408 */
    uint64_t body_timeout_ms;   /* between two reads of a body; else 408 */
    uint64_t write_timeout_ms;  /* without any byte taken by the client */
    uint64_t keep_alive_ms;     /* idle, before the connection is closed */
    uint64_t drain_idle_ms;     /* the same while the server drains */
    uint32_t max_pipelined;     /* requests that wait; then reading pauses */
};

void atl_http_limits_init(struct atl_http_limits *limits);

#define ATL_DATE_LINE (6 + ATL_DATE_LEN + 2) /* "date: ...\r\n" */

struct atl_server {
    struct atl_loop *loop;
    struct atl_http_limits limits;
    const struct atl_exchange_ops *ops;
    void *data; /* the ops' owner's */
    /* Called when the server drains and the last connection has closed. */
    void (*on_drained)(struct atl_server *server);
    struct atl_link listeners;
    struct atl_link conns;
    struct atl_link free_exchanges;
    struct atl_link free_h1s;
    uint64_t exchanges; /* so far: the serial of the last */
    unsigned conn_count;
    unsigned free_h1_count;
    uint64_t date_until_ns; /* loop time up to which date_line holds */
    char date_line[ATL_DATE_LINE];
    bool draining;
    bool access_log; /* a line for each request; set before the first one */
};

void atl_server_init(struct atl_server *server, struct atl_loop *loop,
                     const struct atl_exchange_ops *ops, void *data);

/* Listen; see net/listener.h for arguments and errors. */
int atl_server_listen_tcp(struct atl_server *server, const char *host, int port,
                          int backlog) __attribute__((warn_unused_result));
int atl_server_listen_unix(struct atl_server *server, const char *path,
                           int backlog) __attribute__((warn_unused_result));

/*
 * Stop accepting; requests that run are answered, with `connection: close`.
 * Idle connections are closed after one more answer or drain_idle_ms; with
 * `now` at once.  on_drained follows when all have gone, perhaps never.
 */
void atl_server_drain(struct atl_server *server, bool now);

/* Close every connection, whatever it does. */
void atl_server_abort(struct atl_server *server);

/* Free what the server keeps for later; after the last connection. */
void atl_server_deinit(struct atl_server *server);

/* "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", made once a second. */
struct atl_str atl_server_date_line(struct atl_server *server);

#endif
