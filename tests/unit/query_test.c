/* query_test.c - application/x-www-form-urlencoded.
 * SPDX-License-Identifier: MIT
 */
#include "web/query.h"

#include "base/err.h"
#include "unit/test.h"

static struct atl_arena arena;

__attribute__((constructor)) static void
set_up(void)
{
    atl_arena_init(&arena, NULL, 0);
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_arena_reset(&arena);
}

/* The pairs, decoded, as "name=value|name=value". */
static const char *
pairs(struct atl_str text, unsigned max)
{
    static char got[1024];
    struct atl_query_pair pair;
    struct atl_query q;
    size_t n = 0;

    got[0] = '\0';
    atl_query_init(&q, text, max);
    while (atl_query_next(&q, &pair)) {
        struct atl_str name =
            atl_query_text(pair.name, pair.name_coded, &arena);
        struct atl_str value =
            atl_query_text(pair.value, pair.value_coded, &arena);

        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s=%.*s",
                              n > 0 ? "|" : "", (int)name.len, name.ptr,
                              (int)value.len, value.ptr);
    }
    if (q.is_truncated)
        snprintf(got + n, sizeof(got) - n, "|...");
    return got;
}

TEST(pairs_come_in_wire_order_with_repeated_names)
{
    CHECK_STR(pairs(ATL_STR("b=1&a=2&b=3"), 10), "b=1|a=2|b=3");
}

TEST(nothing_has_no_pairs)
{
    CHECK_STR(pairs((struct atl_str){NULL, 0}, 10), "");
    CHECK_STR(pairs(ATL_STR(""), 10), "");
    CHECK_STR(pairs(ATL_STR("&&&"), 10), "");
}

TEST(empty_pairs_are_left_out_and_empty_names_are_not)
{
    CHECK_STR(pairs(ATL_STR("&a=1&&b=2&"), 10), "a=1|b=2");
    CHECK_STR(pairs(ATL_STR("=1&=&a&b="), 10), "=1|=|a=|b=");
}

TEST(the_first_equals_sign_divides)
{
    CHECK_STR(pairs(ATL_STR("a=b=c&d=="), 10), "a=b=c|d==");
}

TEST(a_semicolon_divides_nothing)
{
    CHECK_STR(pairs(ATL_STR("a=1;b=2"), 10), "a=1;b=2");
}

TEST(names_and_values_are_decoded)
{
    CHECK_STR(pairs(ATL_STR("a+b=c%20d&%3d=%26&x=%2B+%2b"), 10),
              "a b=c d|==&|x=+ +");
}

TEST(a_bad_escape_stands_for_itself)
{
    CHECK_STR(pairs(ATL_STR("a=%&b=%4&c=%zz&d=%%41&e=100%"), 10),
              "a=%|b=%4|c=%zz|d=%A|e=100%");
}

TEST(what_needs_no_decoding_is_handed_out_as_it_is)
{
    struct atl_str text = ATL_STR("name=value");
    struct atl_query_pair pair;
    struct atl_query q;

    atl_query_init(&q, text, 1);
    CHECK(atl_query_next(&q, &pair));
    CHECK(!pair.name_coded && !pair.value_coded);
    CHECK(atl_query_text(pair.value, pair.value_coded, NULL).ptr ==
          text.ptr + 5);
}

TEST(pairs_beyond_the_limit_are_told_of)
{
    CHECK_STR(pairs(ATL_STR("a=1&b=2"), 2), "a=1|b=2");
    CHECK_STR(pairs(ATL_STR("a=1&b=2&&"), 2), "a=1|b=2");
    CHECK_STR(pairs(ATL_STR("a=1&b=2&c"), 2), "a=1|b=2|...");
    CHECK_STR(pairs(ATL_STR("a=1"), 0), "|...");
}

TEST(a_coded_nul_is_a_byte_like_others)
{
    char out[8];

    CHECK_INT(atl_query_decode(ATL_STR("a%00b"), out), 3);
    CHECK_MEM(out, 3, "a\0b");
}

TEST(decoding_in_place_gives_the_same)
{
    char text[] = "a+%2B%zz+";
    size_t n = atl_query_decode(atl_str_from(text), text);

    CHECK_MEM(text, n, "a +%zz ");
}

TEST(a_pair_is_found_by_its_decoded_name)
{
    struct atl_str text = ATL_STR("a=1&%61=2&a+b=3&a%=4&aa=5");
    struct atl_query_pair pair;

    CHECK(atl_query_find(text, 9, ATL_STR("a"), 0, &pair));
    CHECK_MEM(pair.value.ptr, pair.value.len, "1");
    CHECK(atl_query_find(text, 9, ATL_STR("a"), 1, &pair));
    CHECK_MEM(pair.value.ptr, pair.value.len, "2");
    CHECK(!atl_query_find(text, 9, ATL_STR("a"), 2, &pair));
    CHECK(atl_query_find(text, 9, ATL_STR("a b"), 0, &pair));
    CHECK(atl_query_find(text, 9, ATL_STR("a%"), 0, &pair));
    CHECK(!atl_query_find(text, 9, ATL_STR(""), 0, &pair));
    CHECK(!atl_query_find(text, 4, ATL_STR("aa"), 0, &pair));
}

TEST(pairs_are_written_encoded)
{
    struct atl_buf b;

    atl_buf_init(&b, 64);
    CHECK_INT(atl_query_append(&b, true, ATL_STR("a b"), ATL_STR("c&d=+")), 0);
    CHECK_INT(atl_query_append(&b, false, ATL_STR("\xc3\xa9"), ATL_STR("")), 0);
    CHECK_MEM(b.data, b.len, "a+b=c%26d%3D%2B&%C3%A9=");
    CHECK_STR(pairs((struct atl_str){b.data, b.len}, 9), "a b=c&d=+|\xc3\xa9=");
    atl_buf_deinit(&b);
}

TEST(a_pair_too_many_leaves_the_buffer_as_it_was)
{
    struct atl_buf b;

    atl_buf_init(&b, 8);
    CHECK_INT(atl_query_append(&b, true, ATL_STR("a"), ATL_STR("b")), 0);
    CHECK_INT(atl_query_append(&b, false, ATL_STR("c"), ATL_STR("def")),
              ATL_E_TOOBIG);
    CHECK_MEM(b.data, b.len, "a=b");
    atl_buf_deinit(&b);
}
