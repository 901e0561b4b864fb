/* h1_chunks_test.c - chunked bodies, however their bytes come in.
 * SPDX-License-Identifier: MIT
 *
 * Each row is decoded whole, byte by byte and in two pieces split at each
 * offset, each piece in a buffer exactly as large as itself; all of these must
 * agree.
 */
#include "http/h1_parse.h"

#include "unit/test.h"

#define TAKEN 0
#define WAITS (-1)

struct row {
    const char *text;
    size_t len;
    const char *body; /* what is decoded, also before a fault */
    int want;         /* TAKEN, WAITS or the status of the refusal */
};

#define ROW(text, body, want)                 \
    {                                         \
        "" text, sizeof(text) - 1, body, want \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct feed {
    struct atl_h1_chunks chunks;
    enum atl_h1_verdict verdict;
    char body[512];
    size_t body_len;
    size_t used;
};

static struct atl_h1_limits limits = {8192, 65536, 100, 40};

static void
start(struct feed *f)
{
    memset(f, 0, sizeof(*f));
    f->verdict = ATL_H1_MORE;
}

static void
more(struct feed *f, const char *text, size_t len)
{
    size_t body_len, used;
    char *data;

    if (f->verdict != ATL_H1_MORE)
        return;
    data = malloc(len);
    memcpy(data, text, len);
    f->verdict =
        atl_h1_parse_chunks(&f->chunks, &limits, data, len, &body_len, &used);
    CHECK(body_len <= used && used <= len);
    CHECK(f->body_len + body_len <= sizeof(f->body));
    if (f->verdict == ATL_H1_MORE)
        CHECK_INT(used, len);
    if (f->verdict == ATL_H1_DONE) /* what is behind stays as it is */
        CHECK(memcmp(data + used, text + used, len - used) == 0);
    memcpy(f->body + f->body_len, data, body_len);
    f->body_len += body_len;
    f->used += used;
    free(data);
}

static int
result(const struct feed *f)
{
    if (f->verdict == ATL_H1_REFUSE)
        return f->chunks.status;
    return f->verdict == ATL_H1_DONE ? TAKEN : WAITS;
}

static void
check_feed(const struct feed *f, const struct feed *whole,
           const struct row *row)
{
    bool same = f->verdict == whole->verdict &&
                f->chunks.reason == whole->chunks.reason &&
                (f->verdict == ATL_H1_REFUSE || f->used == whole->used);

    if (!same || result(f) != row->want || f->body_len != strlen(row->body) ||
        memcmp(f->body, row->body, f->body_len) != 0)
        fail_msg("%d (%s) and \"%.*s\", not %d and \"%s\": %.*s", result(f),
                 f->chunks.reason ? f->chunks.reason : "-", (int)f->body_len,
                 f->body, row->want, row->body, (int)row->len, row->text);
}

static void
check_rows(const struct row *row, size_t count)
{
    struct feed whole, pieces;
    size_t i, cut;

    for (; count-- > 0; row++) {
        start(&whole);
        more(&whole, row->text, row->len);
        check_feed(&whole, &whole, row);
        start(&pieces);
        for (i = 0; i < row->len; i++)
            more(&pieces, row->text + i, 1);
        check_feed(&pieces, &whole, row);
        for (cut = 0; cut < row->len; cut++) {
            start(&pieces);
            more(&pieces, row->text, cut);
            more(&pieces, row->text + cut, row->len - cut);
            check_feed(&pieces, &whole, row);
        }
    }
}

TEST(chunks_become_one_body)
{
    static const struct row rows[] = {
        ROW("0\r\n\r\n", "", TAKEN),
        ROW("5\r\nhello\r\n0\r\n\r\n", "hello", TAKEN),
        ROW("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET", "hello world",
            TAKEN),
        ROW("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", TAKEN),
        ROW("A\r\n0123456789\r\n000\r\n\r\n", "0123456789", TAKEN),
        ROW("1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
            "abcdefghijklmnopqrstuvwxyz", TAKEN),
        ROW("9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r\n", TAKEN),
        ROW("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello",
            TAKEN),
        ROW("5\r\nhello\r\n0\r\n\r", "hello", WAITS),
        ROW("5\r\nhello\r\n0\r\n", "hello", WAITS),
        ROW("5\r\nhello\r\n0\r", "hello", WAITS),
        ROW("5\r\nhello\r\n", "hello", WAITS),
        ROW("5\r\nhel", "hel", WAITS),
        ROW("5\r\n", "", WAITS),
        ROW("5", "", WAITS),
        ROW("", "", WAITS),
        ROW("ffffffffffffffff\r\nhello", "hello", WAITS),
    };

    check_rows(rows, COUNT(rows));
}

TEST(a_chunk_may_hold_any_byte)
{
    char text[6 + 256 + 7 + 1] = "100\r\n";
    size_t body_len, used;
    struct atl_h1_chunks c = {0};
    int i;

    for (i = 0; i < 256; i++)
        text[5 + i] = (char)i;
    memcpy(text + 5 + 256, "\r\n0\r\n\r\n", 8);
    CHECK_INT(
        atl_h1_parse_chunks(&c, &limits, text, 5 + 256 + 7, &body_len, &used),
        ATL_H1_DONE);
    CHECK_INT(body_len, 256);
    CHECK_INT(used, 5 + 256 + 7);
    for (i = 0; i < 256; i++)
        CHECK_INT((unsigned char)text[i], i);
}

TEST(sizes_are_1_to_16_hex_digits)
{
    static const struct row rows[] = {
        ROW("\r\n", "", 400),
        ROW(";a\r\n", "", 400),
        ROW(" 5\r\n", "", 400),
        ROW("+5\r\n", "", 400),
        ROW("-5\r\n", "", 400),
        ROW("0x5\r\n", "", 400),
        ROW("g\r\n", "", 400),
        ROW("5g\r\n", "", 400),
        ROW("5_0\r\n", "", 400),
        ROW("5,\r\n", "", 400),
        ROW("5:\r\n", "", 400),
        ROW("5\0\r\n", "", 400),
        ROW("5\xb2\r\n", "", 400),
        ROW("00000000000000005\r\n", "", 400), /* 17 digits */
        ROW("00000000000000000\r\n", "", 400),
        ROW("00000000000000000;\r\n\r\n", "", 400),
        ROW("0fffffffffffffff0\r\n", "", 400),
        ROW("10000000000000000\r\n", "", 413), /* 2^64 */
        ROW("fffffffffffffffff\r\n", "", 413),
        ROW("1\r\na\r\n10000000000000000", "a", 413),
    };

    check_rows(rows, COUNT(rows));
}

TEST(lines_end_with_crlf)
{
    static const struct row rows[] = {
        ROW("5\nhello\r\n", "", 400),
        ROW("5\rhello\r\n", "", 400),
        ROW("5\r\r\n", "", 400),
        ROW("5\r\nhello\n0\r\n\r\n", "hello", 400),
        ROW("5\r\nhello\r0\r\n\r\n", "hello", 400),
        ROW("5\r\nhello0\r\n\r\n", "hello", 400),
        ROW("5\r\nhello!\r\n0\r\n\r\n", "hello", 400),
        ROW("6\r\nhello\r\n0\r\n\r\n", "hello\r", 400),
        ROW("5\r\nhello\r\n\r\n0\r\n\r\n", "hello", 400),
        ROW("0\n\r\n", "", 400),
        ROW("0\r\n\n", "", 400),
        ROW("0\r\n\rX", "", 400),
        ROW("0\r\n\r\r\n", "", 400),
    };

    check_rows(rows, COUNT(rows));
}

TEST(extensions_are_passed_over)
{
    static const struct row rows[] = {
        ROW("5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello", TAKEN),
        ROW("5;a=\"b; \xe9\"\r\nhello\r\n0\r\n\r\n", "hello", TAKEN),
        ROW("5 \t;\ta = b\r\nhello\r\n0 ;\r\n\r\n", "hello", TAKEN),
        ROW("5 \r\nhello\r\n", "", 400),
        ROW("0\t\r\n\r\n", "", 400),
        ROW("5 5\r\n", "", 400),
        ROW("5 \n", "", 400),
        ROW("5;a\nhello\r\n", "", 400),
        ROW("5;a\rb\r\n", "", 400),
        ROW("5;a\0\r\n", "", 400),
        ROW("5;aaaaaaaaaaaaaaa\x01\r\n", "", 400),
        ROW("5;a\x7f\r\n", "", 400),
    };

    check_rows(rows, COUNT(rows));
}

TEST(extensions_have_a_limit_in_all)
{
    static const struct row rows[] = {
        ROW("5;234567890\r\nhello\r\n0;234567890\r\n\r\n", "hello", TAKEN),
        ROW("5;234567890\r\nhello\r\n0;2345678901\r\n\r\n", "hello", 400),
        ROW("5;234567890\r\nhello\r\n0;2345678901", "hello", 400),
        ROW("5                    ;\r\n", "", 400),
        ROW("5                     ", "", 400),
        ROW("1; 345678\r\na\r\n1; 345678\r\nb\r\n1; 345\r\nc\r\n", "ab", 400),
        /* the trailer section has a limit of its own */
        ROW("0;2345678901234567890\r\nA: 456789012345678\r\n\r\n", "", TAKEN),
    };

    limits.chunk_overhead = 20;
    check_rows(rows, COUNT(rows));
    limits.chunk_overhead = 40;
}

TEST(trailer_fields_are_dropped)
{
    static const struct row rows[] = {
        ROW("5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello", TAKEN),
        ROW("0\r\nX: y\r\nHost:\r\nA-b:c\td \xff\r\n\r\nX", "", TAKEN),
        ROW("0\r\nContent-Length: 9\r\n\r\n", "", TAKEN),
        ROW("0\r\nX\r\n\r\n", "", 400),
        ROW("0\r\n: y\r\n\r\n", "", 400),
        ROW("0\r\nX : y\r\n\r\n", "", 400),
        ROW("0\r\n X: y\r\n\r\n", "", 400),
        ROW("0\r\nX: y\r\n z\r\n\r\n", "", 400),
        ROW("0\r\nX: y\r\n\t\r\n\r\n", "", 400),
        ROW("0\r\nX Y: z\r\n\r\n", "", 400),
        ROW("0\r\nX: y\n\r\n", "", 400),
        ROW("0\r\nX: y\rz\r\n\r\n", "", 400),
        ROW("0\r\nX: y\r\n\n", "", 400),
        ROW("0\r\nX: \0\r\n\r\n", "", 400),
        ROW("0\r\nX: aaaaaaaaaaaa\x1f\r\n\r\n", "", 400),
        ROW("0\r\nX\x80: y\r\n\r\n", "", 400),
        ROW("0\r\nGET / HTTP/1.1\r\n", "", 400),
        ROW("0\r\nX: y", "", WAITS),
    };

    check_rows(rows, COUNT(rows));
}

TEST(the_trailer_section_has_a_limit)
{
    static const struct row rows[] = {
        ROW("0\r\nX: 456789012345678\r\n\r\n", "", TAKEN), /* 20 bytes */
        ROW("0\r\nX: 4567890123456789\r\n\r\n", "", 431),
        ROW("0\r\nX: 4567890123456789012", "", 431),
        ROW("0\r\nX3456789012345678901234", "", 431),
        ROW("0\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n\r\n", "", 431),
        ROW("0\r\nX: 456789012345678\r\n\rX", "", 400),
    };

    limits.chunk_overhead = 20;
    check_rows(rows, COUNT(rows));
    limits.chunk_overhead = 40;
}

TEST(a_finished_body_stays_finished)
{
    struct atl_h1_chunks c = {0};
    char text[] = "0\r\n\r\n0\r\n\r\n";
    size_t body_len, used;

    CHECK_INT(atl_h1_parse_chunks(&c, &limits, text, 10, &body_len, &used),
              ATL_H1_DONE);
    CHECK_INT(used, 5);
    CHECK_INT(atl_h1_parse_chunks(&c, &limits, text + 5, 5, &body_len, &used),
              ATL_H1_DONE);
    CHECK_INT(used, 0);
}

TEST(a_refusal_stays)
{
    struct atl_h1_chunks c = {0};
    char text[] = "x0\r\n\r\n";
    size_t body_len, used;

    CHECK_INT(atl_h1_parse_chunks(&c, &limits, text, 6, &body_len, &used),
              ATL_H1_REFUSE);
    CHECK_INT(atl_h1_parse_chunks(&c, &limits, text + 1, 5, &body_len, &used),
              ATL_H1_REFUSE);
    CHECK_INT(body_len, 0);
    CHECK_INT(c.status, 400);
}
