/* accept_test.c - negotiation.
 * SPDX-License-Identifier: MIT
 */
#include "web/accept.h"

#include "unit/test.h"

static int
quality(const char *field, const char *type)
{
    return atl_accept_quality(atl_str_from(field), atl_str_from(type));
}

static int
coding(const char *field, const char *name)
{
    return atl_accept_coding_quality(atl_str_from(field), atl_str_from(name));
}

TEST(an_empty_field_takes_everything)
{
    CHECK_INT(quality("", "text/html"), 1000);
    CHECK_INT(quality(" , ,", "text/html"), 1000);
}

/* The example of RFC 9110 12.5.1. */
TEST(the_most_specific_range_decides)
{
    const char *field = "text/*;q=0.3, text/plain;q=0.7, "
                        "text/plain;format=flowed, "
                        "text/plain;format=fixed;q=0.4, */*;q=0.5";

    CHECK_INT(quality(field, "text/plain;format=flowed"), 1000);
    CHECK_INT(quality(field, "text/plain"), 700);
    CHECK_INT(quality(field, "text/html"), 300);
    CHECK_INT(quality(field, "image/jpeg"), 500);
    CHECK_INT(quality(field, "text/plain;format=fixed"), 400);
    CHECK_INT(quality(field, "text/html;level=3"), 300);
}

TEST(what_no_range_names_is_not_acceptable)
{
    CHECK_INT(quality("text/html", "application/json"), 0);
    CHECK_INT(quality("*/*, text/html;q=0", "text/html"), 0);
    CHECK_INT(quality("*/html", "text/html"), 0);
    CHECK_INT(quality("text/html", "html"), 0);
}

TEST(names_have_no_case)
{
    CHECK_INT(quality("TEXT/Html;Q=0.5", "text/HTML"), 500);
}

TEST(weights_have_three_digits_at_most)
{
    CHECK_INT(quality("a/b;q=0.123", "a/b"), 123);
    CHECK_INT(quality("a/b;q=1.000", "a/b"), 1000);
    CHECK_INT(quality("a/b;q=1.", "a/b"), 1000);
    CHECK_INT(quality("a/b ; q=0.5", "a/b"), 500);
    CHECK_INT(quality("a/b;q=0.5;ext=1", "a/b"), 500);
}

TEST(members_with_a_bad_weight_count_as_absent)
{
    static const char *const bad[] = {"1.001", "2",   "0.1234", "-1", ".5",
                                      "1,5",   "0,5", "abc",    "00"};
    char field[64];
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(field, sizeof(field), "c/d, a/b;q=%s", bad[i]);
        if (strchr(bad[i], ',') == NULL)
            CHECK_INT(quality(field, "a/b"), 0);
    }
    CHECK_INT(quality("c/d, a/b;q=\"0.5\"", "a/b"), 500);
}

TEST(commas_in_quotes_divide_nothing)
{
    CHECK_INT(quality("a/b;x=\"1, c/d\";q=0.2, e/f", "c/d"), 0);
    CHECK_INT(quality("a/b;x=\"\\\", c/d\";q=0.2, e/f", "e/f"), 1000);
}

TEST(the_first_of_equals_is_the_best)
{
    struct atl_str types[] = {ATL_STR("text/html"),
                              ATL_STR("application/json")};

    CHECK_INT(atl_accept_best(ATL_STR(""), types, 2), 0);
    CHECK_INT(atl_accept_best(ATL_STR("*/*"), types, 2), 0);
    CHECK_INT(atl_accept_best(ATL_STR("application/json, */*;q=0.1"), types, 2),
              1);
    CHECK_INT(atl_accept_best(ATL_STR("image/png"), types, 2), -1);
    CHECK_INT(atl_accept_best(ATL_STR("*/*"), types, 0), -1);
}

TEST(codings_have_weights)
{
    CHECK_INT(coding("gzip, br;q=0.8", "gzip"), 1000);
    CHECK_INT(coding("gzip, br;q=0.8", "br"), 800);
    CHECK_INT(coding("gzip, br;q=0.8", "zstd"), 0);
    CHECK_INT(coding("GZIP", "gzip"), 1000);
    CHECK_INT(coding("x-gzip", "gzip"), 1000);
    CHECK_INT(coding("*;q=0.5", "zstd"), 500);
    CHECK_INT(coding("*;q=0.5, zstd;q=0", "zstd"), 0);
    CHECK_INT(coding("gzip;q=0", "gzip"), 0);
    CHECK_INT(coding("gzip q=1", "gzip"), 0);
}

TEST(identity_is_acceptable_unless_it_is_named_otherwise)
{
    CHECK_INT(coding("", "identity"), 1);
    CHECK_INT(coding("", "gzip"), 0);
    CHECK_INT(coding("gzip", "identity"), 1);
    CHECK_INT(coding("identity;q=0.5, gzip", "identity"), 500);
    CHECK_INT(coding("*;q=0", "identity"), 0);
    CHECK_INT(coding("identity;q=0", "identity"), 0);
    CHECK_INT(coding("*;q=0, identity", "identity"), 1000);
}

TEST(the_best_coding_is_the_most_wanted)
{
    struct atl_str codings[] = {ATL_STR("br"), ATL_STR("gzip"),
                                ATL_STR("identity")};

    CHECK_INT(atl_accept_coding_best(ATL_STR("gzip, deflate, br"), codings, 3),
              0);
    CHECK_INT(atl_accept_coding_best(ATL_STR("gzip, br;q=0.9"), codings, 3), 1);
    CHECK_INT(atl_accept_coding_best(ATL_STR("zstd"), codings, 3), 2);
    CHECK_INT(atl_accept_coding_best(ATL_STR("*;q=0"), codings, 3), -1);
}

TEST(only_so_many_members_are_looked_at)
{
    char field[ATL_ACCEPT_MAX * 5 + 16] = "";
    int i;

    for (i = 0; i < ATL_ACCEPT_MAX; i++)
        strcat(field, "a/b, ");
    strcat(field, "c/d");
    CHECK_INT(quality(field, "c/d"), 0);
    CHECK_INT(quality(field + 5, "c/d"), 1000);
}
