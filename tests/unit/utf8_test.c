/* utf8_test.c - which bytes are a character, all of them.
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "unit/test.h"

/* The length by decoding, written to be read: RFC 3629 3. */
static size_t
reference(const unsigned char *s, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len, i;
    uint32_t code;

    if (s[0] < 0x80)
        return 1;
    if ((s[0] & 0xe0) == 0xc0)
        len = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        len = 3;
    else if ((s[0] & 0xf8) == 0xf0)
        len = 4;
    else
        return 0;
    if (len > left)
        return 0;
    code = s[0] & (0xffu >> (len + 1));
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return len;
}

/* Bytes near where something changes, for each place. */
static const unsigned char edges[] = {0x00, 0x22, 0x7f, 0x80, 0x81, 0x8f, 0x90,
                                      0x91, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};

static void
check_all_tails(unsigned char first, size_t left)
{
    size_t i, j, k, n = sizeof(edges);

    for (i = 0; i < n; i++)
        for (j = 0; j < n; j++)
            for (k = 0; k < n; k++) {
                unsigned char s[4] = {first, edges[i], edges[j], edges[k]};
                char *copy = malloc(left); /* a read behind it is seen */

                memcpy(copy, s, left);
                CHECK_INT(atl_utf8_len(copy, left), reference(s, left));
                free(copy);
            }
}

TEST(a_character_is_what_the_rfc_says)
{
    int first;
    size_t left;

    for (first = 0; first < 256; first++)
        for (left = 1; left <= 4; left++)
            check_all_tails((unsigned char)first, left);
}

TEST(every_code_is_written_and_found_again)
{
    uint32_t code;

    for (code = 0; code <= 0x10ffff; code++) {
        char out[4];
        size_t len;

        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        len = atl_utf8_put(out, code);
        if (atl_utf8_len(out, len) != len ||
            (len > 1 && atl_utf8_len(out, len - 1) != 0))
            fail_msg("U+%04X", (unsigned)code);
    }
}
