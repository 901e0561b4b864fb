/* h1_chunks.c - chunked bodies (RFC 9112 7.1).  See h1_parse.h.
 * SPDX-License-Identifier: MIT
 *
 *   size [ BWS ";" extensions ] CRLF data CRLF       any number of them
 *   1*"0" [ BWS ";" extensions ] CRLF *( field-line CRLF ) CRLF
 *
 * Laws:
 * 1. All but runs of data, of extensions and of values goes byte by byte, and
 *    a run is judged as its single bytes would be: so no split can matter.
 * 2. A byte is checked first and counted after, so what is no part of the
 *    grammar is 400 even where the limit is reached.
 */
#include "http/h1_parse.h"

#include <string.h>

#include "http/scan.h"

#define MAX_DIGITS 16 /* as many as 64 bits hold */

enum state {
    SIZE = 0, /* + n: n digits of the size are there */
    SIZE_FULL = MAX_DIGITS,
    SIZE_BLANK, /* white space behind the size: a ';' must come */
    EXTENSION,  /* behind that */
    SIZE_LF,
    DATA, /* `left` bytes of it */
    DATA_CR,
    DATA_LF,
    FIELD, /* at the start of a line of the trailer section */
    FIELD_NAME,
    FIELD_VALUE,
    FIELD_LF,
    END_LF, /* of the blank line */
    DONE,
};

static bool
refuse(struct atl_h1_chunks *c, uint16_t status, const char *reason)
{
    c->status = status;
    c->reason = reason;
    return false;
}

static bool
go(struct atl_h1_chunks *c, enum state next)
{
    c->state = (uint8_t)next;
    return true;
}

/*
 * Count `n` bytes of extensions or of the trailer section and go to `next`.
 * We have no use for them, so an endless supply is an attack (RFC 9112 7.1.1).
 */
static bool
count(struct atl_h1_chunks *c, const struct atl_h1_limits *limits, size_t n,
      enum state next)
{
    if (n > limits->chunk_overhead - c->overhead) {
        if (c->state >= FIELD)
            return refuse(c, 431, "trailer section too large");
        return refuse(c, 400, "chunk extensions too long");
    }
    c->overhead += (uint32_t)n;
    return go(c, next);
}

/* Go to `next` if the byte is the only one that may stand here. */
static bool
expect(struct atl_h1_chunks *c, char byte, char wanted, enum state next)
{
    if (byte != wanted)
        return refuse(c, 400, "CRLF is missing");
    return go(c, next);
}

/* A digit of the size, or what ends it (RFC 9112 7.1, 7.1.1). */
static bool
take_size(struct atl_h1_chunks *c, const struct atl_h1_limits *limits,
          char byte)
{
    int digit = atl_scan_hex(byte);

    if (digit >= 0) {
        if (c->state == SIZE_FULL && c->left >> 60 != 0)
            return refuse(c, 413, "chunk size too large");
        /* Zeros before it: no one needs them, so they needn't be free. */
        if (c->state == SIZE_FULL)
            return refuse(c, 400, "chunk size has too many digits");
        c->left = c->left << 4 | (uint64_t)digit;
        c->state++;
        return true;
    }
    if (c->state == SIZE)
        return refuse(c, 400, "chunk size is missing");
    if (byte == '\r')
        return go(c, SIZE_LF);
    if (byte == ';')
        return count(c, limits, 1, EXTENSION);
    if (byte == ' ' || byte == '\t')
        return count(c, limits, 1, SIZE_BLANK);
    return refuse(c, 400, "malformed chunk size");
}

/* One byte of a trailer field's line (RFC 9112 7.1.2, 5). */
static bool
take_field(struct atl_h1_chunks *c, const struct atl_h1_limits *limits,
           char byte)
{
    switch (c->state) {
    case FIELD:
        if (byte == '\r')
            return go(c, END_LF);
        break;
    case FIELD_NAME:
        if (byte == ':')
            return count(c, limits, 1, FIELD_VALUE);
        break;
    default: /* FIELD_VALUE: atl_scan_value() stopped here */
        if (byte == '\r')
            return count(c, limits, 1, FIELD_LF);
        return refuse(c, 400, "control character in a trailer field");
    }
    if (!atl_scan_token[(unsigned char)byte])
        return refuse(c, 400, "trailer field name is not a token");
    return count(c, limits, 1, FIELD_NAME);
}

/* One byte in any state but DATA and DONE. */
static bool
take_byte(struct atl_h1_chunks *c, const struct atl_h1_limits *limits,
          char byte)
{
    switch (c->state) {
    case SIZE_BLANK:
        if (byte == ';')
            return count(c, limits, 1, EXTENSION);
        if (byte == ' ' || byte == '\t')
            return count(c, limits, 1, SIZE_BLANK);
        return refuse(c, 400, "white space behind a chunk size");
    case EXTENSION: /* atl_scan_value() stopped here */
        return expect(c, byte, '\r', SIZE_LF);
    case SIZE_LF:
        if (c->left == 0)
            c->overhead = 0; /* from here it counts the trailer section */
        return expect(c, byte, '\n', c->left == 0 ? FIELD : DATA);
    case DATA_CR:
        return expect(c, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect(c, byte, '\n', SIZE);
    case FIELD:
    case FIELD_NAME:
    case FIELD_VALUE:
        return take_field(c, limits, byte);
    case FIELD_LF:
        return expect(c, byte, '\n', FIELD) && count(c, limits, 1, FIELD);
    case END_LF:
        return expect(c, byte, '\n', DONE);
    default:
        return take_size(c, limits, byte);
    }
}

enum atl_h1_verdict
atl_h1_parse_chunks(struct atl_h1_chunks *c, const struct atl_h1_limits *limits,
                    char *data, size_t len, size_t *body_out, size_t *used_out)
{
    const char *p = data, *end = data + len;
    char *out = data;

    while (c->status == 0 && c->state != DONE && p < end) {
        if (c->state == DATA) {
            size_t there = (size_t)(end - p);
            size_t n = c->left < there ? (size_t)c->left : there;

            if (out != p)
                memmove(out, p, n);
            out += n;
            p += n;
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            continue;
        }
        if (c->state == EXTENSION || c->state == FIELD_VALUE) {
            const char *run_end = atl_scan_value(p, end);

            if (!count(c, limits, (size_t)(run_end - p), c->state))
                break;
            if ((p = run_end) == end)
                break;
        }
        if (take_byte(c, limits, *p))
            p++;
    }
    *body_out = (size_t)(out - data);
    *used_out = (size_t)(p - data);
    if (c->status != 0)
        return ATL_H1_REFUSE;
    return c->state == DONE ? ATL_H1_DONE : ATL_H1_MORE;
}
