/* buf_test.c - the growable buffer and its ceiling.
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include "base/err.h"
#include "unit/test.h"

TEST(an_empty_buffer_owns_nothing)
{
    struct atl_buf b;

    atl_buf_init(&b, 100);
    CHECK(b.data == NULL);
    CHECK_INT(b.len, 0);
    CHECK_INT(b.cap, 0);
    atl_buf_deinit(&b);
}

TEST(append_puts_bytes_at_the_end)
{
    struct atl_buf b;

    atl_buf_init(&b, 100);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    CHECK_INT(atl_buf_append(&b, "\0d", 2), 0);
    CHECK_MEM(b.data, b.len, "abc\0d");
    atl_buf_deinit(&b);
}

TEST(append_of_nothing_allocates_nothing)
{
    struct atl_buf b;

    atl_buf_init(&b, 0);
    CHECK_INT(atl_buf_append(&b, NULL, 0), 0);
    CHECK(b.data == NULL);
    atl_buf_deinit(&b);
}

TEST(append_up_to_the_limit_succeeds)
{
    struct atl_buf b;

    atl_buf_init(&b, 4);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    CHECK_INT(atl_buf_append(&b, "d", 1), 0);
    CHECK_MEM(b.data, b.len, "abcd");
    atl_buf_deinit(&b);
}

TEST(append_past_limit_fails_and_changes_nothing)
{
    struct atl_buf b;
    char *data;

    atl_buf_init(&b, 4);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    data = b.data;
    CHECK_INT(atl_buf_append(&b, "de", 2), ATL_E_TOOBIG);
    CHECK_MEM(b.data, b.len, "abc");
    CHECK(b.data == data);
    atl_buf_deinit(&b);
}

TEST(a_length_that_would_wrap_is_too_big)
{
    struct atl_buf b;

    atl_buf_init(&b, 1000);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    CHECK_INT(atl_buf_reserve(&b, SIZE_MAX), ATL_E_TOOBIG);
    CHECK_INT(atl_buf_reserve(&b, SIZE_MAX - 2), ATL_E_TOOBIG);
    CHECK_MEM(b.data, b.len, "abc");
    atl_buf_deinit(&b);
}

TEST(reserve_makes_room_but_adds_nothing)
{
    struct atl_buf b;

    atl_buf_init(&b, 100000);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    CHECK_INT(atl_buf_reserve(&b, 5000), 0);
    CHECK_MEM(b.data, b.len, "abc");
    CHECK(b.cap - b.len >= 5000);
    memset(b.data + b.len, 'x', 5000); /* the sanitizer sees if it lies */
    atl_buf_deinit(&b);
}

TEST(reserve_of_what_is_there_moves_nothing)
{
    struct atl_buf b;
    char *data;

    atl_buf_init(&b, 100000);
    CHECK_INT(atl_buf_reserve(&b, 1000), 0);
    data = b.data;
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    CHECK_INT(atl_buf_reserve(&b, 997), 0);
    CHECK(b.data == data);
    atl_buf_deinit(&b);
}

TEST(capacity_never_passes_the_limit)
{
    struct atl_buf b;
    int i;

    atl_buf_init(&b, 1000);
    for (i = 0; i < 1000; i++) {
        CHECK_INT(atl_buf_append(&b, "x", 1), 0);
        CHECK(b.cap <= 1000);
    }
    CHECK_INT(atl_buf_append(&b, "x", 1), ATL_E_TOOBIG);
    atl_buf_deinit(&b);
    atl_buf_init(&b, 3);
    CHECK_INT(atl_buf_append(&b, "x", 1), 0);
    CHECK_INT(b.cap, 3);
    atl_buf_deinit(&b);
}

TEST(growing_by_single_bytes_allocates_a_logarithmic_number_of_times)
{
    struct atl_buf b;
    size_t cap = 0;
    int i, grown = 0;

    atl_buf_init(&b, SIZE_MAX);
    for (i = 0; i < 1000000; i++) {
        CHECK_INT(atl_buf_append(&b, "x", 1), 0);
        grown += b.cap != cap;
        cap = b.cap;
    }
    CHECK(grown <= 20);
    CHECK(b.cap < 2 * b.len);
    atl_buf_deinit(&b);
}

TEST(deinit_twice_is_harmless)
{
    struct atl_buf b;

    atl_buf_init(&b, 10);
    CHECK_INT(atl_buf_append(&b, "abc", 3), 0);
    atl_buf_deinit(&b);
    CHECK(b.data == NULL);
    atl_buf_deinit(&b);
}
