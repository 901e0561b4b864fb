/* h1_body.c - the body of an HTTP/1 request (RFC 9112 6 and 7).
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "http/h1.h"

#define BODY_ROOM 65536 /* the input buffer's size while a big body comes */

void
atl_h1_start_body(struct atl_h1 *h)
{
    const struct atl_request *r = &h->x->req;

    h->body_seen = 0;
    h->body_left = 0;
    h->body_done = true;
    h->body_drained = 0;
    h->body_begun = false;
    h->framing = r->framing;
    h->chunks = (struct atl_h1_chunks){0};
    if (r->framing == ATL_FRAMING_LENGTH) {
        h->body_left = r->content_length;
        h->body_done = r->content_length == 0;
    } else if (r->framing == ATL_FRAMING_CHUNKED) {
        h->body_done = false;
    }
    h->continued = !r->expects_continue || h->body_done;
}

/* The body's bytes up to `h->body` are consumed: make room behind the head. */
static void
compact(struct atl_h1 *h)
{
    size_t head_end = h->start + h->head_len;

    if (h->body == h->in_len)
        h->body = h->in_len = head_end;
}

/*
 * Take what is there of the body: *piece is lent until the buffer changes.
 * Returns 1 with a piece (empty only at the end), 0 if nothing is there, or
 * the status of a refusal.
 */
static int
take_piece(struct atl_h1 *h, struct atl_str *piece)
{
    char *data = h->in + h->body;
    size_t len = h->in_len - h->body, used;
    enum atl_h1_verdict verdict;

    piece->ptr = data;
    piece->len = 0;
    if (h->body_done)
        return 1;
    h->body_begun |= len > 0;
    if (h->framing == ATL_FRAMING_LENGTH) {
        if (len > h->body_left)
            len = (size_t)h->body_left;
        piece->len = len;
        h->body_left -= len;
        h->body += len;
        h->body_done = h->body_left == 0;
        return len > 0;
    }
    verdict = atl_h1_parse_chunks(&h->chunks, &h->conn->server->limits.h1, data,
                                  len, &piece->len, &used);
    h->body += used;
    h->body_done = verdict == ATL_H1_DONE;
    if (verdict == ATL_H1_REFUSE && piece->len == 0)
        return h->chunks.status;
    return piece->len > 0 || h->body_done;
}

/* The rest of the body can't be had: answer if that is still possible. */
static int
fail_body(struct atl_h1 *h, unsigned status, const char *reason)
{
    atl_h1_refuse(h, status, reason);
    return ATL_E_PROTO;
}

/* The buffer is used up, or a big body will come: move the bytes, grow. */
static void
make_room(struct atl_h1 *h)
{
    if (h->start > 0 && h->in_len == h->in_cap) {
        memmove(h->in, h->in + h->start, h->in_len - h->start);
        h->in_len -= h->start;
        h->body -= h->start;
        h->start = 0;
    }
    if (h->in_len == h->in_cap && h->in_cap >= BODY_ROOM) {
        h->in_cap *= 2;
        h->in = atl_realloc(h->in, h->in_cap);
    } else if (h->in_cap < BODY_ROOM &&
               (h->framing != ATL_FRAMING_LENGTH ||
                h->body_left > h->in_cap - h->in_len)) {
        h->in_cap = BODY_ROOM;
        h->in = atl_realloc(h->in, h->in_cap);
    }
    h->x->req.base = h->in + h->start;
}

/*
 * The client waits to be told to send its body (RFC 9110 10.1.1).  The line
 * goes before a head that is still held.
 */
static void
send_continue(struct atl_h1 *h)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const size_t len = sizeof(line) - 1;
    size_t at = h->out.len;

    h->continued = true;
    if (h->body_begun || h->x->response > ATL_RESPONSE_HELD ||
        atl_buf_append(&h->out, line, len) != 0)
        return;
    if (h->x->response == ATL_RESPONSE_HELD) {
        memmove(h->out.data + h->mark + len, h->out.data + h->mark,
                at - h->mark);
        memcpy(h->out.data + h->mark, line, len);
        h->mark += len;
    }
    atl_loop_at_turn_end(h->conn->server->loop, &h->hook);
}

int
atl_h1_read_body(struct atl_exchange *x, struct atl_str *piece, bool *more)
{
    struct atl_h1 *h = x->carrier;
    int got;

    compact(h);
    if (!h->body_done && h->framing == ATL_FRAMING_LENGTH &&
        x->req.content_length > x->max_body)
        return fail_body(h, 413, "content-length above the limit");
    got = take_piece(h, piece);
    if (got > 1)
        return fail_body(h, (unsigned)got, h->chunks.reason);
    h->body_seen += piece->len;
    /* A chunk's size counts as soon as it is announced. */
    if (h->body_seen > x->max_body ||
        h->chunks.left > x->max_body - h->body_seen)
        return fail_body(h, 413, "body above the limit");
    if (got == 0) {
        compact(h);
        if (!h->continued)
            send_continue(h);
        make_room(h);
        atl_h1_limit_step(h, h->conn->server->limits.body_timeout_ms);
    } else {
        h->continued = true;
        atl_h1_limit_step(h, 0);
    }
    *more = !h->body_done;
    atl_h1_update_reading(h);
    return got;
}

int
atl_h1_drain_body(struct atl_h1 *h)
{
    uint64_t limit = h->conn->server->limits.max_drain;
    struct atl_str piece;
    int got;

    if (h->body_done)
        return 1;
    /* Who waits for 100 Continue may never send what it announced. */
    if (!h->continued && h->body == h->in_len)
        return ATL_E_STATE;
    if (h->framing == ATL_FRAMING_LENGTH && h->body_left > limit)
        return ATL_E_TOOBIG;
    do {
        compact(h);
        got = take_piece(h, &piece);
        h->body_drained += piece.len;
        if (got > 1 || h->body_drained > limit)
            return ATL_E_PROTO;
    } while (got == 1 && !h->body_done);
    if (h->body == h->in_len) /* the head isn't needed any more either */
        h->start = h->head_len = h->body = h->in_len = 0;
    return h->body_done;
}
