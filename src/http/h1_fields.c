/* h1_fields.c - what the server reads of a head's fields.  See h1_fields.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/h1_fields.h"

#include <string.h>

#include "http/authority.h"
#include "http/scan.h"

enum seen {
    SEEN_HOST = 1,
    SEEN_LENGTH = 2,
    SEEN_CODING = 4,
    SEEN_CLOSE = 8,       /* Connection: close */
    SEEN_KEEP_ALIVE = 16, /* Connection: keep-alive */
    SEEN_UPGRADING = 32,  /* Connection: upgrade */
    SEEN_UPGRADE = 64,
    SEEN_STRANGE_EXPECT = 128,
};

/*
 * Take the next element off a list, without the white space around it
 * (RFC 9110 5.6.1); list->ptr is NULL behind the last.
 */
static bool
next_element(struct atl_str *list, struct atl_str *element_out)
{
    const char *from = list->ptr, *end, *to, *comma;

    if (from == NULL)
        return false;
    end = from + list->len;
    comma = memchr(from, ',', list->len);
    to = comma != NULL ? comma : end;
    list->ptr = comma != NULL ? comma + 1 : NULL;
    list->len = comma != NULL ? (size_t)(end - comma - 1) : 0;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *element_out = (struct atl_str){from, (size_t)(to - from)};
    return true;
}

/* The usual one; a value has no CR, so 0x20 makes a '-' of nothing else. */
static bool
is_keep_alive(struct atl_str value)
{
    return value.len == 10 &&
           (atl_scan_load(value.ptr) | ATL_SCAN_EACH(0x20)) ==
               atl_scan_load("keep-ali") &&
           atl_lower(value.ptr[8]) == 'v' && atl_lower(value.ptr[9]) == 'e';
}

/* Options that we don't know are none of our business (RFC 9110 7.6.1). */
static __attribute__((noinline)) void
take_connection(struct atl_h1_head *h, struct atl_str list)
{
    struct atl_str option;

    while (next_element(&list, &option)) {
        if (atl_str_eq_nocase(option, ATL_STR("close")))
            h->flags |= SEEN_CLOSE;
        else if (atl_str_eq_nocase(option, ATL_STR("keep-alive")))
            h->flags |= SEEN_KEEP_ALIVE;
        else if (atl_str_eq_nocase(option, ATL_STR("upgrade")))
            h->flags |= SEEN_UPGRADING;
    }
}

/* 1*DIGIT (RFC 9110 8.6); what does not fit becomes UINT64_MAX. */
static bool
parse_length(struct atl_str s, uint64_t *length_out)
{
    uint64_t length = 0;
    size_t i;

    for (i = 0; i < s.len; i++) {
        uint64_t digit = (uint64_t)s.ptr[i] - '0';

        if (digit > 9)
            return false;
        /* Once at the maximum it stays there: that is more than any limit. */
        if (length > (UINT64_MAX - digit) / 10)
            length = UINT64_MAX;
        else
            length = length * 10 + digit;
    }
    *length_out = length;
    return s.len > 0;
}

static enum atl_h1_verdict
take_host(struct atl_h1_head *h, struct atl_request *r, struct atl_field *f)
{
    struct atl_str value = atl_request_str(r, f->value);

    if (h->flags & SEEN_HOST) /* RFC 9112 3.2 */
        return atl_h1_fields_refuse(h, 400, "more than one Host field");
    h->flags |= SEEN_HOST;
    /* Empty where the target's scheme has no authority (RFC 9110 7.2). */
    if (value.len != 0 && !atl_authority_is_valid(value))
        return atl_h1_fields_refuse(h, 400, "malformed Host field");
    /*
     * An absolute target has set r->host already (never to an empty one); it
     * wins, and whoever reads the field must not see another (RFC 9112 3.2.2).
     */
    if (r->host.len != 0)
        f->value = r->host;
    else
        r->host = f->value;
    return ATL_H1_DONE;
}

static __attribute__((noinline)) enum atl_h1_verdict
take_length(struct atl_h1_head *h, struct atl_request *r, struct atl_str value)
{
    /* Equal ones might be merged; they are refused too (RFC 9112 6.3). */
    if (h->flags & SEEN_LENGTH)
        return atl_h1_fields_refuse(h, 400, "more than one Content-Length");
    if (!parse_length(value, &r->content_length))
        return atl_h1_fields_refuse(h, 400, "malformed Content-Length field");
    h->flags |= SEEN_LENGTH;
    return ATL_H1_DONE;
}

static __attribute__((noinline)) void
take_expect(struct atl_h1_head *h, struct atl_request *r, struct atl_str value)
{
    if (atl_str_eq_nocase(value, ATL_STR("100-continue")))
        r->expects_continue = true;
    else
        h->flags |= SEEN_STRANGE_EXPECT;
}

enum atl_h1_verdict
atl_h1_fields_take(struct atl_h1_head *h, struct atl_request *r,
                   struct atl_field *f)
{
    struct atl_str value = atl_request_str(r, f->value);

    switch (f->id) {
    case ATL_FIELD_HOST:
        return take_host(h, r, f);
    case ATL_FIELD_CONTENT_LENGTH:
        return take_length(h, r, value);
    case ATL_FIELD_TRANSFER_ENCODING:
        h->flags |= SEEN_CODING;
        break;
    case ATL_FIELD_CONNECTION:
        if (is_keep_alive(value))
            h->flags |= SEEN_KEEP_ALIVE;
        else
            take_connection(h, value);
        break;
    case ATL_FIELD_EXPECT:
        take_expect(h, r, value);
        break;
    case ATL_FIELD_UPGRADE:
        h->flags |= SEEN_UPGRADE;
        break;
    case ATL_FIELD_OTHER:
        break;
    }
    return ATL_H1_DONE;
}

static bool
is_token(struct atl_str s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if (!atl_scan_token[(unsigned char)s.ptr[i]])
            return false;
    return s.len > 0;
}

/*
 * All Transfer-Encoding lines are one list (RFC 9110 5.3), of which we serve
 * "chunked" alone.  In this order:
 * 1. An element that is no bare token is refused with 400: empty ones and
 *    parameters have no use here but to make two recipients disagree.
 * 2. Anything behind "chunked" is 400: it may be applied once, as the last
 *    (RFC 9112 6.1, 6.3 item 4).
 * 3. Any other coding is 501 (RFC 9112 6.1), whether "chunked" ends the list
 *    or it is missing.  For the latter 6.3 would have 400; the answer closes
 *    the connection either way, and 501 tells the client what is wrong.
 */
static __attribute__((noinline)) enum atl_h1_verdict
check_codings(struct atl_h1_head *h, const struct atl_request *r)
{
    bool has_chunked = false, has_other = false;
    struct atl_str list, coding;
    uint16_t i;

    for (i = 0; i < r->field_count; i++) {
        if (r->fields[i].id != ATL_FIELD_TRANSFER_ENCODING)
            continue;
        list = atl_request_str(r, r->fields[i].value);
        while (next_element(&list, &coding)) {
            if (!is_token(coding))
                return atl_h1_fields_refuse(
                    h, 400, "malformed Transfer-Encoding field");
            if (has_chunked)
                return atl_h1_fields_refuse(h, 400,
                                            "chunked is not the last coding");
            if (atl_str_eq_nocase(coding, ATL_STR("chunked")))
                has_chunked = true;
            else
                has_other = true;
        }
    }
    if (has_other)
        return atl_h1_fields_refuse(h, 501, "transfer coding not implemented");
    return ATL_H1_DONE;
}

/* How long the body is (RFC 9112 6.3). */
static enum atl_h1_verdict
take_framing(struct atl_h1_head *h, struct atl_request *r)
{
    if (h->flags & SEEN_CODING) {
        /* Both faults may be an attempt at smuggling (RFC 9112 6.1). */
        if (r->version_minor == 0)
            return atl_h1_fields_refuse(h, 400,
                                        "Transfer-Encoding in HTTP/1.0");
        if (h->flags & SEEN_LENGTH)
            return atl_h1_fields_refuse(
                h, 400, "Transfer-Encoding with Content-Length");
        r->framing = ATL_FRAMING_CHUNKED;
        return check_codings(h, r);
    }
    if (h->flags & SEEN_LENGTH)
        r->framing = ATL_FRAMING_LENGTH;
    return ATL_H1_DONE;
}

enum atl_h1_verdict
atl_h1_fields_finish(struct atl_h1_head *h, struct atl_request *r)
{
    bool is_1_1 = r->version_minor != 0;
    enum atl_h1_verdict verdict;

    if (is_1_1 && !(h->flags & SEEN_HOST)) /* RFC 9112 3.2 */
        return atl_h1_fields_refuse(h, 400, "no Host field");
    if ((verdict = take_framing(h, r)) != ATL_H1_DONE)
        return verdict;
    /* HTTP/1.0 knows neither Expect nor Upgrade (RFC 9110 10.1.1, 7.8). */
    if (is_1_1 && (h->flags & SEEN_STRANGE_EXPECT))
        return atl_h1_fields_refuse(h, 417, "expectation not known");
    r->expects_continue = r->expects_continue && is_1_1;
    r->upgrade =
        is_1_1 && (h->flags & SEEN_UPGRADE) && (h->flags & SEEN_UPGRADING);
    /* RFC 9112 9.3 */
    r->keep_alive =
        !(h->flags & SEEN_CLOSE) && (is_1_1 || (h->flags & SEEN_KEEP_ALIVE));
    return ATL_H1_DONE;
}
