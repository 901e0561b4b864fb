/* word_test.c - eight bytes a step.
 * SPDX-License-Identifier: MIT
 */
#include "base/word.h"

#include "unit/test.h"

TEST(the_first_byte_is_the_lowest)
{
    CHECK(atl_word_load("\x01\x02\x03\x04\x05\x06\x07\x88") ==
          0x8807060504030201u);
}

TEST(the_first_of_equal_bytes_is_found)
{
    CHECK_INT(atl_word_before(atl_word_find(atl_word_load("ab/c/./d"), '/')),
              2);
    CHECK(atl_word_find(atl_word_load("abcdefgh"), '/') == 0);
}

/* Neighbours by one bit, the top bit, zero: wherever a borrow could err. */
TEST(every_byte_is_found_where_it_stands_first)
{
    char text[8];
    int c, other, at;

    for (c = 0; c < 256; c++)
        for (other = 0; other < 256; other++)
            for (at = 0; at < 8 && other != c; at++) {
                uint64_t hits;

                memset(text, other, sizeof(text));
                CHECK(atl_word_find(atl_word_load(text), (char)c) == 0);
                text[at] = (char)c;
                hits = atl_word_find(atl_word_load(text), (char)c);
                CHECK(hits != 0 && atl_word_before(hits) == (size_t)at);
            }
}
