/* date_test.c - dates as text, against the C library's calendar.
 * SPDX-License-Identifier: MIT
 */
#include "base/date.h"

#include <time.h>

#include "unit/test.h"

#define DAY_S 86400
#define LAST_S INT64_C(253402300799)

/* The date of `unix_s` is the one that the C library makes of it. */
static void
check_against_libc(int64_t unix_s)
{
    char got[ATL_DATE_LEN + 1] = "", want[64];
    time_t t = (time_t)unix_s;
    struct tm tm;

    atl_date_format(unix_s, got);
    CHECK(gmtime_r(&t, &tm) != NULL);
    strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    CHECK_STR(got, want);
    memset(got, 0, sizeof(got));
    atl_date_format_iso(unix_s, got);
    strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
    CHECK_STR(got, want);
}

static const char *
format(int64_t unix_s)
{
    static char text[ATL_DATE_LEN + 1];

    atl_date_format(unix_s, text);
    return text;
}

TEST(the_rfcs_example_is_written_as_there)
{
    CHECK_STR(format(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(the_ends_of_the_range_are_right)
{
    CHECK_STR(format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK_STR(format(LAST_S), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(a_leap_day_is_in_every_fourth_year_but_three_centuries_in_four)
{
    CHECK_STR(format(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
    CHECK_STR(format(951868800), "Wed, 01 Mar 2000 00:00:00 GMT");
    CHECK_STR(format(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
    CHECK_STR(format(4107456000), "Sun, 28 Feb 2100 00:00:00 GMT");
    CHECK_STR(format(4107542400), "Mon, 01 Mar 2100 00:00:00 GMT");
}

TEST(what_is_out_of_range_is_written_as_its_end)
{
    CHECK_STR(format(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK_STR(format(INT64_MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK_STR(format(LAST_S + 1), "Fri, 31 Dec 9999 23:59:59 GMT");
    CHECK_STR(format(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(exactly_29_bytes_are_written)
{
    char text[ATL_DATE_LEN + 2];

    memset(text, '#', sizeof(text));
    atl_date_format(784111777, text + 1);
    CHECK_INT(text[0], '#');
    CHECK_INT(text[1], 'S');
    CHECK_INT(text[ATL_DATE_LEN], 'T');
    CHECK_INT(text[ATL_DATE_LEN + 1], '#');
}

TEST(every_second_of_a_day_is_the_c_librarys)
{
    int64_t t;

    for (t = 0; t < DAY_S; t++)
        check_against_libc(INT64_C(1700000000) / DAY_S * DAY_S + t);
}

TEST(the_first_and_last_second_of_every_day_are_the_c_librarys)
{
    int64_t t;

    for (t = 0; t <= LAST_S; t += DAY_S) {
        check_against_libc(t);
        check_against_libc(t + DAY_S - 1);
    }
}
