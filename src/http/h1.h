/* h1.h - HTTP/1 on one connection, while it is busy.
 * SPDX-License-Identifier: MIT
 *
 * Comes from a pool when bytes arrive and goes back when all is answered.
 * It is a list of named steps, one function each: head, respond, drain, flush,
 * linger.
 *
 * The input buffer holds, from `start`: the head of the present request, then
 * what has come of its body (from `body`), then requests behind it.
 *
 * Laws:
 * 1. One exchange at a time: the next head is parsed when the response is out
 *    and the request has been read to its end.
 * 2. Answers leave in the order of the requests, those of a burst together.
 * 3. Reading pauses when the buffer is full or enough requests wait in it.
 */
#ifndef ATL_HTTP_H1_H
#define ATL_HTTP_H1_H

#include "base/buf.h"
#include "http/conn.h"
#include "http/h1_parse.h"

enum atl_h1_step {
    ATL_H1_HEAD,    /* a request's head is coming */
    ATL_H1_RESPOND, /* the handler has the exchange */
    ATL_H1_DRAIN,   /* answered; the rest of the body is read for nothing */
    ATL_H1_FLUSH,   /* nothing more is read; output goes out, then close */
    ATL_H1_LINGER,  /* FIN is sent; the peer's bytes are thrown away */
};

struct atl_h1 {
    struct atl_conn *conn;
    struct atl_exchange *x; /* its request is being parsed, or handled */
    struct atl_link link;   /* server->free_h1s */
    struct atl_hook hook;   /* flush, and let a slow handler's answer go */
    char *in;               /* owned */
    size_t in_cap;
    size_t in_len; /* bytes in use */
    size_t start;  /* of the present message */
    size_t head_len;
    size_t body; /* of what is left of its body, behind the head */
    struct atl_h1_head head;
    struct atl_h1_chunks chunks;
    uint64_t body_left; /* with a content-length: bytes still to be read */
    uint64_t body_seen; /* bytes that the handler got */
    uint64_t body_drained;
    struct atl_buf out;
    size_t mark;        /* where the held head begins in `out` */
    uint64_t step_due;  /* loop time by which the step must go on; 0: none */
    uint64_t write_due; /* by which the client must have taken a byte */
    size_t queued;      /* bytes queued when the write deadline was set */
    unsigned blank;     /* blank lines in what waits: about one a request */
    enum atl_h1_step step;
    enum atl_framing framing; /* of the request's body */
    bool body_done;           /* the request has been read to its end */
    bool chunked;             /* the response is */
    bool close;               /* the connection ends with this response */
    bool body_begun;          /* a byte of the request's body has come */
    bool cut;                 /* and the client must see that it is not whole */
    bool until_close;         /* the response's end is the connection's */
    bool timed;               /* the head has a deadline */
    bool refused;             /* bytes will come that nobody reads: linger */
    bool handling;            /* the handler has the exchange */
    bool lost;                /* a write failed; the turn's end closes */
    bool continued;           /* 100 Continue has been sent, or isn't wanted */
};

/* --- for conn.c --- */

struct atl_h1 *atl_h1_new(struct atl_conn *c);
void atl_h1_free(struct atl_h1 *h);
void atl_h1_free_pool(struct atl_server *server);
void atl_h1_buffer(struct atl_h1 *h, char **data_out, size_t *size_out);
void atl_h1_on_read(struct atl_h1 *h, ssize_t n);
void atl_h1_on_drain(struct atl_h1 *h, int status);
void atl_h1_on_timeout(struct atl_h1 *h);

/* --- between h1.c, h1_body.c and h1_write.c --- */

extern const struct atl_exchange_io atl_h1_io;

/*
 * Give all output but a held head to the socket; false if the connection is
 * gone, which the turn's end will find: nothing is freed here.
 */
bool atl_h1_flush(struct atl_h1 *h);

/*
 * Answer a request that can't be taken, unless its answer has begun, and
 * close.  The handler, if it has the exchange, is not told.
 */
void atl_h1_refuse(struct atl_h1 *h, unsigned status, const char *reason);

/* Set, or with 0 lift, the time limit of the step, or of what is queued. */
void atl_h1_limit_step(struct atl_h1 *h, uint64_t ms);
void atl_h1_limit_write(struct atl_h1 *h, uint64_t ms);

/* Append to the output. */
void atl_h1_put(struct atl_h1 *h, const void *data, size_t len);

/* A whole answer of plain text with `connection: close`. */
void atl_h1_put_error(struct atl_h1 *h, unsigned status);

/* The response and the handler are through: on to the next request. */
void atl_h1_next(struct atl_h1 *h);

/* The handler's request body; see exchange.h. */
int atl_h1_read_body(struct atl_exchange *x, struct atl_str *piece, bool *more);

/* Read the rest of the body for nothing: 1 done, 0 more to come, negative:
 * it cannot or should not be read. */
int atl_h1_drain_body(struct atl_h1 *h);

/* Set up for the body of the request whose head has been parsed. */
void atl_h1_start_body(struct atl_h1 *h);

/* Read from the socket, or pause, as there is room and need. */
void atl_h1_update_reading(struct atl_h1 *h);

#endif
