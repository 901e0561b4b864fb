/* log_line_test.c - what a line of the log looks like.
 * SPDX-License-Identifier: MIT
 */
#include "base/log_line.h"

#include <math.h>

#include "base/request_id.h"

#include "unit/test.h"

#define TIME_LEN 24 /* "2026-11-23T10:11:12.345Z" */

static struct atl_log_line l;

static struct atl_str
str(const char *text)
{
    return atl_str_from(text);
}

static void
begin(enum atl_log_format format)
{
    memset(&l, 0xa5, sizeof(l));
    atl_log_line_begin(&l, format, ATL_LOG_INFO, ATL_STR("app"), 0);
}

/* The line is complete: what does it say behind its time? */
static const char *
end(void)
{
    static char text[ATL_LOG_LINE_MAX + 1];
    size_t skip = l.format == ATL_LOG_JSON ? 9 + TIME_LEN : TIME_LEN;

    atl_log_line_end(&l);
    CHECK(l.len <= ATL_LOG_LINE_MAX);
    memcpy(text, l.data, l.len);
    text[l.len] = '\0';
    CHECK_INT(strlen(text), l.len);
    return text + skip;
}

static const char *
text_of(const char *message)
{
    begin(ATL_LOG_TEXT);
    atl_log_line_message(&l, str(message));
    return end();
}

static const char *
json_of(const char *message)
{
    begin(ATL_LOG_JSON);
    atl_log_line_message(&l, str(message));
    return end();
}

static void
field(const char *key, const char *value)
{
    CHECK(atl_log_line_key(&l, str(key)));
    atl_log_line_str(&l, str(value));
}

/* --- the form --- */

TEST(a_text_line_has_time_level_name_and_message)
{
    size_t i;

    CHECK_STR(text_of("hello"), " INFO  app: hello\n");
    for (i = 0; i < TIME_LEN; i++) {
        char want = "dddd-dd-ddTdd:dd:dd.dddZ"[i], got = l.data[i];

        CHECK(want == 'd' ? got >= '0' && got <= '9' : got == want);
    }
}

TEST(a_json_line_has_the_same_as_members)
{
    CHECK_STR(json_of("hello"), "\",\"level\":\"info\",\"logger\":\"app\","
                                "\"message\":\"hello\"}\n");
}

TEST(levels_have_names_of_one_width_in_text)
{
    static const char *const want[] = {" DEBUG a: m\n", " INFO  a: m\n",
                                       " WARN  a: m\n", " ERROR a: m\n"};
    int level;

    for (level = ATL_LOG_DEBUG; level <= ATL_LOG_ERROR; level++) {
        atl_log_line_begin(&l, ATL_LOG_TEXT, (enum atl_log_level)level,
                           ATL_STR("a"), 0);
        atl_log_line_message(&l, ATL_STR("m"));
        CHECK_STR(end(), want[level]);
    }
}

TEST(a_request_is_named_by_its_id)
{
    char id[ATL_REQUEST_ID_MAX + 1] = "", want[64];

    CHECK_INT(atl_request_id(7, id), 16);
    atl_log_line_begin(&l, ATL_LOG_TEXT, ATL_LOG_WARN, ATL_STR("a"), 7);
    atl_log_line_message(&l, ATL_STR("m"));
    snprintf(want, sizeof(want), " WARN  a[%s]: m\n", id);
    CHECK_STR(end(), want);
}

TEST(ids_have_a_prefix_of_the_process_and_the_serial_number)
{
    char one[ATL_REQUEST_ID_MAX], two[ATL_REQUEST_ID_MAX];

    CHECK_INT(atl_request_id(1, one), 16);
    CHECK_INT(atl_request_id(0xabcdef01, two), 16);
    CHECK(memcmp(one, two, 8) == 0);
    CHECK_MEM(one + 8, 8, "00000001");
    CHECK_MEM(two + 8, 8, "abcdef01");
    CHECK_INT(atl_request_id(UINT64_C(0x123456789), two), 17);
    CHECK_MEM(two + 8, 9, "123456789");
    CHECK_INT(atl_request_id(UINT64_MAX, two), ATL_REQUEST_ID_MAX);
    CHECK_MEM(two + 8, 16, "ffffffffffffffff");
}

/* --- fields --- */

TEST(values_are_quoted_in_text_where_they_must_be)
{
    begin(ATL_LOG_TEXT);
    atl_log_line_message(&l, ATL_STR("m"));
    field("a", "bare/value:1");
    field("b", "two words");
    field("c", "");
    field("d", "a=b");
    field("e", "say \"hi\" \\");
    field("f", "{x");
    field("two words", "v");
    field("g=h", "\xc3\xa4");
    CHECK_STR(end(), " INFO  app: m a=bare/value:1 b=\"two words\" c=\"\" "
                     "d=\"a=b\" e=\"say \\\"hi\\\" \\\\\" f=\"{x\" "
                     "\"two words\"=v \"g=h\"=\"\xc3\xa4\"\n");
}

TEST(numbers_are_written_plainly)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {1.5, "1.5"},
        {1e15, "1000000000000000"},
        {-0.25, "-0.25"},
        {1e300, "1e+300"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    char want[64];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(ATL_LOG_TEXT);
        CHECK(atl_log_line_key(&l, ATL_STR("n")));
        atl_log_line_number(&l, rows[i].value);
        snprintf(want, sizeof(want), " INFO  app: n=%s\n", rows[i].want);
        CHECK_STR(end(), want);
    }
}

TEST(integers_are_exact_to_the_ends)
{
    begin(ATL_LOG_TEXT);
    CHECK(atl_log_line_key(&l, ATL_STR("a")));
    atl_log_line_int(&l, INT64_MIN);
    CHECK(atl_log_line_key(&l, ATL_STR("b")));
    atl_log_line_int(&l, INT64_MAX);
    CHECK(atl_log_line_key(&l, ATL_STR("c")));
    atl_log_line_thousandths(&l, 1002);
    CHECK_STR(end(), " INFO  app: a=-9223372036854775808 "
                     "b=9223372036854775807 c=1.002\n");
}

static void
put_nested(void)
{
    CHECK(atl_log_line_key(&l, ATL_STR("o")));
    CHECK(atl_log_line_open(&l, false));
    CHECK(atl_log_line_key(&l, ATL_STR("a")));
    atl_log_line_int(&l, 1);
    CHECK(atl_log_line_key(&l, ATL_STR("l")));
    CHECK(atl_log_line_open(&l, true));
    atl_log_line_bool(&l, true);
    CHECK(atl_log_line_open(&l, true));
    atl_log_line_close(&l);
    atl_log_line_str(&l, ATL_STR("x"));
    atl_log_line_close(&l);
    CHECK(atl_log_line_key(&l, ATL_STR("e")));
    CHECK(atl_log_line_open(&l, false));
    atl_log_line_close(&l);
    atl_log_line_close(&l);
    field("z", "end");
}

TEST(nested_values_are_json_in_both_forms)
{
    begin(ATL_LOG_TEXT);
    put_nested();
    CHECK_STR(end(), " INFO  app: o={\"a\":1,\"l\":[true,[],\"x\"],\"e\":{}} "
                     "z=end\n");
    begin(ATL_LOG_JSON);
    put_nested();
    CHECK_STR(end(), "\",\"level\":\"info\",\"logger\":\"app\",\"o\":{\"a\":1,"
                     "\"l\":[true,[],\"x\"],\"e\":{}},\"z\":\"end\"}\n");
}

TEST(a_trace_has_lines_that_begin_with_blanks)
{
    begin(ATL_LOG_TEXT);
    atl_log_line_message(&l, ATL_STR("m"));
    atl_log_line_trace(&l, ATL_STR("one\n\ttwo\x1b\n2026-01-01 forged\n"));
    CHECK_STR(end(), " INFO  app: m\n    one\n        two\\x1b\n"
                     "    2026-01-01 forged\n");
    begin(ATL_LOG_JSON);
    atl_log_line_trace(&l, ATL_STR("one\n\ttwo"));
    CHECK_STR(end(), "\",\"level\":\"info\",\"logger\":\"app\","
                     "\"trace\":\"one\\n\\ttwo\"}\n");
}

/* --- escapes --- */

TEST(control_characters_are_escaped)
{
    CHECK_STR(text_of("a\nb\rc\td\x1b[31m\x7f\x01"),
              " INFO  app: a\\nb\\rc\\td\\x1b[31m\\x7f\\x01\n");
    CHECK(strstr(json_of("a\nb\x1b\x7f"), "\"a\\nb\\u001b\\u007f\"") != NULL);
}

TEST(control_characters_above_ascii_are_escaped)
{
    CHECK_STR(text_of("\xc2\x85 \xc2\x9b \xe2\x80\xa8 \xe2\x80\xae "
                      "\xe2\x81\xa6 \xc2\xa0 \xe2\x82\xac"),
              " INFO  app: \\u0085 \\u009b \\u2028 \\u202e \\u2066 \xc2\xa0 "
              "\xe2\x82\xac\n");
}

TEST(what_is_no_utf8_is_escaped)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xff",
        "\xe2\x82", /* cut */
    };
    size_t i, n;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text = text_of(bad[i]);

        for (n = 0; text[n] != '\0'; n++)
            CHECK((unsigned char)text[n] < 0x80);
        CHECK(strstr(text, "\\x") != NULL);
        CHECK(strstr(json_of(bad[i]), "\"\\ufffd") != NULL);
    }
}

/* Every byte at every place of a word, between others. */
TEST(no_byte_passes_that_should_not)
{
    char message[32];
    int byte;
    size_t at, i;

    for (byte = 1; byte < 256; byte++) {
        for (at = 0; at < 17; at++) {
            const char *text;
            bool is_plain = byte >= 0x20 && byte < 0x7f;

            memset(message, 'x', 17);
            message[17] = '\0';
            message[at] = (char)byte;
            text = text_of(message);
            for (i = 0; text[i + 1] != '\0'; i++)
                CHECK(text[i] >= 0x20 && text[i] < 0x7f);
            CHECK((strlen(text) == 12 + 17 + 1) == is_plain);
        }
    }
}

TEST(a_name_is_escaped_too)
{
    atl_log_line_begin(&l, ATL_LOG_TEXT, ATL_LOG_INFO, ATL_STR("a\nb"), 0);
    CHECK_STR(end(), " INFO  a\\nb:\n");
}

/* --- limits --- */

static char big[2 * ATL_LOG_LINE_MAX];

/* Brackets and quotes match, and nothing stands behind the last one. */
static void
check_json(const char *text, size_t len)
{
    char open[32];
    size_t i, depth = 0;
    bool quoted = false;

    for (i = 0; i < len - 1; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            open[depth++] = text[i];
        } else if (text[i] == '}' || text[i] == ']') {
            CHECK(depth > 0);
            CHECK_INT(text[i], open[--depth] == '{' ? '}' : ']');
            CHECK(depth > 0 || i == len - 2);
        }
    }
    CHECK_INT(depth, 0);
    CHECK(!quoted);
}

TEST(a_message_that_is_too_long_is_cut_and_marked)
{
    memset(big, 'x', sizeof(big) - 1);
    CHECK(strstr(text_of(big), "xxx truncated=true\n") != NULL);
    CHECK(strstr(json_of(big), "xxx\",\"truncated\":true}\n") != NULL);
    check_json(l.data, l.len);
    memset(big, '\n', sizeof(big) - 1);
    CHECK(strstr(json_of(big), "\\n\",\"truncated\":true}\n") != NULL);
    check_json(l.data, l.len);
}

/* A message of every length near the limit, and fields behind it. */
TEST(json_is_whole_wherever_it_is_cut)
{
    size_t len;

    memset(big, 'x', sizeof(big));
    for (len = ATL_LOG_LINE_MAX - 400; len < ATL_LOG_LINE_MAX; len++) {
        int depth, opened = 0;

        begin(ATL_LOG_JSON);
        atl_log_line_message(&l, (struct atl_str){big, len});
        if (atl_log_line_key(&l, ATL_STR("number")))
            atl_log_line_number(&l, 1.25);
        if (atl_log_line_key(&l, ATL_STR("deep")) &&
            atl_log_line_open(&l, true)) {
            opened = 1;
            for (depth = 1; depth < ATL_LOG_DEPTH_MAX; depth++) {
                if (!atl_log_line_open(&l, true))
                    break;
                opened++;
                atl_log_line_str(&l, ATL_STR("some\ntext"));
            }
            while (opened-- > 0)
                atl_log_line_close(&l);
        }
        if (atl_log_line_key(&l, ATL_STR("last")))
            atl_log_line_str(&l, ATL_STR("text"));
        CHECK(l.cut == (strstr(end(), "\"truncated\":true}\n") != NULL));
        check_json(l.data, l.len);
    }
}

TEST(a_name_of_any_length_leaves_room)
{
    memset(big, '\n', sizeof(big));
    atl_log_line_begin(&l, ATL_LOG_JSON, ATL_LOG_INFO,
                       (struct atl_str){big, sizeof(big)}, UINT64_MAX);
    atl_log_line_message(&l, ATL_STR("still here"));
    CHECK(strstr(end(), "\"message\":\"still here\"") != NULL);
    check_json(l.data, l.len);
}
