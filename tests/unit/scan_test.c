/* scan_test.c - the scans, against loops that take one byte a step.
 * SPDX-License-Identifier: MIT
 *
 * The words' arithmetic may go wrong where one byte borrows from the next, so
 * every pair of bytes stands at every place of two words and a rest.
 */
#include "http/scan.h"

#include <ctype.h>

#include "base/str.h"
#include "unit/test.h"

#define SIZE 21 /* sixteen bytes, then too few for a word */

/* `SIZE` bytes that all scans take, with the pair a, b at `at`. */
static void
fill(char *data, size_t at, int a, int b)
{
    memset(data, 'Q', SIZE);
    data[at] = (char)a;
    if (at + 1 < SIZE)
        data[at + 1] = (char)b;
}

static size_t
count_while(const char *data, bool (*is_good)(char c))
{
    size_t n = 0;

    while (n < SIZE && is_good(data[n]))
        n++;
    return n;
}

static bool
is_value(char c)
{
    unsigned char u = (unsigned char)c;

    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

static bool
is_query(char c)
{
    unsigned char u = (unsigned char)c;

    return u > 0x20 && u < 0x7f && u != '#';
}

static bool
is_path(char c)
{
    return is_query(c) && c != '?' && c != '%';
}

static bool
is_token(char c)
{
    return strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                  c) != NULL &&
           c != '\0';
}

static void
check_pair(size_t at, int a, int b)
{
    char data[SIZE], before[SIZE];
    const char *end = data + SIZE;
    bool plain = true;
    size_t n, i;

    fill(data, at, a, b);
    CHECK_INT(atl_scan_value(data, end) - data, count_while(data, is_value));
    CHECK_INT(atl_scan_query(data, end) - data, count_while(data, is_query));
    /* A '%' is followed by no hex digit here, so it is an end too. */
    if (a != '%' || !isxdigit(b))
        CHECK_INT(atl_scan_path(data, end, &plain) - data,
                  count_while(data, is_path));
    memcpy(before, data, SIZE);
    n = count_while(before, is_token);
    CHECK_INT(atl_scan_lower(data, end) - data, n);
    for (i = 0; i < SIZE; i++)
        CHECK_INT(data[i], i < n ? atl_lower(before[i]) : before[i]);
}

TEST(every_pair_of_bytes_is_scanned_right_at_every_place)
{
    size_t at;
    int a, b;

    for (at = 0; at < SIZE; at++)
        for (a = 0; a < 256; a++)
            for (b = 0; b < 256; b++)
                check_pair(at, a, b);
}

TEST(scans_stop_at_the_end)
{
    static const char data[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    bool plain = true;
    size_t len;

    for (len = 0; len < sizeof(data); len++) {
        const char *end = data + len;
        char copy[sizeof(data)];

        CHECK(atl_scan_value(data, end) == end);
        CHECK(atl_scan_query(data, end) == end);
        CHECK(atl_scan_path(data, end, &plain) == end);
        memset(copy, 'A', sizeof(copy));
        CHECK(atl_scan_lower(copy, copy + len) == copy + len);
        CHECK(memcmp(copy, data, len) == 0);
        CHECK_INT(copy[len], 'A');
    }
}

TEST(escapes_are_two_hex_digits_and_no_nul)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    char text[] = "/aaaaaa%__b";
    int a, b;

    for (a = 1; a < 256; a++) {
        for (b = 1; b < 256; b++) {
            const char *end = text + sizeof(text) - 1;
            bool plain = true;
            bool good = strchr(digits, a) && strchr(digits, b) &&
                        (a != '0' || b != '0');

            text[8] = (char)a;
            text[9] = (char)b;
            CHECK(atl_scan_path(text, end, &plain) == (good ? end : text + 7));
            CHECK(!plain);
        }
    }
}
