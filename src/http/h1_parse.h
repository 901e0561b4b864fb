/* h1_parse.h - the HTTP/1 request head and chunked bodies (RFC 9112).
 * SPDX-License-Identifier: MIT
 *
 * Neither reads nor allocates: the owner keeps the bytes together and calls
 * again when there are more.
 *
 * Laws:
 * 1. The same bytes give the same result, whole, byte by byte or split
 *    anywhere: a verdict depends only on the lines that are complete, on the
 *    first byte of the request line, and on limits that count bytes from the
 *    start of the head.
 * 2. Nothing is guessed: what RFC 9112 lets a recipient repair or refuse is
 *    refused when repairing it has been used to smuggle requests.
 * 3. Work is linear in the bytes, however they are split.
 */
#ifndef ATL_HTTP_H1_PARSE_H
#define ATL_HTTP_H1_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/request.h"

struct atl_h1_limits {
    uint32_t request_line;   /* bytes, CRLF not counted: 8192; else 414 */
    uint32_t header_section; /* bytes of all field lines: 65536; else 431 */
    uint32_t fields;         /* 100, at most ATL_MAX_FIELDS; else 431 */
    uint32_t chunk_overhead; /* bytes of chunk extensions in a body, and of
                                its trailer section: 8192 each */
};

enum atl_h1_verdict {
    ATL_H1_MORE,   /* not complete: call again with more bytes */
    ATL_H1_DONE,   /* complete */
    ATL_H1_REFUSE, /* `status` tells the answer; the connection must close */
};

/* The state of one head; all zero (atl_h1_head_init) at its start. */
struct atl_h1_head {
    uint32_t line;      /* offset of the first line not yet taken */
    uint32_t seen;      /* bytes searched for a line's end */
    uint32_t fields_at; /* offset of the first field line */
    uint16_t status; /* set with ATL_H1_REFUSE: 400, 414, 417, 431, 501, 505 */
    uint8_t part;    /* request line, fields */
    uint8_t flags;   /* what was seen: host, length, transfer coding, ... */
    const char *reason; /* static text for the log, with ATL_H1_REFUSE */
};

void atl_h1_head_init(struct atl_h1_head *h);

/*
 * Parse the head at `data` (`len` bytes are there so far, `data` may have
 * moved since the last call, its first bytes may not have changed otherwise).
 * Names are made lower case in place, and nothing else is changed.  *r and
 * *limits must be the same in all calls for one head: the lines that were taken
 * are noted in *r, which means nothing until ATL_H1_DONE has completed it
 * (r->base = data).  *used_out is set then too: the length of the head with its
 * blank line.
 */
enum atl_h1_verdict atl_h1_parse_head(struct atl_h1_head *h,
                                      const struct atl_h1_limits *limits,
                                      char *data, size_t len,
                                      struct atl_request *r, size_t *used_out);

/* The state of one chunked body; all zero at its start. */
struct atl_h1_chunks {
    uint64_t left;     /* bytes of the present chunk still to come */
    uint32_t overhead; /* extension bytes so far; then trailer bytes */
    uint16_t status; /* set with ATL_H1_REFUSE: 400, 413 (size overflow), 431 */
    uint8_t state;
    const char *reason;
};

/*
 * Take what is there of a chunked body: decoded bytes are moved to the front
 * of `data` (in place), *body_out of them; *used_out bytes were read.  With
 * ATL_H1_MORE all `len` bytes were read; with ATL_H1_DONE bytes behind the
 * body may be left at data + *used_out, untouched.  With ATL_H1_REFUSE the
 * decoded bytes before the fault still stand at the front, and *used_out means
 * nothing.
 * Trailer fields are checked like header fields and dropped (RFC 9112 7.1.2).
 */
enum atl_h1_verdict atl_h1_parse_chunks(struct atl_h1_chunks *c,
                                        const struct atl_h1_limits *limits,
                                        char *data, size_t len,
                                        size_t *body_out, size_t *used_out);

#endif
