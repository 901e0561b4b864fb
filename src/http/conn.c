/* conn.c - one accepted connection (stop 3).  See conn.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/conn.h"

#include "base/alloc.h"
#include "base/err.h"
#include "http/h1.h"

#define NS_PER_MS UINT64_C(1000000)

/* --- the deadline --- */

static void
on_timer(struct atl_timer *timer)
{
    struct atl_conn *c = ATL_OWNER(timer, struct atl_conn, timer);
    struct atl_loop *loop = c->server->loop;

    if (c->deadline_ns == 0)
        return;
    if (c->deadline_ns > loop->now_ns) {
        atl_timer_start(loop, timer, c->deadline_ns, on_timer);
        return;
    }
    c->deadline_ns = 0;
    if (c->h1 == NULL)
        atl_conn_close(c); /* idle for long enough */
    else
        atl_h1_on_timeout(c->h1);
}

void
atl_conn_set_due(struct atl_conn *c, uint64_t due_ns)
{
    struct atl_loop *loop = c->server->loop;

    c->deadline_ns = due_ns;
    if (due_ns != 0 && (!atl_timer_is_active(&c->timer) ||
                        c->timer.tick > atl_timer_tick(loop, due_ns)))
        atl_timer_start(loop, &c->timer, due_ns, on_timer);
}

void
atl_conn_set_deadline(struct atl_conn *c, uint64_t ms)
{
    atl_conn_set_due(c, ms == 0 ? 0 : c->server->loop->now_ns + ms * NS_PER_MS);
}

/* --- the stream --- */

static void
on_buffer(struct atl_stream *s, char **data_out, size_t *size_out)
{
    struct atl_conn *c = ATL_OWNER(s, struct atl_conn, stream);

    if (c->h1 == NULL)
        c->h1 = atl_h1_new(c);
    atl_h1_buffer(c->h1, data_out, size_out);
}

static void
on_read(struct atl_stream *s, ssize_t n)
{
    struct atl_conn *c = ATL_OWNER(s, struct atl_conn, stream);

    if (c->h1 != NULL)
        atl_h1_on_read(c->h1, n);
    else if (n < 0)
        atl_conn_close(c);
}

static void
on_drain(struct atl_stream *s, int status)
{
    struct atl_conn *c = ATL_OWNER(s, struct atl_conn, stream);

    if (c->h1 != NULL)
        atl_h1_on_drain(c->h1, status);
}

static void
on_close(struct atl_stream *s)
{
    struct atl_conn *c = ATL_OWNER(s, struct atl_conn, stream);
    struct atl_server *server = c->server;

    atl_free(c);
    server->conn_count--;
    if (server->draining && server->conn_count == 0)
        server->on_drained(server);
}

static const struct atl_stream_ops stream_ops = {on_buffer, on_read, on_drain,
                                                 on_close};

/* --- life --- */

void
atl_conn_accept(struct atl_listener *l)
{
    struct atl_server *server = l->data;
    struct atl_conn *c = atl_malloc(sizeof(*c));

    c->server = server;
    c->deadline_ns = 0;
    c->h1 = NULL;
    atl_timer_init(&c->timer);
    atl_list_push(&server->conns, &c->link);
    server->conn_count++;
    if (atl_listener_accept(l, &c->stream, &stream_ops) != 0 ||
        atl_stream_read_start(&c->stream) != 0) {
        atl_conn_close(c);
        return;
    }
    atl_conn_set_deadline(c, server->limits.keep_alive_ms);
}

/* Let go of all but the stream. */
static void
dispose(struct atl_conn *c)
{
    atl_timer_stop(c->server->loop, &c->timer);
    atl_list_remove(&c->link);
    if (c->h1 != NULL)
        atl_h1_free(c->h1);
    c->h1 = NULL;
}

void
atl_conn_close(struct atl_conn *c)
{
    if (c->stream.closing)
        return;
    atl_stream_close(&c->stream);
    dispose(c);
}

void
atl_conn_reset(struct atl_conn *c)
{
    if (c->stream.closing)
        return;
    atl_stream_reset(&c->stream);
    dispose(c);
}
