/* url_test.c - percent-coding.
 * SPDX-License-Identifier: MIT
 */
#include "base/url.h"

#include "base/err.h"
#include "unit/test.h"

static char out[64];
static size_t len;

static int
decode(const char *text)
{
    return atl_url_decode(atl_str_from(text), out, &len);
}

TEST(text_without_a_percent_is_copied)
{
    CHECK_INT(decode("/a-b_c~d.e"), 0);
    CHECK_MEM(out, len, "/a-b_c~d.e");
}

TEST(nothing_decodes_to_nothing)
{
    len = 7;
    CHECK_INT(atl_url_decode((struct atl_str){NULL, 0}, out, &len), 0);
    CHECK_INT(len, 0);
}

TEST(hex_digits_of_both_cases_are_read)
{
    CHECK_INT(decode("%2f%2F%c3%A4"), 0);
    CHECK_MEM(out, len, "//\xc3\xa4");
}

TEST(coded_and_plain_bytes_mix)
{
    CHECK_INT(decode("a%20b%20c%21"), 0);
    CHECK_MEM(out, len, "a b c!");
    CHECK_INT(decode("%20abc"), 0);
    CHECK_MEM(out, len, " abc");
}

TEST(every_byte_but_nul_can_be_coded)
{
    char text[4];
    int c;

    for (c = 1; c < 256; c++) {
        snprintf(text, sizeof(text), "%%%02x", (unsigned)c);
        CHECK_INT(decode(text), 0);
        CHECK_INT(len, 1);
        CHECK_INT((unsigned char)out[0], c);
    }
}

TEST(a_decoded_percent_is_not_decoded_again)
{
    CHECK_INT(decode("%2541"), 0);
    CHECK_MEM(out, len, "%41");
}

TEST(a_plus_stays_a_plus)
{
    CHECK_INT(decode("a+b%2B"), 0);
    CHECK_MEM(out, len, "a+b+");
}

TEST(a_percent_without_two_hex_digits_is_invalid)
{
    static const char *const bad[] = {"%",   "a%",   "%4",   "a%4",  "%4g",
                                      "%g4", "%%41", "%4%1", "% 41", "%+1",
                                      "%-1", "%0x",  "%:0",  "%/0",  "%@0"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(decode(bad[i]), ATL_E_INVALID);
}

/* The digits stand right after the slice, where they don't count. */
TEST(hex_digits_past_the_end_are_not_read)
{
    CHECK_INT(atl_url_decode((struct atl_str){"a%41", 3}, out, &len),
              ATL_E_INVALID);
    CHECK_INT(atl_url_decode((struct atl_str){"a%41", 2}, out, &len),
              ATL_E_INVALID);
}

TEST(a_coded_nul_is_invalid)
{
    CHECK_INT(decode("%00"), ATL_E_INVALID);
    CHECK_INT(decode("a%20b%00c"), ATL_E_INVALID);
}

TEST(decoding_in_place_gives_the_same)
{
    char text[] = "ab%63d%20%65";
    char plain[] = "abc";

    CHECK_INT(atl_url_decode(atl_str_from(text), text, &len), 0);
    CHECK_MEM(text, len, "abcd e");
    CHECK_INT(atl_url_decode(atl_str_from(plain), plain, &len), 0);
    CHECK_MEM(plain, len, "abc");
}

TEST(an_error_leaves_the_length_alone)
{
    len = 7;
    CHECK_INT(decode("abc%zz"), ATL_E_INVALID);
    CHECK_INT(len, 7);
}

TEST(hex_digits_have_values)
{
    CHECK_INT(atl_url_hex('0'), 0);
    CHECK_INT(atl_url_hex('9'), 9);
    CHECK_INT(atl_url_hex('a'), 10);
    CHECK_INT(atl_url_hex('F'), 15);
    CHECK_INT(atl_url_hex('g'), -1);
    CHECK_INT(atl_url_hex('/'), -1);
    CHECK_INT(atl_url_hex(':'), -1);
    CHECK_INT(atl_url_hex('@'), -1);
}

TEST(loose_decoding_leaves_bad_escapes_alone)
{
    char text[] = "a%20%%41%4%zz%00%";

    CHECK_INT(atl_url_decode_loose(atl_str_from(text), text), 11);
    CHECK_MEM(text, 11, "a %A%4%zz\0%");
}

static struct atl_buf buf;

static void
check_encoded(struct atl_str in, const char *keep, const char *want)
{
    atl_buf_init(&buf, 1024);
    CHECK_INT(atl_url_append(&buf, in, keep), 0);
    CHECK(atl_str_eq((struct atl_str){buf.data, buf.len}, atl_str_from(want)));
    atl_buf_deinit(&buf);
}

TEST(what_is_not_kept_is_encoded)
{
    check_encoded(ATL_STR("azAZ09-._~"), ATL_URL_UNRESERVED, "azAZ09-._~");
    check_encoded(ATL_STR("a/b c%\xff"), ATL_URL_UNRESERVED, "a%2Fb%20c%25%FF");
    check_encoded(ATL_STR("a/b:c?"), ATL_URL_SEGMENT, "a%2Fb:c%3F");
    check_encoded(ATL_STR("a/b:c?"), ATL_URL_PATH, "a/b:c%3F");
    check_encoded(ATL_STR("a\0b"), "", "a%00b");
    check_encoded((struct atl_str){NULL, 0}, "", "");
}

TEST(encoding_into_a_full_buffer_changes_nothing)
{
    atl_buf_init(&buf, 4);
    CHECK_INT(atl_url_append(&buf, ATL_STR("ab"), ""), 0);
    CHECK_INT(atl_url_append(&buf, ATL_STR("/"), ""), ATL_E_TOOBIG);
    CHECK_MEM(buf.data, buf.len, "ab");
    atl_buf_deinit(&buf);
}
