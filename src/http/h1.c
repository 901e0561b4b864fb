/* h1.c - HTTP/1 on one connection (stop 4), step by step.  See h1.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/h1.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"

static struct atl_logger logger = ATL_LOGGER("atlas.http");

#define IN_SIZE 16384        /* bytes of an input buffer from the pool */
#define WAITING_READ 4096    /* most that is read behind a running request */
#define MAX_POOL 256         /* busy states kept for later */
#define OUT_LIMIT (16 << 20) /* bytes of output held, beside big bodies */
#define OUT_KEEP 65536       /* a larger output buffer isn't kept */
#define LINGER_MS 2000

static void on_turn_end(struct atl_hook *hook);

/* --- the pool --- */

struct atl_h1 *
atl_h1_new(struct atl_conn *c)
{
    struct atl_server *server = c->server;
    struct atl_link *link = atl_list_pop(&server->free_h1s);
    struct atl_h1 *h;

    if (link != NULL) {
        h = ATL_OWNER(link, struct atl_h1, link);
        server->free_h1_count--;
    } else {
        h = atl_calloc(1, sizeof(*h));
        h->in = atl_malloc(IN_SIZE);
        h->in_cap = IN_SIZE;
        atl_buf_init(&h->out, OUT_LIMIT);
        atl_list_init(&h->link);
        atl_list_init(&h->hook.link);
        h->hook.fn = on_turn_end;
    }
    h->conn = c;
    h->x = NULL;
    h->in_len = h->start = h->head_len = h->body = h->mark = 0;
    h->blank = 0;
    h->step = ATL_H1_HEAD;
    h->close = h->cut = h->until_close = h->timed = false;
    h->refused = h->lost = h->handling = false;
    h->step_due = h->write_due = 0;
    h->out.len = 0;
    atl_h1_head_init(&h->head);
    return h;
}

static void
free_memory(struct atl_h1 *h)
{
    atl_buf_deinit(&h->out);
    atl_free(h->in);
    atl_free(h);
}

/* The exchange stays with its handler if that has it. */
static void
let_exchange_go(struct atl_h1 *h, bool tell)
{
    struct atl_exchange *x = h->x;

    h->x = NULL;
    if (x == NULL)
        return;
    if (h->handling)
        atl_exchange_detach(x, h->head_len, tell);
    else
        atl_exchange_free(x);
    h->handling = false;
}

void
atl_h1_free(struct atl_h1 *h)
{
    struct atl_server *server = h->conn->server;

    atl_list_remove(&h->hook.link);
    let_exchange_go(h, true);
    h->out.len = 0;
    if (h->in_cap > IN_SIZE || h->out.cap > OUT_KEEP ||
        server->free_h1_count >= MAX_POOL) {
        free_memory(h);
        return;
    }
    atl_list_push_front(&server->free_h1s, &h->link);
    server->free_h1_count++;
}

void
atl_h1_free_pool(struct atl_server *server)
{
    struct atl_link *link;

    while ((link = atl_list_pop(&server->free_h1s)) != NULL)
        free_memory(ATL_OWNER(link, struct atl_h1, link));
    server->free_h1_count = 0;
}

/* --- reading --- */

void
atl_h1_buffer(struct atl_h1 *h, char **data_out, size_t *size_out)
{
    *data_out = h->in + h->in_len;
    *size_out = h->in_cap - h->in_len;
    if (h->step == ATL_H1_LINGER) { /* the bytes will not be looked at */
        *data_out = h->in;
        *size_out = h->in_cap;
    } else if (h->step == ATL_H1_RESPOND && h->body_done &&
               *size_out > WAITING_READ) {
        *size_out = WAITING_READ;
    }
}

void
atl_h1_update_reading(struct atl_h1 *h)
{
    bool read = h->step != ATL_H1_FLUSH;

    if (h->step == ATL_H1_RESPOND)
        read =
            h->in_len < h->in_cap &&
            (!h->body_done || h->blank < h->conn->server->limits.max_pipelined);
    if (read && !h->lost)
        (void)!atl_stream_read_start(&h->conn->stream);
    else
        atl_stream_read_stop(&h->conn->stream);
}

/* --- time limits: one of the step, one of the output --- */

static void
set_limit(struct atl_h1 *h, uint64_t *due, uint64_t ms)
{
    *due = ms == 0 ? 0 : h->conn->server->loop->now_ns + ms * 1000000;
    if (h->step_due == 0 || (h->write_due != 0 && h->write_due < h->step_due))
        atl_conn_set_due(h->conn, h->write_due);
    else
        atl_conn_set_due(h->conn, h->step_due);
}

void
atl_h1_limit_step(struct atl_h1 *h, uint64_t ms)
{
    set_limit(h, &h->step_due, ms);
}

void
atl_h1_limit_write(struct atl_h1 *h, uint64_t ms)
{
    set_limit(h, &h->write_due, ms);
}

/* --- the step: head --- */

/* The buffer is full and the head isn't complete: move it or grow. */
static void
make_room_for_head(struct atl_h1 *h)
{
    if (h->in_len < h->in_cap)
        return;
    if (h->start > 0) {
        memmove(h->in, h->in + h->start, h->in_len - h->start);
        h->in_len -= h->start;
        h->start = 0;
        return;
    }
    /* The parser refuses what passes its limits, so this has an end. */
    h->in_cap *= 2;
    h->in = atl_realloc(h->in, h->in_cap);
}

/* Nothing is left to do: give this state back, the connection is idle. */
static void
go_idle(struct atl_h1 *h)
{
    struct atl_conn *c = h->conn;

    if (!atl_h1_flush(h) || atl_stream_queued(&c->stream) > 0)
        return; /* on_drain comes back here */
    c->h1 = NULL;
    atl_h1_free(h);
    if (c->server->draining)
        atl_conn_close(c);
    else
        atl_conn_set_deadline(c, c->server->limits.keep_alive_ms);
}

static void
begin(struct atl_h1 *h)
{
    h->body = h->start + h->head_len;
    h->blank -= h->blank > 0;
    h->step = ATL_H1_RESPOND;
    h->handling = true;
    h->close = !h->x->req.keep_alive;
    h->cut = h->until_close = h->timed = false;
    atl_h1_start_body(h);
    atl_h1_limit_step(h, 0);
    if (!h->body_done)
        h->blank = 0; /* what was counted may be inside this body */
    atl_h1_update_reading(h);
    h->conn->server->ops->on_request(h->x);
}

static void
step_head(struct atl_h1 *h)
{
    struct atl_server *server = h->conn->server;

    if (h->start == h->in_len) {
        h->start = h->in_len = 0;
        go_idle(h);
        return;
    }
    if (h->x == NULL)
        h->x = atl_exchange_new(server, &atl_h1_io, h);
    switch (atl_h1_parse_head(&h->head, &server->limits.h1, h->in + h->start,
                              h->in_len - h->start, &h->x->req, &h->head_len)) {
    case ATL_H1_DONE:
        begin(h);
        break;
    case ATL_H1_REFUSE:
        atl_h1_refuse(h, h->head.status, h->head.reason);
        break;
    case ATL_H1_MORE:
        make_room_for_head(h);
        if (!h->timed) /* for the whole head: a byte now and then won't do */
            atl_h1_limit_step(h, server->limits.header_timeout_ms);
        h->timed = true;
        atl_h1_update_reading(h);
        if (h->out.len > 0)
            atl_loop_at_turn_end(server->loop, &h->hook);
        break;
    }
}

/* --- the step: respond --- */

static unsigned
count_blank_lines(const char *data, size_t len)
{
    const char *end = data + len;
    unsigned n = 0;

    while ((data = memmem(data, (size_t)(end - data), "\r\n\r\n", 4)) != NULL) {
        data += 4;
        n++;
    }
    return n;
}

static void
step_respond(struct atl_h1 *h, size_t n)
{
    struct atl_exchange *x = h->x;

    if (h->body_done)
        h->blank += count_blank_lines(h->in + h->in_len - n, n);
    if (x->waits_body) {
        x->waits_body = false;
        h->conn->server->ops->on_body(x);
    }
    atl_h1_update_reading(h);
}

/* --- the steps: drain, flush, linger --- */

/* All is said: close once it is out. */
static void
finish(struct atl_h1 *h)
{
    struct atl_conn *c = h->conn;
    bool unread = !h->body_done || h->in_len > h->body;

    if (!atl_h1_flush(h))
        return;
    h->step = ATL_H1_FLUSH;
    atl_h1_update_reading(h);
    if (atl_stream_queued(&c->stream) > 0)
        return; /* on_drain comes back here */
    if (!unread && !h->refused) {
        atl_conn_close(c);
        return;
    }
    /* Closing with bytes unread would send a RST, which can reach the client
     * before the answer does (RFC 9112 9.6). */
    h->step = ATL_H1_LINGER;
    atl_stream_shutdown(&c->stream);
    atl_h1_limit_step(h, LINGER_MS);
    atl_h1_update_reading(h);
}

static void
start_next(struct atl_h1 *h)
{
    h->start = h->body;
    h->step = ATL_H1_HEAD;
    atl_h1_head_init(&h->head);
    step_head(h);
}

static void
step_drain(struct atl_h1 *h)
{
    int done = atl_h1_drain_body(h);

    if (done > 0) {
        start_next(h);
    } else if (done < 0) {
        h->refused = true; /* bytes are on their way that nobody will read */
        finish(h);
    } else if (h->step != ATL_H1_DRAIN) {
        h->step = ATL_H1_DRAIN;
        atl_h1_limit_step(h, h->conn->server->limits.body_timeout_ms);
        if (!atl_h1_flush(h))
            return;
        atl_h1_update_reading(h);
    }
}

/* Let what was written reach the client, but no end of the response. */
static void
cut(struct atl_h1 *h)
{
    if (!atl_h1_flush(h))
        return;
    if (h->until_close)
        atl_conn_reset(h->conn);
    else
        atl_conn_close(h->conn);
}

void
atl_h1_next(struct atl_h1 *h)
{
    let_exchange_go(h, false);
    h->step = ATL_H1_FLUSH; /* until it is known what comes next */
    if (h->cut)
        cut(h);
    else if (h->close)
        finish(h);
    else
        step_drain(h);
}

/* --- what conn.c tells --- */

static void
on_eof(struct atl_h1 *h)
{
    if (h->step == ATL_H1_FLUSH)
        return; /* the peer has finished sending; it may still read */
    if (h->step != ATL_H1_LINGER && !atl_h1_flush(h))
        return;
    if (h->step != ATL_H1_LINGER && h->step != ATL_H1_RESPOND &&
        atl_stream_queued(&h->conn->stream) > 0) {
        h->body = h->in_len;
        h->body_done = true;
        finish(h);
        return;
    }
    atl_conn_close(h->conn);
}

void
atl_h1_on_read(struct atl_h1 *h, ssize_t n)
{
    if (h->lost)
        return; /* the turn's end closes */
    if (n < 0) {
        if (n == UV_EOF)
            on_eof(h);
        else
            atl_conn_close(h->conn);
        return;
    }
    if (h->step == ATL_H1_LINGER)
        return;
    h->in_len += (size_t)n;
    /* The last act: a step may give this state back. */
    if (h->step == ATL_H1_HEAD)
        step_head(h);
    else if (h->step == ATL_H1_DRAIN && n > 0)
        step_drain(h);
    else if (h->step == ATL_H1_RESPOND && n > 0)
        step_respond(h, (size_t)n);
}

void
atl_h1_on_drain(struct atl_h1 *h, int status)
{
    if (status < 0) {
        atl_conn_close(h->conn);
        return;
    }
    atl_h1_limit_write(h, 0);
    if (h->step == ATL_H1_FLUSH) {
        finish(h);
    } else if (h->step == ATL_H1_HEAD && h->in_len == 0) {
        go_idle(h);
    } else if (h->step == ATL_H1_RESPOND && h->x->waits_room) {
        h->x->waits_room = false;
        h->conn->server->ops->on_writable(h->x);
    }
}

/* The client takes nothing: has it taken any since the last look? */
static void
on_stalled_write(struct atl_h1 *h)
{
    size_t queued = atl_stream_queued(&h->conn->stream);

    if (queued == h->queued) {
        atl_conn_close(h->conn);
        return;
    }
    h->queued = queued;
    atl_h1_limit_write(h, h->conn->server->limits.write_timeout_ms);
}

static void
on_late_step(struct atl_h1 *h)
{
    struct atl_exchange *x = h->x;

    atl_h1_limit_step(h, 0);
    if (h->step == ATL_H1_HEAD) {
        atl_h1_refuse(h, 408, "the head took too long");
    } else if (h->step == ATL_H1_RESPOND && x->waits_body) {
        atl_h1_refuse(h, 408, "the body took too long");
        x->waits_body = false;
        h->conn->server->ops->on_body(x);
    } else if (h->step != ATL_H1_RESPOND) {
        atl_conn_close(h->conn);
    }
}

void
atl_h1_on_timeout(struct atl_h1 *h)
{
    uint64_t now = h->conn->server->loop->now_ns;

    if (h->write_due != 0 && now >= h->write_due)
        on_stalled_write(h);
    else if (h->step_due != 0 && now >= h->step_due)
        on_late_step(h);
    else
        set_limit(h, &h->write_due, 0);
}

/* --- the end of a turn, and of a request that can't go on --- */

static void
on_turn_end(struct atl_hook *hook)
{
    struct atl_h1 *h = ATL_OWNER(hook, struct atl_h1, hook);

    if (h->lost) {
        atl_conn_close(h->conn);
        return;
    }
    /* The response is complete but the handler goes on: it keeps the
     * exchange, and the connection doesn't wait for it. */
    if (h->handling && h->x->response == ATL_RESPONSE_DONE)
        atl_h1_next(h);
    else
        (void)atl_h1_flush(h);
}

void
atl_h1_refuse(struct atl_h1 *h, unsigned status, const char *reason)
{
    struct atl_exchange *x = h->x;
    bool handling = h->handling && x != NULL;

    atl_log_to(&logger, ATL_LOG_DEBUG, x != NULL ? x->serial : 0,
               "request refused with %u: %s", status, reason);
    h->close = true;
    h->refused = true;
    if (handling && x->response >= ATL_RESPONSE_BODY)
        h->cut = x->aborted = true;
    else
        atl_h1_put_error(h, status);
    if (!handling) {
        finish(h);
        return;
    }
    x->response = ATL_RESPONSE_DONE;
    x->gone = true;
    atl_loop_at_turn_end(h->conn->server->loop, &h->hook);
}
