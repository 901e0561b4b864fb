/* h1_parse.c - the HTTP/1 request head.  See h1_parse.h.
 * SPDX-License-Identifier: MIT
 *
 * Lines are parsed in one pass, without a search for their end first.  Where
 * the pass can't go on, stop() looks whether the line is complete: only then
 * is it a fault, and only if the line keeps to the limits.  So every line is
 * judged by the same checks in the same order, however it came in:
 *
 *   request line: first byte (at once), length 414, grammar 400, version 505,
 *                 method 501, target 400
 *   field line:   section's size 431, number of fields 431, grammar 400, what
 *                 the server itself must understand of the field 400
 *   blank line:   Host 400, framing 400, transfer coding 501, Expect 417
 */
#include "http/h1_parse.h"

#include <string.h>

#include "http/authority.h"
#include "http/h1_fields.h"
#include "http/scan.h"

#define MAX_METHOD 32 /* bytes; the longest registered has 17 */

enum part {
    PART_START,        /* no byte of the request line is there yet */
    PART_REQUEST_LINE, /* h->line is its start */
    PART_FIELDS,       /* h->line is the start of a field or blank line */
};

static struct atl_span
span(const char *data, const char *from, const char *to)
{
    return (struct atl_span){(uint32_t)(from - data), (uint32_t)(to - from)};
}

/* The line at h->line is longer than line_room(). */
static enum atl_h1_verdict
refuse_long(struct atl_h1_head *h)
{
    if (h->part == PART_REQUEST_LINE)
        return atl_h1_fields_refuse(h, 414,
                                    "request line too long"); /* RFC 9112 3 */
    return atl_h1_fields_refuse(h, 431,
                                "header section too large"); /* RFC 6585 5 */
}

/* The most bytes that the line at h->line may have, its CRLF counted. */
static size_t
line_room(const struct atl_h1_head *h, const struct atl_h1_limits *limits)
{
    if (h->part == PART_REQUEST_LINE)
        return (size_t)limits->request_line + 2;
    return limits->header_section - (h->line - h->fields_at);
}

/* The line at h->line has no LF yet. */
static enum atl_h1_verdict
wait_line(struct atl_h1_head *h, const struct atl_h1_limits *limits,
          const char *data, size_t len)
{
    size_t there = len - h->line;

    /* A CR alone may be half of the blank line, which isn't counted. */
    if (there > line_room(h, limits) &&
        !(h->part == PART_FIELDS && there == 1 && data[h->line] == '\r'))
        return refuse_long(h);
    h->seen = (uint32_t)len;
    return ATL_H1_MORE;
}

/*
 * The line at h->line could not be taken: for want of bytes, or for `reason`,
 * which stands only if all of the line is there and within its limit.
 */
static enum atl_h1_verdict
stop(struct atl_h1_head *h, const struct atl_h1_limits *limits,
     const char *data, size_t len, uint16_t status, const char *reason)
{
    const char *line = data + h->line;
    const char *lf = memchr(line, '\n', len - h->line);

    if (lf == NULL)
        return wait_line(h, limits, data, len);
    if ((size_t)(lf + 1 - line) > line_room(h, limits))
        return refuse_long(h);
    return atl_h1_fields_refuse(h, status, reason);
}

/* ---- request line (RFC 9112 3) ---- */

/*
 * "HTTP/" DIGIT "." DIGIT CRLF (RFC 9112 2.3).  Returns what follows, or NULL.
 * A minor version above 1 counts as 1 (RFC 9110 2.5).
 */
static const char *
parse_version(const char *p, const char *end, struct atl_request *r)
{
    r->version_major = r->version_minor = 1;
    if (end - p >= 10 && memcmp(p, "HTTP/1.1\r\n", 10) == 0)
        return p + 10;
    if (end - p < 10 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' ||
        p[5] < '0' || p[5] > '9' || p[7] < '0' || p[7] > '9' || p[8] != '\r' ||
        p[9] != '\n')
        return NULL;
    r->version_major = (uint8_t)(p[5] - '0');
    r->version_minor = p[7] != '0';
    return p + 10;
}

/*
 * Set path and query from what begins at `p`; returns the first byte that
 * belongs to neither (RFC 9112 3.2.1).  Inlined for the origin-form's sake.
 */
static inline __attribute__((always_inline)) const char *
split_target(const char *data, const char *p, const char *end,
             struct atl_request *r)
{
    const char *from = p;

    p = atl_scan_path(from, end, &r->path_is_plain);
    r->path = span(data, from, p);
    if (p < end && *p == '?') {
        from = p + 1;
        p = atl_scan_query(from, end);
        r->query = span(data, from, p);
    } else {
        r->query = span(data, p, p);
    }
    return p;
}

static const char *
scan_method(const char *p, const char *end)
{
    while (p < end && atl_scan_token[(unsigned char)*p])
        p++;
    return p;
}

/* A target that can't be one ends where a good one would. */
static const char *
scan_bad_target(const char *p, const char *end)
{
    while (p < end && *p != ' ' && *p != '\r' && *p != '\n')
        p++;
    return p;
}

/* A method we can't serve, though it is a token, gets 501 (RFC 9110 9.1). */
static bool
is_method_known(struct atl_str method)
{
    size_t i;

    /* No registered method has lower case: this is a broken client. */
    for (i = 0; i < method.len; i++)
        if (method.ptr[i] >= 'a' && method.ptr[i] <= 'z')
            return false;
    /* CONNECT is for proxies, and has a target of its own kind. */
    return method.len <= MAX_METHOD && !atl_str_eq(method, ATL_STR("CONNECT"));
}

/* http(s)://authority[/path][?query] (RFC 9112 3.2.2). */
static bool
parse_absolute(const char *data, struct atl_str target, struct atl_request *r)
{
    const char *end = target.ptr + target.len;
    const char *host, *p;
    struct atl_str authority;

    if (target.len > 7 &&
        atl_str_eq_nocase((struct atl_str){target.ptr, 7}, ATL_STR("http://")))
        host = target.ptr + 7;
    else if (target.len > 8 &&
             atl_str_eq_nocase((struct atl_str){target.ptr, 8},
                               ATL_STR("https://")))
        host = target.ptr + 8;
    else
        return false;
    for (p = host; p < end && *p != '/' && *p != '?';)
        p++;
    /* Neither an empty host (RFC 9110 4.2.1) nor user information (4.2.4). */
    authority = (struct atl_str){host, (size_t)(p - host)};
    if (!atl_authority_is_valid(authority))
        return false;
    r->host = span(data, host, p);
    if (split_target(data, p, end, r) != end)
        return false;
    /* An empty path is "/" (RFC 9110 4.2.3): the one before the authority. */
    if (r->path.len == 0)
        r->path = span(data, host - 1, host);
    return true;
}

/* All but a good origin-form: true for another form that is good. */
static bool
parse_other_target(const char *data, struct atl_str target,
                   struct atl_request *r)
{
    struct atl_str method = {data + r->method.at, r->method.len};

    /* asterisk-form is for OPTIONS alone (RFC 9112 3.2.4). */
    if (atl_str_eq(target, ATL_STR("*")) &&
        atl_str_eq(method, ATL_STR("OPTIONS"))) {
        r->path = span(data, target.ptr, target.ptr + 1);
        r->query = span(data, target.ptr + 1, target.ptr + 1);
        return true;
    }
    return parse_absolute(data, target, r);
}

/* The whole line, which is at h->line; ATL_H1_DONE if it was taken. */
static enum atl_h1_verdict
parse_request_line(struct atl_h1_head *h, const struct atl_h1_limits *limits,
                   const char *data, size_t len, struct atl_request *r)
{
    const char *line = data + h->line, *end = data + len;
    const char *p, *target, *target_end, *next;

    memset(r, 0, offsetof(struct atl_request, fields));
    r->path_is_plain = true;
    r->is_get = end - line >= 4 && memcmp(line, "GET ", 4) == 0;
    p = r->is_get ? line + 3 : scan_method(line, end);
    if (p == end || *p != ' ')
        return stop(h, limits, data, len, 400, "method is not a token");
    r->method = span(data, line, p);
    target = p + 1;
    target_end = target;
    if (target < end && *target == '/')
        target_end = split_target(data, target, end, r);
    p = target_end;
    if (p == end || *p != ' ')
        p = scan_bad_target(p, end);
    if (p == end || *p != ' ' || (next = parse_version(p + 1, end, r)) == NULL)
        return stop(h, limits, data, len, 400, "malformed request line");
    if ((size_t)(next - line) > line_room(h, limits))
        return refuse_long(h);
    if (r->version_major != 1)
        return atl_h1_fields_refuse(
            h, 505, "HTTP version not supported"); /* 9110 15.6.6 */
    if (!r->is_get && !is_method_known((struct atl_str){line, r->method.len}))
        return atl_h1_fields_refuse(h, 501, "method not implemented");
    /* Spaces in a target would be a guess, so none (RFC 9112 3.2). */
    if ((p != target_end || p == target) &&
        !parse_other_target(data,
                            (struct atl_str){target, (size_t)(p - target)}, r))
        return atl_h1_fields_refuse(h, 400, "malformed request target");
    r->is_head = r->method.len == 4 && memcmp(line, "HEAD", 4) == 0;
    h->part = PART_FIELDS;
    h->line = h->fields_at = (uint32_t)(next - data);
    return ATL_H1_DONE;
}

/* ---- field lines (RFC 9112 5) ---- */

/* `name` is lower case. */
static inline enum atl_field_id
find_id(const char *name, size_t len)
{
#define ID(text, id) \
    (memcmp(name, text, sizeof(text) - 1) == 0 ? (id) : ATL_FIELD_OTHER)
    switch (len) {
    case 4:
        return ID("host", ATL_FIELD_HOST);
    case 6:
        return ID("expect", ATL_FIELD_EXPECT);
    case 7:
        return ID("upgrade", ATL_FIELD_UPGRADE);
    case 10:
        return ID("connection", ATL_FIELD_CONNECTION);
    case 14:
        return ID("content-length", ATL_FIELD_CONTENT_LENGTH);
    case 17:
        return ID("transfer-encoding", ATL_FIELD_TRANSFER_ENCODING);
    default:
        return ATL_FIELD_OTHER;
    }
#undef ID
}

static inline bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Why the name that begins at `line` does not end in a colon at `p`. */
static const char *
name_fault(const char *line, const char *p)
{
    if (is_blank(*p) && p == line)
        return "folded field line"; /* RFC 9112 5.2, and 2.2 for the first */
    if (is_blank(*p))
        return "white space before a field's colon"; /* RFC 9112 5.1 */
    return "field name is not a token";              /* RFC 9110 5.1 */
}

static inline bool
is_crlf(const char *p, const char *end)
{
    return end - p >= 2 && memcmp(p, "\r\n", 2) == 0;
}

/*
 * Take the field line at *p_inout (not a blank line) to *f and go behind it.
 * Returns NULL, or why not; for want of bytes it may give any reason.
 *
 * The end comes first, from the line's start: so the next line need not wait
 * for this one's name, and no load of the value for the name's store.
 */
static inline const char *
scan_field(char **p_inout, const char *end, const char *data,
           struct atl_field *f)
{
    char *line = *p_inout;
    const char *cr = atl_scan_value(line, end);
    const char *colon, *from, *to;

    if (!is_crlf(cr, end))
        return "control character in a field line"; /* RFC 9110 5.5 */
    colon = atl_scan_lower(line, end); /* stops at the CR if not before */
    if (*colon != ':' || colon == line)
        return name_fault(line, colon);
    f->name = span(data, line, colon);
    f->id = find_id(line, f->name.len);
    for (from = colon + 1; *from <= ' ' && is_blank(*from);)
        from++; /* the CR stops it too */
    for (to = cr; to[-1] <= ' ' && is_blank(to[-1]) && to > from;)
        to--;
    f->value = span(data, from, to);
    *p_inout = line + (cr + 2 - line);
    return NULL;
}

static enum atl_h1_verdict
parse_fields(struct atl_h1_head *h, const struct atl_h1_limits *limits,
             char *data, size_t len, struct atl_request *r, size_t *used_out)
{
    uint32_t max =
        limits->fields < ATL_MAX_FIELDS ? limits->fields : ATL_MAX_FIELDS;
    const struct atl_field *f_end = r->fields + max;
    struct atl_field *f = r->fields + r->field_count;
    char *p = data + h->line, *end = data + len, *line;
    char *section_end = len - h->fields_at > limits->header_section
                            ? data + h->fields_at + limits->header_section
                            : end;
    const char *reason;

    r->base = data;
    for (; !is_crlf(p, end); f++) {
        line = p;
        if (f == f_end || (reason = scan_field(&p, end, data, f)) != NULL) {
            h->line = (uint32_t)(line - data);
            r->field_count = (uint16_t)(f - r->fields);
            if (f == f_end)
                return stop(h, limits, data, len, 431, "too many fields");
            return stop(h, limits, data, len, 400, reason);
        }
        if (p > section_end)
            return refuse_long(h);
        if (f->id != ATL_FIELD_OTHER &&
            atl_h1_fields_take(h, r, f) != ATL_H1_DONE)
            return ATL_H1_REFUSE;
    }
    r->field_count = (uint16_t)(f - r->fields);
    *used_out = (size_t)(p + 2 - data);
    return atl_h1_fields_finish(h, r);
}

/*
 * The first bytes.  One empty line is forgiven (RFC 9112 2.2).  What can't
 * begin a request line is refused at once: a client that speaks TLS to us
 * would wait for an answer and never send a line.
 */
static enum atl_h1_verdict
start_head(struct atl_h1_head *h, const char *data, size_t len)
{
    if (len > 0 && data[0] == '\r') {
        if (len > 1 && data[1] != '\n')
            return atl_h1_fields_refuse(h, 400, "CR without LF");
        h->line = 2;
    }
    if (h->line >= len)
        return ATL_H1_MORE;
    if (!atl_scan_token[(unsigned char)data[h->line]])
        return atl_h1_fields_refuse(h, 400, "not an HTTP request");
    h->part = PART_REQUEST_LINE;
    return ATL_H1_DONE;
}

void
atl_h1_head_init(struct atl_h1_head *h)
{
    memset(h, 0, sizeof(*h));
}

enum atl_h1_verdict
atl_h1_parse_head(struct atl_h1_head *h, const struct atl_h1_limits *limits,
                  char *data, size_t len, struct atl_request *r,
                  size_t *used_out)
{
    enum atl_h1_verdict verdict;

    if (h->status != 0)
        return ATL_H1_REFUSE;
    /* Offsets have 32 bits; limits that are sane end far below. */
    if (len > UINT32_MAX)
        len = UINT32_MAX;
    if (h->part == PART_START &&
        (verdict = start_head(h, data, len)) != ATL_H1_DONE)
        return verdict;
    /* Nothing new about a line while its LF is missing (law 3). */
    if (h->seen != 0 && memchr(data + h->seen, '\n', len - h->seen) == NULL)
        return wait_line(h, limits, data, len);
    if (h->part == PART_REQUEST_LINE &&
        (verdict = parse_request_line(h, limits, data, len, r)) != ATL_H1_DONE)
        return verdict;
    return parse_fields(h, limits, data, len, r, used_out);
}
