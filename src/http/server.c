/* server.c - listeners and connections (stop 1).  See server.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/server.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "http/conn.h"
#include "http/h1.h"

#define NS_PER_S UINT64_C(1000000000)

void
atl_http_limits_init(struct atl_http_limits *limits)
{
    *limits = (struct atl_http_limits){
        .h1 = {.request_line = 8192,
               .header_section = 65536,
               .fields = ATL_MAX_FIELDS,
               .chunk_overhead = 8192},
        .max_body = 16 << 20,
        .max_drain = 64 << 10,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .write_timeout_ms = 60000,
        .keep_alive_ms = 75000,
        .drain_idle_ms = 5000,
        .max_pipelined = 64,
    };
}

void
atl_server_init(struct atl_server *server, struct atl_loop *loop,
                const struct atl_exchange_ops *ops, void *data)
{
    memset(server, 0, sizeof(*server));
    server->loop = loop;
    server->ops = ops;
    server->data = data;
    atl_http_limits_init(&server->limits);
    atl_list_init(&server->listeners);
    atl_list_init(&server->conns);
    atl_list_init(&server->free_exchanges);
    atl_list_init(&server->free_h1s);
}

int
atl_server_listen_tcp(struct atl_server *server, const char *host, int port,
                      int backlog)
{
    struct atl_listener *l;
    int err = atl_listener_tcp(&server->loop->uv, host, port, backlog, false,
                               atl_conn_accept, server, &l);

    if (err == 0)
        atl_list_push(&server->listeners, &l->link);
    return err;
}

int
atl_server_listen_unix(struct atl_server *server, const char *path, int backlog)
{
    struct atl_listener *l;
    int err = atl_listener_unix(&server->loop->uv, path, backlog,
                                atl_conn_accept, server, &l);

    if (err == 0)
        atl_list_push(&server->listeners, &l->link);
    return err;
}

void
atl_server_drain(struct atl_server *server, bool now)
{
    struct atl_link *link, *next;

    server->draining = true;
    while ((link = atl_list_pop(&server->listeners)) != NULL)
        atl_listener_close(ATL_OWNER(link, struct atl_listener, link));
    if (server->conn_count == 0) {
        server->on_drained(server);
        return;
    }
    for (link = server->conns.next; link != &server->conns; link = next) {
        struct atl_conn *c = ATL_OWNER(link, struct atl_conn, link);

        next = link->next;
        if (c->h1 != NULL)
            continue;
        if (now)
            atl_conn_close(c);
        else
            atl_conn_set_deadline(c, server->limits.drain_idle_ms);
    }
}

void
atl_server_abort(struct atl_server *server)
{
    while (!atl_list_is_empty(&server->conns))
        atl_conn_close(ATL_OWNER(server->conns.next, struct atl_conn, link));
}

void
atl_server_deinit(struct atl_server *server)
{
    struct atl_link *link;

    atl_h1_free_pool(server);
    while ((link = atl_list_pop(&server->free_exchanges)) != NULL)
        atl_free(ATL_OWNER(link, struct atl_exchange, link));
}

struct atl_str
atl_server_date_line(struct atl_server *server)
{
    struct timespec wall;

    if (server->loop->now_ns >= server->date_until_ns) {
        clock_gettime(CLOCK_REALTIME, &wall);
        memcpy(server->date_line, "date: ", 6);
        atl_date_format(wall.tv_sec, server->date_line + 6);
        memcpy(server->date_line + 6 + ATL_DATE_LEN, "\r\n", 2);
        server->date_until_ns =
            server->loop->now_ns + NS_PER_S - (uint64_t)wall.tv_nsec;
    }
    return (struct atl_str){server->date_line, ATL_DATE_LINE};
}
