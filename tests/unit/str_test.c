/* str_test.c - slices.
 * SPDX-License-Identifier: MIT
 */
#include "base/str.h"

#include "unit/test.h"

static const struct atl_str none = {NULL, 0};

TEST(a_literals_slice_leaves_out_its_nul)
{
    struct atl_str s = ATL_STR("abc");

    CHECK_MEM(s.ptr, s.len, "abc");
    CHECK_INT(ATL_STR("").len, 0);
    CHECK_INT(ATL_STR("a\0b").len, 3);
}

TEST(a_slice_from_a_text_ends_before_its_nul)
{
    char text[] = "abc";
    struct atl_str s = atl_str_from(text);

    CHECK(s.ptr == text);
    CHECK_INT(s.len, 3);
}

TEST(slices_of_the_same_bytes_are_equal)
{
    CHECK(atl_str_eq(ATL_STR("abc"), ATL_STR("abc")));
    CHECK(!atl_str_eq(ATL_STR("abc"), ATL_STR("abd")));
    CHECK(!atl_str_eq(ATL_STR("abc"), ATL_STR("abcd")));
    CHECK(!atl_str_eq(ATL_STR("abc"), ATL_STR("ABC")));
    CHECK(!atl_str_eq(ATL_STR("a\0b"), ATL_STR("a\0c")));
}

TEST(empty_slices_are_equal_wherever_they_point)
{
    CHECK(atl_str_eq(none, ATL_STR("")));
    CHECK(atl_str_eq_nocase(none, ATL_STR("")));
    CHECK(!atl_str_eq(none, ATL_STR("a")));
    CHECK(!atl_str_eq_nocase(none, ATL_STR("a")));
}

TEST(case_is_ignored_on_request)
{
    CHECK(atl_str_eq_nocase(ATL_STR("Content-Length"),
                            ATL_STR("cONTENT-lENGTH")));
    CHECK(!atl_str_eq_nocase(ATL_STR("abc"), ATL_STR("abd")));
    CHECK(!atl_str_eq_nocase(ATL_STR("abc"), ATL_STR("ABCD")));
}

/* `@` and `` ` ``, `[` and `{` differ by the bit that case differs by. */
TEST(only_letters_have_a_case)
{
    CHECK(!atl_str_eq_nocase(ATL_STR("@["), ATL_STR("`{")));
    CHECK(!atl_str_eq_nocase(ATL_STR("\xc4"), ATL_STR("\xe4")));
}

TEST(lower_changes_the_ascii_capitals_only)
{
    int c;

    for (c = 0; c < 256; c++) {
        int want = c >= 'A' && c <= 'Z' ? c + 32 : c;

        CHECK_INT((unsigned char)atl_lower((char)c), want);
    }
}
