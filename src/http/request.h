/* request.h - one request's head, as slices over the bytes it came in.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Everything is an offset from `base`, so the bytes may move while the
 *    request lives: whoever moves them sets `base`.
 * 2. Field names are lower case; values have no white space around them and
 *    contain no CR, LF or NUL.
 * 3. What stands here has been checked: nothing later needs to ask whether a
 *    length, a host or a framing field can be trusted.
 */
#ifndef ATL_HTTP_REQUEST_H
#define ATL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A slice as an offset from the request's base. */
struct atl_span {
    uint32_t at;
    uint32_t len;
};

/* Field names that the server itself reads. */
enum atl_field_id {
    ATL_FIELD_OTHER = 0,
    ATL_FIELD_HOST,
    ATL_FIELD_CONTENT_LENGTH,
    ATL_FIELD_TRANSFER_ENCODING,
    ATL_FIELD_CONNECTION,
    ATL_FIELD_EXPECT,
    ATL_FIELD_UPGRADE,
};

struct atl_field {
    struct atl_span name;
    struct atl_span value;
    enum atl_field_id id;
};

#define ATL_MAX_FIELDS 100 /* the most a request may have; else 431 */

/* How the body is delimited (RFC 9112 6.3). */
enum atl_framing {
    ATL_FRAMING_NONE = 0,
    ATL_FRAMING_LENGTH, /* content_length bytes follow */
    ATL_FRAMING_CHUNKED,
    ATL_FRAMING_STREAM, /* HTTP/2: until END_STREAM */
};

struct atl_request {
    const char *base;        /* lent: the bytes that the spans mean */
    struct atl_span method;  /* upper case */
    struct atl_span path;    /* raw, without the query; "*" for OPTIONS * */
    struct atl_span query;   /* after the '?'; empty if there is none */
    struct atl_span host;    /* host[:port]; of an absolute-form target its
                                authority (RFC 9112 3.2.2) */
    uint64_t content_length; /* with ATL_FRAMING_LENGTH; UINT64_MAX stands
                                for every length that is larger */
    enum atl_framing framing;
    uint8_t version_major; /* 1 or 2 */
    uint8_t version_minor; /* 0 or 1 */
    bool keep_alive;       /* the client wants the connection kept */
    bool expects_continue; /* Expect: 100-continue, HTTP/1.1 only */
    bool upgrade;          /* has an Upgrade field and `Connection: upgrade` */
    bool is_head;
    bool is_get;
    bool path_is_plain; /* the path holds no '%': raw is decoded */
    uint16_t field_count;
    struct atl_field fields[ATL_MAX_FIELDS]; /* in the order of the wire */
};

static inline struct atl_str
atl_request_str(const struct atl_request *r, struct atl_span span)
{
    return (struct atl_str){r->base + span.at, span.len};
}

/*
 * The value of the first field called `name` (lower case), and true; false if
 * there is none.  The slice lives as long as the request's bytes.
 */
bool atl_request_find(const struct atl_request *r, struct atl_str name,
                      struct atl_str *value_out);

#endif
