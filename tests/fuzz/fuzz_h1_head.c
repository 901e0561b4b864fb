/* fuzz_h1_head.c - the request head: one result, however the bytes come in.
 * SPDX-License-Identifier: MIT
 *
 * Each input is parsed whole, byte by byte and in random pieces, with the
 * usual limits and with small ones; all must agree, and a head that is taken
 * must keep what request.h promises.
 */
#include "http/h1_parse.h"

#include <string.h>

#include "fuzz/fuzz.h"

#define WHOLE SIZE_MAX /* not in pieces */

static const struct atl_h1_limits all_limits[] = {
    {8192, 65536, 100, 8192},
    {24, 64, 3, 16},
};

struct parse {
    struct atl_h1_head head;
    struct atl_request r;
    enum atl_h1_verdict verdict;
    char *data; /* owned; exactly as large as what was fed */
    size_t used;
};

/* Parse what `size` bytes are, in pieces of 1 to `max_piece`. */
static void
parse(struct parse *p, const struct atl_h1_limits *limits, const uint8_t *data,
      size_t size, size_t max_piece)
{
    uint64_t random = fuzz_seed(data, size);
    size_t len = 0;

    memset(p, 0x5a, sizeof(*p));
    atl_h1_head_init(&p->head);
    p->verdict = ATL_H1_MORE;
    p->data = NULL;
    p->used = 0;
    while (p->verdict == ATL_H1_MORE && len < size) {
        size_t piece = 1 + fuzz_random(&random) % max_piece;
        char *grown;

        if (max_piece == WHOLE || piece > size - len)
            piece = size - len;
        grown = malloc(len + piece);
        if (len > 0)
            memcpy(grown, p->data, len);
        memcpy(grown + len, data + len, piece);
        free(p->data);
        p->data = grown;
        len += piece;
        p->verdict =
            atl_h1_parse_head(&p->head, limits, p->data, len, &p->r, &p->used);
        if (p->verdict == ATL_H1_DONE)
            FUZZ_CHECK(p->used <= len);
    }
}

static void
check_span(const struct parse *p, struct atl_span span)
{
    FUZZ_CHECK(span.at <= p->used && span.len <= p->used - span.at);
}

static void
check_field(const struct parse *p, const struct atl_field *f)
{
    struct atl_str name, value;
    size_t i;

    check_span(p, f->name);
    check_span(p, f->value);
    name = atl_request_str(&p->r, f->name);
    value = atl_request_str(&p->r, f->value);
    FUZZ_CHECK(name.len > 0);
    for (i = 0; i < name.len; i++) {
        FUZZ_CHECK((unsigned char)name.ptr[i] > ' ' &&
                   (unsigned char)name.ptr[i] < 0x7f);
        FUZZ_CHECK(name.ptr[i] != ':');
        FUZZ_CHECK(name.ptr[i] < 'A' || name.ptr[i] > 'Z');
    }
    for (i = 0; i < value.len; i++)
        FUZZ_CHECK(memchr("\r\n", value.ptr[i], 3) == NULL);
    if (value.len > 0)
        FUZZ_CHECK(memchr(" \t", value.ptr[0], 2) == NULL &&
                   memchr(" \t", value.ptr[value.len - 1], 2) == NULL);
}

/* What stands in a request was checked (law 3 of request.h). */
static void
check_request(const struct parse *p, const struct atl_h1_limits *limits)
{
    const struct atl_request *r = &p->r;
    struct atl_str path, value;
    size_t i;

    FUZZ_CHECK(r->base == p->data);
    check_span(p, r->method);
    check_span(p, r->path);
    check_span(p, r->query);
    check_span(p, r->host);
    path = atl_request_str(r, r->path);
    FUZZ_CHECK(path.len > 0 && (path.ptr[0] == '/' || path.ptr[0] == '*'));
    FUZZ_CHECK(r->path_is_plain == (memchr(path.ptr, '%', path.len) == NULL));
    for (i = 0; i < path.len; i++)
        FUZZ_CHECK(path.ptr[i] > ' ' && path.ptr[i] < 0x7f);
    FUZZ_CHECK(r->method.len > 0 && r->method.len <= 32);
    FUZZ_CHECK(r->version_major == 1 && r->version_minor <= 1);
    FUZZ_CHECK(r->field_count <= limits->fields);
    FUZZ_CHECK(memcmp(p->data + p->used - 4, "\r\n\r\n", 4) == 0);
    for (i = 0; i < r->field_count; i++)
        check_field(p, &r->fields[i]);
    if (atl_request_find(r, ATL_STR("host"), &value))
        FUZZ_CHECK(atl_str_eq(value, atl_request_str(r, r->host)));
    else
        FUZZ_CHECK(r->version_minor == 0);
    FUZZ_CHECK((r->framing == ATL_FRAMING_CHUNKED) ==
               atl_request_find(r, ATL_STR("transfer-encoding"), &value));
    FUZZ_CHECK((r->framing == ATL_FRAMING_LENGTH) ==
               atl_request_find(r, ATL_STR("content-length"), &value));
}

/* All but `base`, which differs since the bytes moved. */
static void
check_same_request(const struct atl_request *a, const struct atl_request *b)
{
    uint16_t i;

    FUZZ_CHECK(memcmp(&a->method, &b->method, sizeof(a->method)) == 0);
    FUZZ_CHECK(memcmp(&a->path, &b->path, sizeof(a->path)) == 0);
    FUZZ_CHECK(memcmp(&a->query, &b->query, sizeof(a->query)) == 0);
    FUZZ_CHECK(memcmp(&a->host, &b->host, sizeof(a->host)) == 0);
    FUZZ_CHECK(a->content_length == b->content_length);
    FUZZ_CHECK(a->framing == b->framing);
    FUZZ_CHECK(a->version_minor == b->version_minor);
    FUZZ_CHECK(a->keep_alive == b->keep_alive);
    FUZZ_CHECK(a->expects_continue == b->expects_continue);
    FUZZ_CHECK(a->upgrade == b->upgrade);
    FUZZ_CHECK(a->is_head == b->is_head && a->is_get == b->is_get);
    FUZZ_CHECK(a->path_is_plain == b->path_is_plain);
    FUZZ_CHECK(a->field_count == b->field_count);
    for (i = 0; i < a->field_count; i++) {
        FUZZ_CHECK(memcmp(&a->fields[i].name, &b->fields[i].name,
                          sizeof(struct atl_span)) == 0);
        FUZZ_CHECK(memcmp(&a->fields[i].value, &b->fields[i].value,
                          sizeof(struct atl_span)) == 0);
        FUZZ_CHECK(a->fields[i].id == b->fields[i].id);
    }
}

/* Only names may have changed, and only to lower case. */
static void
check_bytes(const struct parse *p, const uint8_t *data)
{
    size_t i;

    for (i = 0; i < p->used; i++)
        FUZZ_CHECK(p->data[i] == (char)data[i] ||
                   p->data[i] == atl_lower((char)data[i]));
    for (i = 0; i < p->r.path.len; i++)
        FUZZ_CHECK(p->data[p->r.path.at + i] == (char)data[p->r.path.at + i]);
    for (i = 0; i < p->r.field_count; i++)
        FUZZ_CHECK(memcmp(p->data + p->r.fields[i].value.at,
                          data + p->r.fields[i].value.at,
                          p->r.fields[i].value.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t max_pieces[] = {1, 3, 40};
    static struct parse whole, pieces;
    size_t i, k;

    for (i = 0; i < sizeof(all_limits) / sizeof(all_limits[0]); i++) {
        const struct atl_h1_limits *limits = &all_limits[i];

        parse(&whole, limits, data, size, WHOLE);
        if (whole.verdict == ATL_H1_REFUSE)
            FUZZ_CHECK(whole.head.status >= 400 && whole.head.reason != NULL);
        if (whole.verdict == ATL_H1_DONE) {
            check_request(&whole, limits);
            check_bytes(&whole, data);
        }
        for (k = 0; k < sizeof(max_pieces) / sizeof(max_pieces[0]); k++) {
            parse(&pieces, limits, data, size, max_pieces[k]);
            FUZZ_CHECK(pieces.verdict == whole.verdict);
            FUZZ_CHECK(pieces.head.status == whole.head.status);
            FUZZ_CHECK(pieces.head.reason == whole.head.reason);
            if (whole.verdict == ATL_H1_DONE) {
                FUZZ_CHECK(pieces.used == whole.used);
                check_same_request(&pieces.r, &whole.r);
            }
            free(pieces.data);
        }
        free(whole.data);
    }
    return 0;
}
