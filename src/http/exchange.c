/* exchange.c - one request and its response.  See exchange.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "http/access.h"
#include "http/scan.h"
#include "http/server.h"
#include "http/status.h"
#include "net/stream.h"

/* --- life --- */

struct atl_exchange *
atl_exchange_new(struct atl_server *server, const struct atl_exchange_io *io,
                 void *carrier)
{
    struct atl_link *link = atl_list_pop(&server->free_exchanges);
    struct atl_exchange *x;

    if (link != NULL)
        x = ATL_OWNER(link, struct atl_exchange, link);
    else
        x = atl_malloc(sizeof(*x));
    /* The request is the parser's to fill in. */
    memset(&x->arena, 0,
           offsetof(struct atl_exchange, data) -
               offsetof(struct atl_exchange, arena));
    atl_arena_init(&x->arena, x->first, sizeof(x->first));
    atl_list_init(&x->link);
    x->server = server;
    x->serial = ++server->exchanges;
    x->io = io;
    x->carrier = carrier;
    x->max_body = server->limits.max_body;
    if (server->access_log)
        atl_access_begin(x);
    return x;
}

struct atl_exchange *
atl_exchange_new_alone(void)
{
    struct atl_exchange *x = atl_calloc(1, sizeof(*x));

    atl_arena_init(&x->arena, x->first, sizeof(x->first));
    atl_list_init(&x->link);
    x->gone = true;
    return x;
}

void
atl_exchange_free(struct atl_exchange *x)
{
    if (x->io != NULL && x->status != 0 && x->server->access_log)
        atl_access_log(x, false); /* refused: no handler ever saw it */
    atl_arena_reset(&x->arena);
    x->serial = 0;
    if (x->server == NULL) {
        atl_free(x);
        return;
    }
    atl_list_push_front(&x->server->free_exchanges, &x->link);
}

void
atl_exchange_detach(struct atl_exchange *x, size_t head_len, bool tell)
{
    char *copy;

    if (x->server->access_log)
        atl_access_log(x, true);
    x->io = NULL;
    x->carrier = NULL;
    if (x->released) {
        atl_exchange_free(x);
        return;
    }
    copy = atl_arena_alloc(&x->arena, head_len);
    memcpy(copy, x->req.base, head_len);
    x->req.base = copy;
    if (!tell)
        return;
    x->gone = true;
    x->server->ops->on_gone(x);
}

void
atl_exchange_release(struct atl_exchange *x)
{
    assert(!x->released);
    x->released = true;
    if (x->io == NULL)
        atl_exchange_free(x);
    else
        x->io->released(x);
}

/* --- the request's body --- */

int
atl_exchange_read(struct atl_exchange *x, struct atl_str *piece, bool *more)
{
    int got;

    if (x->gone || x->io == NULL)
        return ATL_E_CLOSED;
    if (x->body_ended)
        return 0; /* then only the client's leaving is news */
    got = x->io->read(x, piece, more);
    x->waits_body = got == 0;
    if (got > 0 && !*more)
        x->body_ended = true;
    return got;
}

/* --- the response --- */

bool
atl_response_is_empty(const struct atl_exchange *x)
{
    return x->req.is_head || x->status == 204 || x->status == 304;
}

static int
check_open(const struct atl_exchange *x, enum atl_response_state state)
{
    if (x->response != state)
        return ATL_E_STATE;
    return x->gone || x->io == NULL ? ATL_E_CLOSED : 0;
}

int
atl_response_start(struct atl_exchange *x, unsigned status)
{
    int err;

    if (status < 200 || status > 999)
        return ATL_E_INVALID;
    if ((err = check_open(x, ATL_RESPONSE_IDLE)) != 0)
        return err;
    x->status = status;
    x->response = ATL_RESPONSE_HELD;
    x->io->start(x, status);
    return 0;
}

void
atl_response_reset(struct atl_exchange *x)
{
    if (x->response == ATL_RESPONSE_TRAILERS && x->io != NULL)
        x->io->reset(x);
    if (x->response != ATL_RESPONSE_HELD && !x->interim)
        return;
    x->interim = false;
    x->response = ATL_RESPONSE_IDLE;
    x->has_length = x->has_date = x->has_trailers = false;
    x->wants_close = false;
    if (x->io != NULL)
        x->io->reset(x);
}

static bool
is_token(struct atl_str s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if (atl_scan_token[(unsigned char)s.ptr[i]] == 0)
            return false;
    return s.len > 0;
}

/* Without the bytes that would end the field, or be taken for its end. */
static bool
is_field_value(struct atl_str s)
{
    const char *end = s.ptr + s.len;
    const char *p = atl_scan_value(s.ptr, end);

    for (; p < end; p++) /* other control characters are the handler's */
        if (*p == '\r' || *p == '\n' || *p == '\0')
            return false;
    return true;
}

static int
take_length(struct atl_exchange *x, struct atl_str value)
{
    uint64_t n = 0;
    size_t i;

    if (x->has_length || value.len == 0 || value.len > 18)
        return ATL_E_INVALID;
    for (i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return ATL_E_INVALID;
        n = n * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    x->has_length = true;
    x->length = n;
    return 0;
}

/*
 * A field that means something to the server: 1 if it was taken over and is
 * not to be sent as it is, 0 if it is one like others, or an error.
 */
static int
take_field(struct atl_exchange *x, struct atl_str name, struct atl_str value)
{
    switch (name.len) {
    case 4:
        if (atl_str_eq_nocase(name, ATL_STR("date")))
            x->has_date = true;
        return 0;
    case 7:
        return atl_str_eq_nocase(name, ATL_STR("upgrade"));
    case 10:
        if (atl_str_eq_nocase(name, ATL_STR("connection"))) {
            x->wants_close |= atl_str_eq_nocase(value, ATL_STR("close"));
            return 1;
        }
        return atl_str_eq_nocase(name, ATL_STR("keep-alive"));
    case 14:
        if (atl_str_eq_nocase(name, ATL_STR("content-length"))) {
            int err = take_length(x, value);

            return err != 0 ? err : 1;
        }
        return 0;
    case 17:
        return atl_str_eq_nocase(name, ATL_STR("transfer-encoding"));
    default:
        return 0;
    }
}

int
atl_response_field(struct atl_exchange *x, struct atl_str name,
                   struct atl_str value)
{
    int taken;

    if (x->gone || x->io == NULL)
        return ATL_E_CLOSED;
    if (!is_token(name) || !is_field_value(value))
        return ATL_E_INVALID;
    taken = take_field(x, name, value);
    if (taken < 0)
        return taken;
    if (taken == 0)
        x->io->field(x, name, value);
    return 0;
}

/* Send the held head: by now it is known how the body's length is told. */
static void
send_head(struct atl_exchange *x, size_t len, bool more)
{
    enum atl_body_framing framing = ATL_BODY_UNKNOWN;

    if (x->status == 204)
        framing = ATL_BODY_NONE;
    else if (x->has_length)
        framing = ATL_BODY_LENGTH;
    else if (x->status == 304)
        framing = ATL_BODY_NONE;
    else if (!more && !x->has_trailers) {
        framing = ATL_BODY_LENGTH;
        x->length = len;
    }
    x->response = ATL_RESPONSE_BODY;
    x->io->end_head(x, framing, x->length, !more);
}

/* Does `len` more bytes break the length that was declared? */
static int
check_length(const struct atl_exchange *x, size_t len, bool more)
{
    if (!x->has_length)
        return 0;
    if (len > x->length - x->sent)
        return ATL_E_TOOBIG;
    if (!more && x->sent + len < x->length)
        return ATL_E_INVALID;
    return 0;
}

static void
end_body(struct atl_exchange *x)
{
    if (x->has_trailers) {
        x->response = ATL_RESPONSE_TRAILERS;
        x->io->start_trailers(x);
        return;
    }
    x->response = ATL_RESPONSE_DONE;
    x->io->end(x);
}

int
atl_response_body(struct atl_exchange *x, struct atl_str data, bool more)
{
    bool silent = atl_response_is_empty(x);
    int err;

    if (x->response == ATL_RESPONSE_IDLE ||
        x->response >= ATL_RESPONSE_TRAILERS)
        return ATL_E_STATE;
    if (x->gone || x->io == NULL)
        return ATL_E_CLOSED;
    /* To HEAD a length may be told without its bytes being made. */
    if (!(silent && data.len == 0) &&
        (err = check_length(x, data.len, more)) != 0) {
        if (x->response == ATL_RESPONSE_BODY)
            atl_response_abort(x);
        return err;
    }
    if (x->response == ATL_RESPONSE_HELD)
        send_head(x, data.len, more);
    x->sent += data.len;
    if (data.len > 0 && !silent)
        x->io->body(x, data);
    if (!more)
        end_body(x);
    return 0;
}

int
atl_response_informational(struct atl_exchange *x, unsigned status)
{
    int err;

    if (status < 100 || status > 199 || status == 101)
        return ATL_E_INVALID;
    if ((err = check_open(x, ATL_RESPONSE_IDLE)) != 0)
        return err;
    x->interim = true;
    x->io->start(x, status);
    return 0;
}

void
atl_response_informational_end(struct atl_exchange *x)
{
    x->interim = false;
    x->has_length = x->has_date = x->wants_close = false; /* of the interim */
    if (x->io != NULL)
        x->io->end_informational(x);
}

int
atl_response_trailers(struct atl_exchange *x)
{
    int err = check_open(x, ATL_RESPONSE_TRAILERS);

    if (err == 0)
        x->io->mark_trailers(x);
    return err;
}

int
atl_response_trailers_end(struct atl_exchange *x)
{
    int err = check_open(x, ATL_RESPONSE_TRAILERS);

    if (err != 0)
        return err;
    x->response = ATL_RESPONSE_DONE;
    x->io->end(x);
    return 0;
}

bool
atl_response_is_full(struct atl_exchange *x)
{
    bool full = x->io != NULL && x->io->is_full(x);

    x->waits_room |= full;
    return full;
}

void
atl_response_error(struct atl_exchange *x, unsigned status)
{
    char text[64];
    int len;

    atl_response_reset(x);
    if (x->response != ATL_RESPONSE_IDLE) {
        atl_response_abort(x);
        return;
    }
    len = snprintf(text, sizeof(text), "%u %s\n", status,
                   atl_status_phrase(status));
    if (atl_response_start(x, status) != 0)
        return;
    atl_response_known_field(x, ATL_STR("content-type"),
                             ATL_STR("text/plain; charset=utf-8"));
    if (atl_response_body(x, (struct atl_str){text, (size_t)len}, false) != 0)
        atl_response_abort(x);
}

void
atl_response_abort(struct atl_exchange *x)
{
    x->response = ATL_RESPONSE_DONE;
    x->aborted = true;
    if (x->io != NULL)
        x->io->abort(x);
}

int
atl_exchange_peer(const struct atl_exchange *x, char *host, size_t size,
                  int *port_out)
{
    if (x->io == NULL)
        return ATL_E_CLOSED;
    return atl_stream_peer(x->io->stream(x), host, size, port_out);
}

int
atl_exchange_local(const struct atl_exchange *x, char *host, size_t size,
                   int *port_out)
{
    if (x->io == NULL)
        return ATL_E_CLOSED;
    return atl_stream_local(x->io->stream(x), host, size, port_out);
}
