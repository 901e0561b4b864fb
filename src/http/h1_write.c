/* h1_write.c - the responses of HTTP/1 (stop 9; RFC 9112 4, 6 and 7).
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "http/h1.h"
#include "http/status.h"

#define HIGH_WATER 65536 /* bytes on their way before the handler waits */
#define COPY_MAX 16384   /* a larger piece of body isn't copied to `out` */

/* --- output --- */

void
atl_h1_put(struct atl_h1 *h, const void *data, size_t len)
{
    if (atl_buf_append(&h->out, data, len) != 0)
        h->cut = h->close = true; /* a head of 16 MiB: nobody wants it */
}

static void
put_str(struct atl_h1 *h, struct atl_str s)
{
    atl_h1_put(h, s.ptr, s.len);
}

/*
 * Room for `len` bytes, which the caller fills in whole; NULL if there is
 * none.  One call for several pieces: heads are made of many.
 */
static char *
take_room(struct atl_h1 *h, size_t len)
{
    char *room;

    if (h->out.cap - h->out.len < len && atl_buf_reserve(&h->out, len) != 0) {
        h->cut = h->close = true;
        return NULL;
    }
    room = h->out.data + h->out.len;
    h->out.len += len;
    return room;
}

static char *
copy(char *to, struct atl_str s)
{
    memcpy(to, s.ptr, s.len);
    return to + s.len;
}

/* Write `parts` at once as far as the socket takes them, queue the rest. */
static bool
send_parts(struct atl_h1 *h, struct atl_str *parts, unsigned count)
{
    struct atl_conn *c = h->conn;
    ssize_t n = atl_stream_try_write(&c->stream, parts, count);
    unsigned i;

    if (n < 0)
        goto gone;
    for (i = 0; i < count && (size_t)n >= parts[i].len; i++)
        n -= (ssize_t)parts[i].len;
    if (i == count)
        return true;
    parts[i].ptr += n;
    parts[i].len -= (size_t)n;
    if (atl_stream_write(&c->stream, parts + i, count - i) != 0)
        goto gone;
    h->queued = atl_stream_queued(&c->stream);
    atl_h1_limit_write(h, c->server->limits.write_timeout_ms);
    return true;
gone:
    h->lost = true;
    atl_stream_read_stop(&c->stream);
    atl_loop_at_turn_end(c->server->loop, &h->hook);
    return false;
}

bool
atl_h1_flush(struct atl_h1 *h)
{
    struct atl_str ready = {h->out.data, h->out.len};
    size_t held = 0;
    bool ok;

    if (h->lost)
        return false;
    if (h->handling && h->x->response == ATL_RESPONSE_HELD) {
        held = h->out.len - h->mark;
        ready.len = h->mark;
    }
    if (ready.len == 0)
        return true;
    ok = send_parts(h, &ready, 1);
    if (held > 0)
        memmove(h->out.data, h->out.data + h->mark, held);
    h->out.len = held;
    h->mark = 0;
    return ok;
}

static void
flush_later(struct atl_h1 *h)
{
    atl_loop_at_turn_end(h->conn->server->loop, &h->hook);
}

/* --- the head --- */

static void
start(struct atl_exchange *x, unsigned status)
{
    struct atl_h1 *h = x->carrier;
    char scratch[24];

    h->mark = h->out.len;
    put_str(h, atl_status_line(status, scratch, sizeof(scratch)));
}

static void
field(struct atl_exchange *x, struct atl_str name, struct atl_str value)
{
    struct atl_h1 *h = x->carrier;
    char *p;

    if (x->response == ATL_RESPONSE_TRAILERS && !h->chunked)
        return; /* there is no place for trailers (RFC 9112 7.1.2) */
    if ((p = take_room(h, name.len + value.len + 4)) == NULL)
        return;
    p = copy(p, name);
    *p++ = ':';
    *p++ = ' ';
    p = copy(p, value);
    *p++ = '\r';
    *p = '\n';
}

static void
reset(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    h->out.len = h->mark;
}

static void
put_length(struct atl_h1 *h, uint64_t length)
{
    char digits[20], *first = digits + sizeof(digits), *p;
    struct atl_str text;

    do
        *--first = (char)('0' + length % 10);
    while ((length /= 10) > 0);
    text = (struct atl_str){first, (size_t)(digits + sizeof(digits) - first)};
    if ((p = take_room(h, text.len + 18)) == NULL)
        return;
    p = copy(p, ATL_STR("content-length: "));
    p = copy(p, text);
    *p++ = '\r';
    *p = '\n';
}

/*
 * The rest of the request's body is more than is read for nothing, or may
 * never come: the connection cannot be used again.
 */
static bool
is_body_too_much(const struct atl_h1 *h)
{
    if (h->body_done)
        return false;
    if (!h->continued)
        return h->body == h->in_len;
    return h->framing == ATL_FRAMING_LENGTH &&
           h->body_left >
               h->conn->server->limits.max_drain + (h->in_len - h->body);
}

static void
put_connection(struct atl_h1 *h, bool http10, bool last)
{
    struct atl_exchange *x = h->x;

    if (x->wants_close || h->conn->server->draining ||
        (last && is_body_too_much(h)))
        h->close = true;
    if (h->close)
        put_str(h, ATL_STR("connection: close\r\n"));
    else if (http10)
        put_str(h, ATL_STR("connection: keep-alive\r\n"));
}

static void
end_head(struct atl_exchange *x, enum atl_body_framing framing, uint64_t length,
         bool last)
{
    struct atl_h1 *h = x->carrier;
    bool http10 = x->req.version_minor == 0;

    h->chunked = false;
    if (!x->has_date)
        put_str(h, atl_server_date_line(x->server));
    if (framing == ATL_BODY_LENGTH) {
        put_length(h, length);
    } else if (framing == ATL_BODY_UNKNOWN && http10) {
        h->until_close = h->close = true; /* RFC 9112 6.3, item 8 */
    } else if (framing == ATL_BODY_UNKNOWN) {
        put_str(h, ATL_STR("transfer-encoding: chunked\r\n"));
        h->chunked = !x->req.is_head;
    }
    put_connection(h, http10, last);
    put_str(h, ATL_STR("\r\n"));
    flush_later(h);
}

/* Interim responses are unknown to HTTP/1.0 (RFC 9110 15.2). */
static void
end_informational(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    if (x->req.version_minor == 0) {
        h->out.len = h->mark;
        return;
    }
    put_str(h, ATL_STR("\r\n"));
    flush_later(h);
}

/* --- the body --- */

static void
body(struct atl_exchange *x, struct atl_str data)
{
    struct atl_h1 *h = x->carrier;
    struct atl_str parts[4];
    char size[24];

    parts[1] = (struct atl_str){size, 0};
    parts[2] = data;
    parts[3] = (struct atl_str){"\r\n", 0};
    if (h->chunked) {
        parts[1].len =
            (size_t)snprintf(size, sizeof(size), "%zx\r\n", data.len);
        parts[3].len = 2;
    }
    if (data.len <= COPY_MAX && h->out.len < HIGH_WATER) {
        put_str(h, parts[1]);
        put_str(h, parts[2]);
        put_str(h, parts[3]);
        return;
    }
    if (h->lost)
        return;
    parts[0] = (struct atl_str){h->out.data, h->out.len};
    (void)send_parts(h, parts, 4);
    h->out.len = h->mark = 0;
}

static void
start_trailers(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    if (h->chunked)
        put_str(h, ATL_STR("0\r\n"));
    h->mark = h->out.len;
}

static void
mark_trailers(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    h->mark = h->out.len;
}

static void
end(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    if (h->chunked && !x->has_trailers)
        put_str(h, ATL_STR("0\r\n"));
    if (h->chunked)
        put_str(h, ATL_STR("\r\n"));
    flush_later(h);
}

static void
abort_response(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    h->cut = h->close = true;
    flush_later(h);
}

/* The method of a head that was refused is what it begins with. */
static bool
is_head(const struct atl_h1 *h)
{
    if (h->handling)
        return h->x->req.is_head;
    return h->in_len - h->start > 5 &&
           memcmp(h->in + h->start, "HEAD ", 5) == 0;
}

void
atl_h1_put_error(struct atl_h1 *h, unsigned status)
{
    char scratch[24], text[64];
    struct atl_str line = atl_status_line(status, scratch, sizeof(scratch));
    int len;

    if (h->handling && h->x->response == ATL_RESPONSE_HELD)
        h->out.len = h->mark;
    len = snprintf(text, sizeof(text), "%u %s\n", status,
                   atl_status_phrase(status));
    put_str(h, line);
    put_str(h, ATL_STR("content-type: text/plain; charset=utf-8\r\n"));
    put_str(h, atl_server_date_line(h->conn->server));
    put_length(h, (uint64_t)len);
    put_str(h, ATL_STR("connection: close\r\n\r\n"));
    if (!is_head(h))
        atl_h1_put(h, text, (size_t)len);
    if (h->x != NULL) {
        h->x->status = status;
        h->x->sent = (uint64_t)len;
    }
}

/* --- the exchange's other questions --- */

static bool
is_full(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    if (h->out.len > HIGH_WATER)
        (void)atl_h1_flush(h);
    return atl_stream_queued(&h->conn->stream) > HIGH_WATER;
}

static void
released(struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    if (h->lost)
        return; /* the turn's end closes, and frees the exchange */
    atl_h1_next(h);
}

static struct atl_stream *
stream(const struct atl_exchange *x)
{
    struct atl_h1 *h = x->carrier;

    return &h->conn->stream;
}

const struct atl_exchange_io atl_h1_io = {
    .read = atl_h1_read_body,
    .start = start,
    .field = field,
    .reset = reset,
    .end_head = end_head,
    .end_informational = end_informational,
    .body = body,
    .start_trailers = start_trailers,
    .mark_trailers = mark_trailers,
    .end = end,
    .abort = abort_response,
    .is_full = is_full,
    .released = released,
    .stream = stream,
};
