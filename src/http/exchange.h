/* exchange.h - one request and its response, whatever protocol carries them.
 * SPDX-License-Identifier: MIT
 *
 * The one core under LASGI and Application: news goes up through
 * atl_exchange_ops, calls go down through atl_exchange_io (HTTP/1 now).
 *
 * Laws:
 * 1. The handler has the exchange from on_request until it calls
 *    atl_exchange_release(), however early the connection ends.
 * 2. The head of a response is held until its first body bytes, so that it
 *    can still be replaced by an error.
 * 3. No call here runs one of the handler's ops for the same exchange before
 *    it returns.
 */
#ifndef ATL_HTTP_EXCHANGE_H
#define ATL_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "http/request.h"

struct atl_exchange;
struct atl_server;
struct atl_stream;

/* What the handler is told, on the loop's thread. */
struct atl_exchange_ops {
    /* The head is here: start handling. */
    void (*on_request)(struct atl_exchange *x);
    /* atl_exchange_read() returned 0 before, and may now return more. */
    void (*on_body)(struct atl_exchange *x);
    /* atl_response_is_full() was true and no longer is. */
    void (*on_writable)(struct atl_exchange *x);
    /* The client has gone: sends fail from now on. */
    void (*on_gone)(struct atl_exchange *x);
};

/* How the length of a response's body is told. */
enum atl_body_framing {
    ATL_BODY_LENGTH,  /* content-length */
    ATL_BODY_UNKNOWN, /* chunks, frames, or up to the connection's end */
    ATL_BODY_NONE,    /* there is none, and no length is told */
};

/* What a protocol does for an exchange. */
struct atl_exchange_io {
    int (*read)(struct atl_exchange *x, struct atl_str *piece, bool *more);
    void (*start)(struct atl_exchange *x, unsigned status);
    void (*field)(struct atl_exchange *x, struct atl_str name,
                  struct atl_str value);
    void (*reset)(struct atl_exchange *x);
    /* `last`: the body that comes with the head is all of it. */
    void (*end_head)(struct atl_exchange *x, enum atl_body_framing framing,
                     uint64_t length, bool last);
    void (*end_informational)(struct atl_exchange *x);
    void (*body)(struct atl_exchange *x, struct atl_str data);
    void (*start_trailers)(struct atl_exchange *x);
    void (*mark_trailers)(struct atl_exchange *x);
    void (*end)(struct atl_exchange *x);
    void (*abort)(struct atl_exchange *x);
    bool (*is_full)(struct atl_exchange *x);
    void (*released)(struct atl_exchange *x);
    struct atl_stream *(*stream)(const struct atl_exchange *x);
};

enum atl_response_state {
    ATL_RESPONSE_IDLE,     /* nothing yet */
    ATL_RESPONSE_HELD,     /* a head that has not been sent */
    ATL_RESPONSE_BODY,     /* the head is out */
    ATL_RESPONSE_TRAILERS, /* the body is out */
    ATL_RESPONSE_DONE,
};

#define ATL_EXCHANGE_ARENA 512 /* bytes before the arena allocates */
#define ATL_EXCHANGE_DATA 128  /* bytes for the handler's own state */

struct atl_exchange {
    struct atl_request req;
    struct atl_arena arena; /* for the handler too; dies with the exchange */
    struct atl_server *server;
    const struct atl_exchange_io *io; /* NULL: the connection is gone */
    void *carrier;                    /* the protocol's state */
    struct atl_link link;             /* free list */
    uint64_t serial;                  /* never given to another exchange */
    uint64_t max_body; /* bytes; the handler may raise it before it reads */
    uint64_t length;   /* declared content-length, with has_length */
    uint64_t sent;     /* body bytes given so far */
    uint64_t began_ns; /* loop's clock; only with an access log */
    unsigned status;   /* of the response, once it has started */
    uint8_t response;  /* enum atl_response_state */
    bool has_length;
    bool interim;      /* the held head is a 1xx */
    bool has_date;     /* the handler gave its own */
    bool wants_close;  /* the handler wants the connection closed */
    bool has_trailers; /* trailers follow the body */
    bool waits_body;   /* the handler was told that there is nothing yet */
    bool waits_room;   /* the handler was told that it is full */
    bool body_ended;   /* the last piece has been read by the handler */
    bool gone;         /* the client has left */
    bool released;     /* the handler is through */
    bool aborted;      /* the response was cut */
    _Alignas(16) char data[ATL_EXCHANGE_DATA]; /* the handler's */
    _Alignas(16) char first[ATL_EXCHANGE_ARENA];
};

/* --- the request's body --- */

/*
 * The next piece of the body: returns 1, with *piece lent until the next call
 * and *more false on the last one (which may be empty); 0 if nothing is there
 * yet: on_body follows; a negative code if the rest will not come: the client
 * has gone, or the body was malformed, too large or too slow and has been
 * answered if it still could be.
 */
int atl_exchange_read(struct atl_exchange *x, struct atl_str *piece, bool *more)
    __attribute__((warn_unused_result));

/* --- the response --- */

/*
 * Begin: ATL_E_INVALID for a status outside 200 to 999, ATL_E_STATE if there
 * is a response already, ATL_E_CLOSED if the client has gone.
 */
int atl_response_start(struct atl_exchange *x, unsigned status)
    __attribute__((warn_unused_result));

/*
 * Add a field to the held head (or to informational ones, or trailers).
 * ATL_E_INVALID: the name is no token, the value has CR, LF or NUL, or it is
 * a content-length that is no number or a second one.  Hop-by-hop fields are
 * the server's: dropped, but `connection: close` is honoured.
 */
int atl_response_field(struct atl_exchange *x, struct atl_str name,
                       struct atl_str value)
    __attribute__((warn_unused_result));

/* The same for a field that is known to be a good one, and not one of those
 * that mean something to the server: the program's own constants. */
static inline void
atl_response_known_field(struct atl_exchange *x, struct atl_str name,
                         struct atl_str value)
{
    x->io->field(x, name, value);
}

/* Forget the held head, as if nothing had been started. */
void atl_response_reset(struct atl_exchange *x);

/*
 * Body bytes; without `more` they are the last.  ATL_E_TOOBIG: longer than
 * the declared content-length; ATL_E_INVALID: it has ended too short; both
 * leave a held head as it was, and otherwise cut the connection.
 * ATL_E_CLOSED: the client has gone.  ATL_E_STATE: not started, or over.
 */
int atl_response_body(struct atl_exchange *x, struct atl_str data, bool more)
    __attribute__((warn_unused_result));

/* Interim responses: start, fields, end; before atl_response_start(). */
int atl_response_informational(struct atl_exchange *x, unsigned status)
    __attribute__((warn_unused_result));
void atl_response_informational_end(struct atl_exchange *x);

/*
 * Trailers, after the body of a response with has_trailers: begin, fields,
 * perhaps again, end.  atl_response_reset() forgets the fields since begin.
 */
int atl_response_trailers(struct atl_exchange *x)
    __attribute__((warn_unused_result));
int atl_response_trailers_end(struct atl_exchange *x)
    __attribute__((warn_unused_result));

/* 204 and 304 have no content, and HEAD gets none (RFC 9110 6.4.1). */
bool atl_response_is_empty(const struct atl_exchange *x);

/* Should the handler wait for on_writable before it sends more? */
bool atl_response_is_full(struct atl_exchange *x);

/*
 * A whole response of plain text, "404 Not Found", in place of a held head;
 * cuts the connection if the head is out already.
 */
void atl_response_error(struct atl_exchange *x, unsigned status);

/* Cut the connection (HTTP/2: reset the stream). */
void atl_response_abort(struct atl_exchange *x);

/*
 * The handler is through with `x` and must not touch it any more.  The next
 * request of the connection may be announced before this returns.
 */
void atl_exchange_release(struct atl_exchange *x);

/* --- for protocols --- */

struct atl_exchange *atl_exchange_new(struct atl_server *server,
                                      const struct atl_exchange_io *io,
                                      void *carrier);

/*
 * An exchange without server, client and response, for a request that the
 * caller makes up; free it with atl_exchange_free().
 */
struct atl_exchange *atl_exchange_new_alone(void);

/*
 * The connection has ended or goes on with another request: the exchange
 * lives on, with `head_len` bytes of its head copied, until it is released.
 * Tells the handler with `tell`.
 */
void atl_exchange_detach(struct atl_exchange *x, size_t head_len, bool tell);
void atl_exchange_free(struct atl_exchange *x);

/*
 * The client's address, and the one at which it was accepted: see
 * atl_stream_peer() and atl_stream_local(); ATL_E_CLOSED once the connection
 * has gone.
 */
int atl_exchange_peer(const struct atl_exchange *x, char *host, size_t size,
                      int *port_out) __attribute__((warn_unused_result));
int atl_exchange_local(const struct atl_exchange *x, char *host, size_t size,
                       int *port_out) __attribute__((warn_unused_result));

#endif
