/* h1_feed.h - tables of request heads and what becomes of them.
 * SPDX-License-Identifier: MIT
 *
 * Each row is parsed whole, byte by byte and in two pieces split at each
 * offset, in buffers that are moved each time and exactly as large as their
 * content; all of these must agree.
 */
#ifndef ATL_TEST_H1_FEED_H
#define ATL_TEST_H1_FEED_H

#include "http/h1_parse.h"

#include "unit/test.h"

#define TAKEN 0
#define WAITS (-1)

struct row {
    const char *text;
    size_t len;
    int want; /* TAKEN, WAITS or the status of the refusal */
};

#define ROW(text, want)                 \
    {                                   \
        "" text, sizeof(text) - 1, want \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is in front of and behind the part that a row is about. */
#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"
#define FIELDS(lines, want) ROW(GET HOST lines END, want)
#define TARGET(target, want) ROW("GET " target " HTTP/1.1\r\n" HOST END, want)
#define HOST_IS(value, want) ROW(GET "Host: " value "\r\n" END, want)

/* A parse, and the bytes it has so far. */
struct feed {
    struct atl_h1_head head;
    struct atl_h1_limits limits;
    struct atl_request r;
    enum atl_h1_verdict verdict;
    char *data; /* owned */
    size_t len;
    size_t used;
};

static struct atl_h1_limits limits = {120, 600, 20, 100};

static void
start(struct feed *f)
{
    memset(f, 0xa5, sizeof(*f));
    atl_h1_head_init(&f->head);
    f->limits = limits;
    f->data = NULL;
    f->len = 0;
    f->used = 0;
    f->verdict = ATL_H1_MORE;
}

static void
more(struct feed *f, const char *text, size_t len)
{
    char *grown;

    if (f->verdict != ATL_H1_MORE)
        return;
    grown = malloc(f->len + len);
    if (f->len > 0)
        memcpy(grown, f->data, f->len);
    memcpy(grown + f->len, text, len);
    free(f->data);
    f->data = grown;
    f->len += len;
    f->verdict = atl_h1_parse_head(&f->head, &f->limits, f->data, f->len, &f->r,
                                   &f->used);
}

static inline void
stop(struct feed *f)
{
    free(f->data);
}

static inline struct atl_str
str(const struct feed *f, struct atl_span span)
{
    return (struct atl_str){f->data + span.at, span.len};
}

static bool
is_same_span(struct atl_span a, struct atl_span b)
{
    return a.at == b.at && a.len == b.len;
}

static bool
is_same_request(const struct atl_request *a, const struct atl_request *b)
{
    uint16_t i;

    if (!is_same_span(a->method, b->method) ||
        !is_same_span(a->path, b->path) || !is_same_span(a->query, b->query) ||
        !is_same_span(a->host, b->host) ||
        a->content_length != b->content_length || a->framing != b->framing ||
        a->version_major != b->version_major ||
        a->version_minor != b->version_minor ||
        a->keep_alive != b->keep_alive ||
        a->expects_continue != b->expects_continue ||
        a->upgrade != b->upgrade || a->is_head != b->is_head ||
        a->is_get != b->is_get || a->path_is_plain != b->path_is_plain ||
        a->field_count != b->field_count)
        return false;
    for (i = 0; i < a->field_count; i++)
        if (!is_same_span(a->fields[i].name, b->fields[i].name) ||
            !is_same_span(a->fields[i].value, b->fields[i].value) ||
            a->fields[i].id != b->fields[i].id)
            return false;
    return true;
}

static void
check_same(const struct feed *whole, const struct feed *pieces,
           const struct row *row)
{
    bool same = whole->verdict == pieces->verdict &&
                whole->head.status == pieces->head.status &&
                whole->head.reason == pieces->head.reason &&
                whole->used == pieces->used;

    if (same && whole->verdict == ATL_H1_DONE)
        same = is_same_request(&whole->r, &pieces->r) &&
               pieces->r.base == pieces->data;
    if (!same)
        fail_msg("pieces give another result: %d %u %s, not %d %u %s: %.*s",
                 (int)pieces->verdict, pieces->head.status,
                 pieces->head.reason ? pieces->head.reason : "-",
                 (int)whole->verdict, whole->head.status,
                 whole->head.reason ? whole->head.reason : "-", (int)row->len,
                 row->text);
}

static int
result(const struct feed *f)
{
    if (f->verdict == ATL_H1_REFUSE)
        return f->head.status;
    return f->verdict == ATL_H1_DONE ? TAKEN : WAITS;
}

/* Check `row` in all ways; leaves the whole parse in *whole. */
static void
check_row(const struct row *row, struct feed *whole)
{
    static struct feed pieces;
    size_t i, cut;

    start(whole);
    more(whole, row->text, row->len);
    if (result(whole) != row->want)
        fail_msg("%d (%s), not %d: %.*s", result(whole),
                 whole->verdict == ATL_H1_REFUSE ? whole->head.reason : "-",
                 row->want, (int)row->len, row->text);
    start(&pieces);
    for (i = 0; i < row->len && pieces.verdict == ATL_H1_MORE; i++)
        more(&pieces, row->text + i, 1);
    check_same(whole, &pieces, row);
    stop(&pieces);
    for (cut = 0; cut < row->len; cut++) {
        start(&pieces);
        more(&pieces, row->text, cut);
        more(&pieces, row->text + cut, row->len - cut);
        check_same(whole, &pieces, row);
        stop(&pieces);
    }
}

static inline void
check_rows(const struct row *rows, size_t count)
{
    static struct feed whole;
    size_t i;

    for (i = 0; i < count; i++) {
        check_row(&rows[i], &whole);
        stop(&whole);
    }
}

/* Parse a head that must be taken; its result stays until the next call. */
static inline const struct feed *
taken(const char *text)
{
    static struct feed f;
    static bool used;
    struct row row = {text, strlen(text), TAKEN};

    if (used)
        stop(&f);
    used = true;
    check_row(&row, &f);
    return &f;
}

/* A span of a request is the string literal. */
#define CHECK_SPAN(f, span, literal) \
    CHECK_MEM(str((f), (f)->r.span).ptr, (f)->r.span.len, literal)

#endif
