/* h1_parse_test.c - the request line, the limits and the calls.
 * SPDX-License-Identifier: MIT
 */
#include "http/h1_parse.h"

#include "unit/h1_feed.h"
#include "unit/test.h"

/* ---- the line's grammar ---- */

TEST(a_request_is_split_into_its_parts)
{
    const struct feed *f = taken("GET /a/b?c=d&e HTTP/1.1\r\n"
                                 "Host: example.com:8080\r\n"
                                 "X-Some-Field:  a value \t\r\n"
                                 "\r\n"
                                 "body");

    CHECK_SPAN(f, method, "GET");
    CHECK_SPAN(f, path, "/a/b");
    CHECK_SPAN(f, query, "c=d&e");
    CHECK_SPAN(f, host, "example.com:8080");
    CHECK_INT(f->r.version_major, 1);
    CHECK_INT(f->r.version_minor, 1);
    CHECK_INT(f->r.framing, ATL_FRAMING_NONE);
    CHECK(f->r.is_get && !f->r.is_head && f->r.path_is_plain);
    CHECK(f->r.keep_alive && !f->r.expects_continue && !f->r.upgrade);
    CHECK_INT(f->r.field_count, 2);
    CHECK_SPAN(f, fields[0].name, "host");
    CHECK_INT(f->r.fields[0].id, ATL_FIELD_HOST);
    CHECK_SPAN(f, fields[1].name, "x-some-field");
    CHECK_SPAN(f, fields[1].value, "a value");
    CHECK_INT(f->r.fields[1].id, ATL_FIELD_OTHER);
    CHECK_INT(f->used, f->len - 4);
    CHECK_MEM(f->data + f->used, 4, "body");
}

TEST(one_empty_line_before_the_request_is_ignored)
{
    static const struct row rows[] = {
        ROW("\r\n" GET HOST END, TAKEN),
        ROW("\r\n\r\n" GET HOST END, 400),
        ROW("\r\n\r", 400),
        ROW("\n" GET HOST END, 400),
        ROW("\r" GET HOST END, 400),
        ROW("\rG", 400),
        ROW("\r\n\n", 400),
        ROW("\r\n", WAITS),
        ROW("\r", WAITS),
        ROW("", WAITS),
    };

    check_rows(rows, COUNT(rows));
}

TEST(what_cannot_begin_a_request_is_refused_at_its_first_byte)
{
    static const struct row rows[] = {
        ROW("\x16", 400), /* a TLS ClientHello */
        ROW("\x16\x03\x01\x02", 400),
        ROW("\0", 400),
        ROW(" ", 400),
        ROW("\t", 400),
        ROW(":", 400),
        ROW("/", 400),
        ROW("\x80", 400),
        ROW("\xff", 400),
        ROW("\x7f", 400),
        ROW("\r\n\x16", 400),
        ROW("G", WAITS),
    };

    check_rows(rows, COUNT(rows));
}

TEST(the_request_line_has_two_single_spaces)
{
    static const struct row rows[] = {
        ROW("GET  / HTTP/1.1\r\n", 400),
        ROW("GET /  HTTP/1.1\r\n", 400),
        ROW("GET / HTTP/1.1 \r\n", 400),
        ROW("GET\t/ HTTP/1.1\r\n", 400),
        ROW("GET /\tHTTP/1.1\r\n", 400),
        ROW("GET / /b HTTP/1.1\r\n", 400),
        ROW("GET /\r\n", 400),
        ROW("GET \r\n", 400),
        ROW("GET\r\n", 400),
        ROW("GET  HTTP/1.1\r\n", 400),
        ROW("GET HTTP/1.1\r\n", 400),
        ROW("hello world\r\n", 400),
        ROW("G(ET / HTTP/1.1\r\n", 400),
        ROW("G\xc3\x9cT / HTTP/1.1\r\n", 400),
        ROW("GET", WAITS),
        ROW("GET ", WAITS),
        ROW("GET / HTTP/1.1\r", WAITS),
        ROW("get \x01 (((", WAITS), /* a line is judged when it is complete */
    };

    check_rows(rows, COUNT(rows));
}

TEST(every_line_ends_with_crlf)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\n" HOST END, 400),
        ROW("GET / HTTP/1.1\rHost: a\r\n" END, 400),
        ROW("GET / HTTP/1.1\r\r\n" HOST END, 400),
        ROW(GET "Host: a\n" END, 400),
        ROW(GET "Host: a\rX: b\r\n" END, 400),
        ROW(GET "Host: a\r\r\n" END, 400),
        ROW(GET HOST "\n", 400),
        ROW(GET HOST "\rX\n", 400),
        ROW(GET HOST "\r\r\n", 400),
        ROW(GET "\n", 400),
        ROW(GET HOST "\r", WAITS),
        ROW(GET HOST "\rX", WAITS),
        ROW(GET HOST, WAITS),
        ROW(GET "Host: a\r", WAITS),
        ROW(GET, WAITS),
    };

    check_rows(rows, COUNT(rows));
}

TEST(methods_are_upper_case_tokens_of_32_bytes_at_most)
{
    static const struct row rows[] = {
        ROW("POST / HTTP/1.1\r\n" HOST END, TAKEN),
        ROW("M / HTTP/1.1\r\n" HOST END, TAKEN),
        ROW("!#$%&'*+-.^_`|~09AZ / HTTP/1.1\r\n" HOST END, TAKEN),
        ROW("ABCDEFGHIJABCDEFGHIJABCDEFGHIJAB / HTTP/1.1\r\n" HOST END, TAKEN),
        ROW("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABC / HTTP/1.1\r\n", 501),
        ROW("get / HTTP/1.1\r\n", 501),
        ROW("Get / HTTP/1.1\r\n", 501),
        ROW("GETx / HTTP/1.1\r\n", 501),
        ROW("CONNECT a:443 HTTP/1.1\r\n", 501),
        ROW("CONNECT / HTTP/1.1\r\n", 501),
        ROW("CONNECTS / HTTP/1.1\r\n" HOST END, TAKEN),
    };

    check_rows(rows, COUNT(rows));
}

TEST(get_and_head_are_told_apart)
{
    CHECK(taken(GET HOST END)->r.is_get);
    CHECK(!taken(GET HOST END)->r.is_head);
    CHECK(taken("HEAD / HTTP/1.1\r\n" HOST END)->r.is_head);
    CHECK(!taken("HEAD / HTTP/1.1\r\n" HOST END)->r.is_get);
    CHECK(!taken("GETS / HTTP/1.1\r\n" HOST END)->r.is_get);
    CHECK(!taken("POST / HTTP/1.1\r\n" HOST END)->r.is_head);
}

TEST(versions_other_than_1_x_are_505)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/2.0\r\n", 505),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ROW("GET / HTTP/0.9\r\n", 505),
        ROW("GET / HTTP/3.1\r\n", 505),
        ROW("get / HTTP/9.9\r\n", 505), /* before the method */
        ROW("GET / HTTP/1.10\r\n", 400),
        ROW("GET / HTTP/1.\r\n", 400),
        ROW("GET / HTTP/1\r\n", 400),
        ROW("GET / HTTP/11.1\r\n", 400),
        ROW("GET / HTTP/a.1\r\n", 400),
        ROW("GET / HTTP/1.a\r\n", 400),
        ROW("GET / HTTP/1,1\r\n", 400),
        ROW("GET / http/1.1\r\n", 400),
        ROW("GET / HTTPS/1.1\r\n", 400),
        ROW("GET / HTTP 1.1\r\n", 400),
        ROW("GET / HTTP/1.1\t\r\n", 400),
        ROW("GET / HTTP/2.0\n", 400),
    };

    check_rows(rows, COUNT(rows));
}

TEST(a_minor_version_above_1_counts_as_1)
{
    CHECK_INT(taken("GET / HTTP/1.0\r\n\r\n")->r.version_minor, 0);
    CHECK_INT(taken("GET / HTTP/1.1\r\n" HOST END)->r.version_minor, 1);
    CHECK_INT(taken("GET / HTTP/1.2\r\n" HOST END)->r.version_minor, 1);
    CHECK_INT(taken("GET / HTTP/1.9\r\n" HOST END)->r.version_minor, 1);
}

/* ---- the target ---- */

TEST(origin_form_is_checked_byte_by_byte)
{
    static const struct row rows[] = {
        TARGET("/", TAKEN),
        TARGET("/a/../b//c", TAKEN),
        TARGET("//a", TAKEN),
        TARGET("/!$&'()*+,-./:;<=>@[]^_`{|}~\"\\", TAKEN),
        TARGET("/a%20b", TAKEN),
        TARGET("/%fF%0a", TAKEN),
        TARGET("/?%zz%00%", TAKEN),
        TARGET("/?a?b/c!\"$&'", TAKEN),
        TARGET("/%", 400),
        TARGET("/%2", 400),
        TARGET("/%2?0", 400),
        TARGET("/%g0", 400),
        TARGET("/%0g", 400),
        TARGET("/%00", 400),
        TARGET("/a%00b", 400),
        TARGET("/#", 400),
        TARGET("/a#b", 400),
        TARGET("/?#", 400),
        TARGET("/?aaaaaaaaaaaaaa#", 400),
        TARGET("/\x01", 400),
        TARGET("/\0", 400),
        TARGET("/?\x01", 400),
        TARGET("/\x7f", 400),
        TARGET("/?\x7f", 400),
        TARGET("/\x80", 400),
        TARGET("/aaaaaaaaaaaaaaaa\xff", 400),
        TARGET("/?aaaaaaaaaaaaaa\xc3\xa9", 400),
        TARGET("/a\rb", 400),
        TARGET("/a\nb", 400),
    };

    check_rows(rows, COUNT(rows));
}

/* The scans take eight bytes a step: a bad byte must show at each place. */
TEST(a_bad_byte_shows_wherever_it_stands)
{
    static const char bad[] = "\x01\x1f\x7f\x80\xff#\r\n\t";
    static struct feed f;
    char text[64];
    size_t i, at;

    for (i = 0; i < sizeof(bad); i++) {
        for (at = 5; at < 24; at++) {
            int len =
                snprintf(text, sizeof(text), "GET /%020d HTTP/1.1\r\n", 0);

            text[at] = bad[i];
            check_row(&(struct row){text, (size_t)len, 400}, &f);
            stop(&f);
            len = snprintf(text, sizeof(text), "GET /?%020d HTTP/1.1\r\n", 0);
            text[at + 1] = bad[i];
            check_row(&(struct row){text, (size_t)len, 400}, &f);
            stop(&f);
        }
    }
}

TEST(path_and_query_are_what_stands_on_the_wire)
{
    const struct feed *f = taken("GET /a%2fb?x%2f HTTP/1.1\r\n" HOST END);

    CHECK_SPAN(f, path, "/a%2fb");
    CHECK_SPAN(f, query, "x%2f");
    CHECK(!f->r.path_is_plain);
    f = taken("GET /a?x%2f HTTP/1.1\r\n" HOST END);
    CHECK(f->r.path_is_plain);
    f = taken("GET /a? HTTP/1.1\r\n" HOST END);
    CHECK_SPAN(f, path, "/a");
    CHECK_SPAN(f, query, "");
    f = taken("GET /a??b HTTP/1.1\r\n" HOST END);
    CHECK_SPAN(f, query, "?b");
}

TEST(absolute_form_gives_the_host)
{
    const struct feed *f = taken("GET http://b:81/c?d HTTP/1.1\r\n" HOST END);

    CHECK_SPAN(f, host, "b:81");
    CHECK_SPAN(f, path, "/c");
    CHECK_SPAN(f, query, "d");
    CHECK_SPAN(f, fields[0].value, "b:81");
    f = taken("GET HTTPS://[::1] HTTP/1.1\r\nX: y\r\nHost:\r\n" END);
    CHECK_SPAN(f, host, "[::1]");
    CHECK_SPAN(f, path, "/");
    CHECK_SPAN(f, query, "");
    CHECK(f->r.path_is_plain);
    CHECK_SPAN(f, fields[1].value, "[::1]");
    f = taken("GET hTTp://b?c HTTP/1.0\r\n" END);
    CHECK_SPAN(f, host, "b");
    CHECK_SPAN(f, path, "/");
    CHECK_SPAN(f, query, "c");
    CHECK_INT(f->r.field_count, 0);
    f = taken("GET http://b/%41 HTTP/1.0\r\n" END);
    CHECK(!f->r.path_is_plain);
}

TEST(absolute_form_is_checked_like_the_others)
{
    static const struct row rows[] = {
        TARGET("http://b", TAKEN),
        TARGET("https://b/", TAKEN),
        TARGET("http://b:/", TAKEN),
        TARGET("http://b%41:65535/", TAKEN),
        TARGET("http://", 400),
        TARGET("http:///", 400),
        TARGET("http://?a", 400),
        TARGET("http://:80/", 400),
        TARGET("http://u@b/", 400),
        TARGET("http://u:p@b/", 400),
        TARGET("http://b:65536/", 400),
        TARGET("http://b:8o/", 400),
        TARGET("http://[::1/", 400),
        TARGET("http://b/%zz", 400),
        TARGET("http://b/#c", 400),
        TARGET("http://b#c", 400),
        TARGET("http://b/\x01", 400),
        TARGET("http://b\\c/", 400),
        TARGET("http:/b", 400),
        TARGET("http:b", 400),
        TARGET("ws://b/", 400),
        TARGET("ftp://b/", 400),
        TARGET("httpss://b/", 400),
        TARGET("b:80", 400),
        TARGET("a/b", 400),
        TARGET("?a", 400),
        ROW("GET http://b/ HTTP/1.1\r\n" END, 400),
        ROW("GET http://b/ HTTP/1.1\r\nHost: c d\r\n" END, 400),
        ROW("GET http://b/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n" END, 400),
        ROW("OPTIONS http://b HTTP/1.1\r\n" HOST END, TAKEN),
    };

    check_rows(rows, COUNT(rows));
}

TEST(the_asterisk_is_for_options)
{
    static const struct row rows[] = {
        TARGET("*", 400),
        ROW("OPTIONS ** HTTP/1.1\r\n" HOST END, 400),
        ROW("OPTIONS *?a HTTP/1.1\r\n" HOST END, 400),
    };
    const struct feed *f = taken("OPTIONS * HTTP/1.1\r\n" HOST END);

    CHECK_SPAN(f, path, "*");
    CHECK_SPAN(f, query, "");
    CHECK(f->r.path_is_plain);
    check_rows(rows, COUNT(rows));
}

/* ---- limits ---- */

TEST(request_lines_have_a_limit)
{
    static const struct row rows[] = {
        ROW("GET /aaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST END, TAKEN), /* 30 */
        ROW("GET /aaaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST END, 414),
        ROW("GET /aaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST END, 414),
        ROW("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 414),
        ROW("GETTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT", 414),
        ROW("get(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 414),
        ROW("G\x01Taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 414),
        ROW("G\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r",
            414),
        ROW("\x16"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            400),
        ROW("GET /aaaaaaaaaaaaaaaa HTTP/9.1\r\n", 505),
        ROW("GET /aaaaaaaaaaaaaaaaa HTTP/9.1\r\n", 414),
        ROW("get /aaaaaaaaaaaaaaaaa HTTP/1.1\r\n", 414),
        ROW("GET /aaaaaaaaaaaaaaaaa\x01HTTP/1.1\r\n", 414),
        ROW("GET /aaaaaaaaaaaaaaaa HTTP/1.x\r\n", 400),
        ROW("\r\nGET /aaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST END, TAKEN),
        ROW("\r\nGET /aaaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST END, 414),
        ROW("GET /aaaaaaaaaaaaaaaaaaaaaaaaaa\r", WAITS),
    };

    limits.request_line = 30;
    check_rows(rows, COUNT(rows));
    limits.request_line = 120;
}

TEST(the_header_section_has_a_limit)
{
    static const struct row rows[] = {
        ROW(GET HOST "X: aaaaaa\r\n" END, TAKEN), /* 9 + 11 */
        ROW(GET HOST "X: aaaaaaa\r\n" END, 431),
        ROW(GET HOST "X: aaaaaaaaaaaaaaaaaaaaaaa", 431),
        ROW(GET HOST "X: aaaaaa\r\nY: b\r\n" END, 431),
        ROW(GET HOST "X: aaaaaa\r\n\rY", 431),
        ROW(GET HOST "X: aaaaaa\r\nY", 431),
        ROW(GET HOST "X: aaaaaa\r\n\r", WAITS),
        ROW(GET HOST "X: aaaaaa\r", WAITS),
        ROW(GET HOST "X : aaaaa\r\n" END, 400),
        ROW(GET HOST "X : aaaaaa\r\n" END, 431),
        ROW(GET HOST "X: a\n" END, 400),
        ROW(GET HOST "Host: aaaa\r\n" END, 431),
    };

    limits.header_section = 20;
    check_rows(rows, COUNT(rows));
    limits.header_section = 600;
}

TEST(the_number_of_fields_has_a_limit)
{
    static const struct row rows[] = {
        ROW(GET HOST "X: y\r\nX: y\r\n" END, TAKEN),
        ROW(GET HOST "X: y\r\nX: y\r\nX: y\r\n" END, 431),
        ROW(GET HOST "X: y\r\nX: y\r\nX\r\n" END, 431),
        ROW(GET HOST "X: y\r\nX: y\r\n X\r\n" END, 431),
        ROW(GET HOST "X: y\r\nX: y\r\nX: y\r", WAITS),
        ROW(GET HOST "X: y\r\nX: y\r\n\r", WAITS),
    };

    limits.fields = 3;
    check_rows(rows, COUNT(rows));
    limits.fields = 20;
}

TEST(no_limit_of_fields_passes_the_array)
{
    static struct feed f;
    char text[sizeof(GET HOST END) + 4 * ATL_MAX_FIELDS];
    int extra, want, i;

    limits.fields = UINT32_MAX;
    for (extra = 0; extra < 2; extra++) {
        size_t len = sizeof(GET HOST) - 1;

        memcpy(text, GET HOST, len);
        for (i = 1; i < ATL_MAX_FIELDS + extra; i++, len += 4)
            memcpy(text + len, "X:\r\n", 4);
        memcpy(text + len, END, 2);
        want = extra ? 431 : TAKEN;
        check_row(&(struct row){text, len + 2, want}, &f);
        stop(&f);
    }
    limits.fields = 20;
}

/* ---- the contract of a call ---- */

TEST(the_first_fault_in_line_order_counts)
{
    static const struct row rows[] = {
        ROW("get / HTTP/2.0\r\nBad\r\n" END, 505),
        ROW("GET # HTTP/1.1\r\nBad\r\n" END, 400),
        FIELDS("Transfer-Encoding: gzip\r\nContent-Length: x\r\n", 400),
        FIELDS("Transfer-Encoding: gzip\r\nExpect: x\r\n", 501),
        ROW(GET "Transfer-Encoding: gzip\r\n" END, 400), /* no Host */
    };

    check_rows(rows, COUNT(rows));
}

TEST(a_refusal_stays)
{
    struct feed f;

    start(&f);
    more(&f, " ", 1);
    CHECK_INT(f.verdict, ATL_H1_REFUSE);
    CHECK_INT(f.head.status, 400);
    CHECK_INT(atl_h1_parse_head(&f.head, &limits, f.data, f.len, &f.r, &f.used),
              ATL_H1_REFUSE);
    CHECK_INT(f.head.status, 400);
    stop(&f);
}

TEST(pipelined_requests_are_taken_one_at_a_time)
{
    static char data[] = GET HOST END "HEAD /b HTTP/1.1\r\n" HOST END;
    static struct atl_request r;
    struct atl_h1_head head;
    size_t used;

    atl_h1_head_init(&head);
    CHECK_INT(
        atl_h1_parse_head(&head, &limits, data, sizeof(data) - 1, &r, &used),
        ATL_H1_DONE);
    CHECK_INT(used, sizeof(GET HOST END) - 1);
    CHECK(r.is_get);
    atl_h1_head_init(&head);
    CHECK_INT(atl_h1_parse_head(&head, &limits, data + used,
                                sizeof(data) - 1 - used, &r, &used),
              ATL_H1_DONE);
    CHECK(r.is_head);
    CHECK(r.base == data + sizeof(GET HOST END) - 1);
}
