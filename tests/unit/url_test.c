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
