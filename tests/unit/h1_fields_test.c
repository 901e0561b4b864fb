/* h1_fields_test.c - the fields of a request head.
 * SPDX-License-Identifier: MIT
 */
#include "http/h1_fields.h"

#include "unit/h1_feed.h"
#include "unit/test.h"

/* ---- field lines ---- */

TEST(field_lines_keep_to_their_grammar)
{
    static const struct row rows[] = {
        FIELDS("", TAKEN),
        FIELDS("X:\r\n", TAKEN),
        FIELDS("X: \t \r\n", TAKEN),
        FIELDS("X:y\r\n", TAKEN),
        FIELDS("!#$%&'*+-.^_`|~09aZ: y\r\n", TAKEN),
        FIELDS("X: a\tb \"c\" \x80\xff\r\n", TAKEN),
        FIELDS("X: a: b\r\n", TAKEN),
        FIELDS(": y\r\n", 400),
        FIELDS("X\r\n", 400),
        FIELDS("XXXXXXXXXXXXXXXX\r\n", 400),
        FIELDS("X : y\r\n", 400),
        FIELDS("X\t: y\r\n", 400),
        FIELDS(" X: y\r\n", 400),
        FIELDS("X: y\r\n z\r\n", 400),
        FIELDS("X: y\r\n\tz\r\n", 400),
        FIELDS("X: y\r\n \r\n", 400),
        FIELDS("X Y: z\r\n", 400),
        FIELDS("(X): y\r\n", 400),
        FIELDS("X@: y\r\n", 400),
        FIELDS("X[]: y\r\n", 400),
        FIELDS("X\x80: y\r\n", 400),
        FIELDS("X\0: y\r\n", 400),
        FIELDS("X: \0\r\n", 400),
        FIELDS("X: a\0b\r\n", 400),
        FIELDS("X: a\x01\r\n", 400),
        FIELDS("X: a\x0b\r\n", 400),
        FIELDS("X: a\x1f\r\n", 400),
        FIELDS("X: aaaaaaaaaaaaa\x7f\r\n", 400),
        ROW(GET " " HOST END, 400),
        ROW(GET "\t\r\n" HOST END, 400),
    };

    check_rows(rows, COUNT(rows));
}

TEST(a_bad_byte_in_a_field_shows_wherever_it_stands)
{
    static const char bad[] = "\x01\x1f\x7f\r\n"; /* and its NUL */
    static struct feed f;
    char text[128];
    size_t i, at;

    for (i = 0; i < sizeof(bad); i++) {
        for (at = 0; at < 40; at++) {
            int len = snprintf(text, sizeof(text),
                               GET HOST "Abcdefgh: %030d\r\n\r\n", 0);

            text[sizeof(GET HOST) - 1 + at] = bad[i];
            check_row(&(struct row){text, (size_t)len, 400}, &f);
            stop(&f);
        }
    }
}

TEST(names_become_lower_case_and_nothing_else_does)
{
    static const char names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.09";
    const struct feed *f;
    char text[128];
    size_t at, len;

    for (at = 0; at < 20; at++) {
        for (len = 1; len + at < sizeof(names); len++) {
            snprintf(text, sizeof(text),
                     GET "Host: a\r\n%.*s:ABCDEFGHIJKL\r\n\r\n", (int)len,
                     names + at);
            f = taken(text);
            CHECK_INT(f->r.field_count, 2);
            CHECK_INT(f->r.fields[1].name.len, len);
            CHECK_SPAN(f, fields[1].value, "ABCDEFGHIJKL");
            for (size_t i = 0; i < len; i++)
                CHECK_INT(str(f, f->r.fields[1].name).ptr[i],
                          atl_lower(names[at + i]));
            for (size_t i = 0; i < sizeof(GET) - 1; i++)
                CHECK_INT(f->data[i], GET[i]);
        }
    }
}

TEST(white_space_around_values_is_dropped)
{
    const struct feed *f = taken(GET HOST "A:b\r\n"
                                          "B: \t b\t\t\r\n"
                                          "C:   \r\n"
                                          "D:\r\n"
                                          "E: a  b\r\n" END);

    CHECK_SPAN(f, fields[1].value, "b");
    CHECK_SPAN(f, fields[2].value, "b");
    CHECK_SPAN(f, fields[3].value, "");
    CHECK_SPAN(f, fields[4].value, "");
    CHECK_SPAN(f, fields[5].value, "a  b");
}

TEST(fields_are_found_by_name)
{
    const struct feed *f =
        taken(GET HOST "X-One: 1\r\nX-Two: 2\r\nx-one: 3\r\n" END);
    struct atl_str value;

    CHECK(atl_request_find(&f->r, ATL_STR("x-one"), &value));
    CHECK_MEM(value.ptr, value.len, "1");
    CHECK(atl_request_find(&f->r, ATL_STR("x-two"), &value));
    CHECK_MEM(value.ptr, value.len, "2");
    CHECK(!atl_request_find(&f->r, ATL_STR("x-on"), &value));
    CHECK(!atl_request_find(&f->r, ATL_STR(""), &value));
}

TEST(known_names_get_their_ids)
{
    const struct feed *f = taken(GET "HOST: a\r\n"
                                     "content-length: 1\r\n"
                                     "CONNECTION: close\r\n"
                                     "eXPECT: 100-continue\r\n"
                                     "Upgrade: x\r\n"
                                     "Hosts: 1\r\n"
                                     "Most: 1\r\n"
                                     "Connectiom: 1\r\n"
                                     "Content-Lengta: 1\r\n"
                                     "Transfer-Encodina: 1\r\n" END);
    size_t i;

    CHECK_INT(f->r.fields[0].id, ATL_FIELD_HOST);
    CHECK_INT(f->r.fields[1].id, ATL_FIELD_CONTENT_LENGTH);
    CHECK_INT(f->r.fields[2].id, ATL_FIELD_CONNECTION);
    CHECK_INT(f->r.fields[3].id, ATL_FIELD_EXPECT);
    CHECK_INT(f->r.fields[4].id, ATL_FIELD_UPGRADE);
    for (i = 5; i < f->r.field_count; i++)
        CHECK_INT(f->r.fields[i].id, ATL_FIELD_OTHER);
    f = taken(GET HOST "TRANSFER-ENCODING: chunked\r\n" END);
    CHECK_INT(f->r.fields[1].id, ATL_FIELD_TRANSFER_ENCODING);
}

/* ---- Host ---- */

TEST(host_is_one_field_in_1_1_and_at_most_one_in_1_0)
{
    static const struct row rows[] = {
        ROW(GET END, 400),
        ROW(GET "X: y\r\n" END, 400),
        ROW(GET HOST HOST END, 400),
        ROW(GET HOST "X: y\r\nhost: b\r\n" END, 400),
        ROW(GET "Host:\r\nHost: a\r\n" END, 400),
        ROW("GET / HTTP/1.0\r\n" END, TAKEN),
        ROW("GET / HTTP/1.0\r\n" HOST END, TAKEN),
        ROW("GET / HTTP/1.0\r\n" HOST HOST END, 400),
        ROW("GET / HTTP/1.0\r\nHost: b c\r\n" END, 400),
        ROW(GET HOST HOST, 400), /* at its line */
    };

    check_rows(rows, COUNT(rows));
}

TEST(host_is_a_name_or_an_address_with_a_port)
{
    static const struct row rows[] = {
        HOST_IS("", TAKEN),
        HOST_IS("a", TAKEN),
        HOST_IS("a.", TAKEN),
        HOST_IS("WWW.example.com", TAKEN),
        HOST_IS("a:", TAKEN),
        HOST_IS("a:0", TAKEN),
        HOST_IS("a:00080", TAKEN),
        HOST_IS("a:65535", TAKEN),
        HOST_IS("a-b_c~d!$&'()*+,;=", TAKEN),
        HOST_IS("%41%ff.example", TAKEN),
        HOST_IS("127.0.0.1:9000", TAKEN),
        HOST_IS("[::1]", TAKEN),
        HOST_IS("[::1]:80", TAKEN),
        HOST_IS("[2001:db8::a:0:0:1]", TAKEN),
        HOST_IS("[::ffff:1.2.3.4]", TAKEN),
        HOST_IS("[v1.fe80::a+en1]", TAKEN),
        HOST_IS("[VAB.a]", TAKEN),
        HOST_IS("[::1]:", TAKEN),
    };

    check_rows(rows, COUNT(rows));
}

TEST(other_hosts_are_refused)
{
    static const struct row rows[] = {
        HOST_IS("a:65536", 400),
        HOST_IS("a:000080", 400),
        HOST_IS("a:99999999999999999999", 400),
        HOST_IS("a:8o", 400),
        HOST_IS("a:+80", 400),
        HOST_IS("a:80:80", 400),
        HOST_IS("::1", 400),
        HOST_IS(":80", 400),
        HOST_IS(":", 400),
        HOST_IS("a b", 400),
        HOST_IS("a\tb", 400),
        HOST_IS("a/b", 400),
        HOST_IS("a?b", 400),
        HOST_IS("a#b", 400),
        HOST_IS("u@a", 400),
        HOST_IS("a\\b", 400),
        HOST_IS("\"a\"", 400),
        HOST_IS("<a>", 400),
        HOST_IS("http://a", 400),
        HOST_IS("b\xc3\xbc", 400),
        HOST_IS("%", 400),
        HOST_IS("%4", 400),
        HOST_IS("a%zz", 400),
        HOST_IS("[]", 400),
        HOST_IS("[", 400),
        HOST_IS("[::1", 400),
        HOST_IS("a]", 400),
        HOST_IS("[::1]a", 400),
        HOST_IS("[::1]]", 400),
        HOST_IS("[1.2.3.4]", 400),
        HOST_IS("[fe80::1%25en0]", 400),
        HOST_IS("[fe80::1%en0]", 400),
        HOST_IS("[1:2:3:4:5:6:7:8:9]", 400),
        HOST_IS("[1::2::3]", 400),
        HOST_IS("[12345::]", 400),
        HOST_IS("[::1 ]", 400),
        HOST_IS("[0000:0000:0000:0000:0000:0000:0000:0000:0000]", 400),
        HOST_IS("[v1.]", 400),
        HOST_IS("[v.a]", 400),
        HOST_IS("[v1a]", 400),
        HOST_IS("[v1.a/b]", 400),
        HOST_IS("[v1.a%41]", 400),
    };

    check_rows(rows, COUNT(rows));
}

/* ---- framing ---- */

static uint64_t
length_of(const char *digits)
{
    const struct feed *f;
    char text[128];

    snprintf(text, sizeof(text), GET HOST "Content-Length: %s\r\n\r\n", digits);
    f = taken(text);
    CHECK_INT(f->r.framing, ATL_FRAMING_LENGTH);
    return f->r.content_length;
}

TEST(content_length_is_read)
{
    CHECK(length_of("0") == 0);
    CHECK(length_of("5") == 5);
    CHECK(length_of("0005") == 5);
    CHECK(length_of("1234567890") == 1234567890);
    CHECK(length_of("18446744073709551614") == UINT64_MAX - 1);
    CHECK(length_of("18446744073709551615") == UINT64_MAX);
    CHECK(length_of("18446744073709551616") == UINT64_MAX);
    CHECK(length_of("18446744073709551620") == UINT64_MAX);
    CHECK(length_of("99999999999999999999999999999999") == UINT64_MAX);
    CHECK_INT(taken(GET HOST END)->r.framing, ATL_FRAMING_NONE);
}

#define LENGTH_IS(value, want) FIELDS("Content-Length:" value "\r\n", want)

TEST(content_length_is_one_number)
{
    static const struct row rows[] = {
        LENGTH_IS(" \t3 ", TAKEN),
        LENGTH_IS("", 400),
        LENGTH_IS("+3", 400),
        LENGTH_IS("-3", 400),
        LENGTH_IS("3.0", 400),
        LENGTH_IS("0x3", 400),
        LENGTH_IS("3 3", 400),
        LENGTH_IS("3,", 400),
        LENGTH_IS("3, 3", 400),
        LENGTH_IS("3,4", 400),
        LENGTH_IS("\"3\"", 400),
        LENGTH_IS("3\xb2", 400),
        LENGTH_IS("99999999999999999999999x", 400),
        FIELDS("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        FIELDS("Content-Length: 3\r\nX: y\r\ncontent-length: 4\r\n", 400),
        ROW("GET / HTTP/1.0\r\nContent-Length: x\r\n" END, 400),
    };

    check_rows(rows, COUNT(rows));
}

#define CODING_IS(value, want) FIELDS("Transfer-Encoding:" value "\r\n", want)

TEST(chunked_is_the_one_transfer_coding)
{
    static const struct row rows[] = {
        CODING_IS("chunked", TAKEN),
        CODING_IS(" \tCHUNKED\t", TAKEN),
        CODING_IS("gzip, chunked", 501),
        CODING_IS("gzip,deflate , chunked", 501),
        CODING_IS("gzip", 501),
        CODING_IS("identity", 501),
        CODING_IS("xchunked", 501),
        CODING_IS("chunkedx", 501),
        CODING_IS("chunked, gzip", 400),
        CODING_IS("chunked, identity", 400),
        CODING_IS("chunked, chunked", 400),
        CODING_IS("gzip, chunked, chunked", 400),
        CODING_IS("chunked;q=1", 400),
        CODING_IS("gzip;q=1, chunked", 400),
        CODING_IS("\"chunked\"", 400),
        CODING_IS("", 400),
        CODING_IS(",", 400),
        CODING_IS("chunked,", 400),
        CODING_IS(",chunked", 400),
        CODING_IS("gzip,,chunked", 400),
        CODING_IS("gzip chunked", 400),
        CODING_IS("chunked\xa0", 400),
        FIELDS("Transfer-Encoding: gzip\r\nX: y\r\n"
               "Transfer-Encoding: chunked\r\n",
               501),
        FIELDS("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
               400),
        FIELDS("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
               400),
        FIELDS("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", 400),
        FIELDS("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        FIELDS("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
        FIELDS("Content-Length: 0\r\nTransfer-Encoding: gzip\r\n", 400),
        ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END, 400),
        ROW("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n" END, 400),
        FIELDS("Transfer_Encoding: gzip\r\n", TAKEN),
    };

    check_rows(rows, COUNT(rows));
    CHECK_INT(taken(GET HOST "Transfer-Encoding: chunked\r\n" END)->r.framing,
              ATL_FRAMING_CHUNKED);
}

/* ---- Connection, Expect, Upgrade ---- */

static bool
keeps_alive(const char *version, const char *lines)
{
    char text[256];

    snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", version,
             lines);
    return taken(text)->r.keep_alive;
}

TEST(the_connection_is_kept_if_both_versions_say_so)
{
    CHECK(keeps_alive("1.1", ""));
    CHECK(keeps_alive("1.1", "Connection: keep-alive\r\n"));
    CHECK(keeps_alive("1.1", "Connection: x, y\r\n"));
    CHECK(keeps_alive("1.1", "Connection: closed\r\n"));
    CHECK(keeps_alive("1.1", "Connection: x close\r\n"));
    CHECK(keeps_alive("1.1", "Connection:\r\nConnection: ,,\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: close\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: CLOSE\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: ,, x ,\tclose ,\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: close, keep-alive\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: x\r\nConnection: close\r\n"));
    CHECK(!keeps_alive("1.0", ""));
    CHECK(keeps_alive("1.0", "Connection: keep-alive\r\n"));
    CHECK(keeps_alive("1.0", "Connection: Keep-Alive\r\n"));
    CHECK(keeps_alive("1.0", "Connection: x, kEEP-aLIVE\r\n"));
    CHECK(!keeps_alive("1.0", "Connection: keep-alivf\r\n"));
    CHECK(!keeps_alive("1.0", "Connection: keep_alive\r\n"));
    CHECK(!keeps_alive("1.0", "Connection: keep-alive, close\r\n"));
    CHECK(
        !keeps_alive("1.0", "Connection: close\r\nConnection: keep-alive\r\n"));
}

TEST(expect_knows_100_continue)
{
    static const struct row rows[] = {
        FIELDS("Expect: 100-continue\r\n", TAKEN),
        FIELDS("Expect: x\r\n", 417),
        FIELDS("Expect:\r\n", 417),
        FIELDS("Expect: 100-continue, x\r\n", 417),
        FIELDS("Expect: 100-continue\r\nExpect: x\r\n", 417),
        FIELDS("Expect: x\r\nBad\r\n", 400), /* the head as a whole first */
        FIELDS("Expect: x\r\nTransfer-Encoding: gzip\r\n", 501),
        ROW(GET HOST "Expect: x\r\n", WAITS),
        ROW("GET / HTTP/1.0\r\nExpect: x\r\n" END, TAKEN),
    };

    check_rows(rows, COUNT(rows));
    CHECK(taken(GET HOST "Expect: 100-Continue\r\n" END)->r.expects_continue);
    CHECK(!taken(GET HOST END)->r.expects_continue);
    CHECK(!taken("GET / HTTP/1.0\r\nExpect: 100-continue\r\n" END)
               ->r.expects_continue);
}

TEST(an_upgrade_takes_both_fields)
{
    CHECK(taken(GET HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" END)
              ->r.upgrade);
    CHECK(taken(GET HOST "Connection: keep-alive, upgrade\r\n"
                         "Upgrade: websocket\r\n" END)
              ->r.upgrade);
    CHECK(!taken(GET HOST "Upgrade: websocket\r\n" END)->r.upgrade);
    CHECK(!taken(GET HOST "Connection: upgrade\r\n" END)->r.upgrade);
    /* RFC 9110 7.8: ignored in HTTP/1.0 */
    CHECK(!taken("GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n" END)
               ->r.upgrade);
}
