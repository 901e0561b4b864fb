/* date.c - dates as text.  See date.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/date.h"

#include <string.h>

#define DAY_S 86400
#define LAST_S INT64_C(253402300799) /* 9999-12-31 23:59:59 */

/*
 * The calendar repeats every 400 years.  Counting years from 1 March puts the
 * leap day at a year's end, so that the months before it follow one formula.
 */
#define ERA_DAYS 146097u      /* days in 400 years */
#define CENTURY_DAYS 36524u   /* in 100 years, but one more in the fourth */
#define FOUR_YEARS_DAYS 1461u /* with their leap day */
#define EPOCH_DAYS 719468u    /* from 1 March of year 0 to 1 January 1970 */

struct civil {
    unsigned year;
    unsigned month; /* 0 to 11 */
    unsigned day;   /* 1 to 31 */
};

static struct civil
civil_from_days(unsigned days)
{
    unsigned era, of_era, year, of_year, month, leap_days;

    days += EPOCH_DAYS;
    era = days / ERA_DAYS;
    of_era = days % ERA_DAYS;
    /* Take out the leap days that came before, and all years have 365. */
    leap_days = of_era / (FOUR_YEARS_DAYS - 1) - of_era / CENTURY_DAYS +
                of_era / (ERA_DAYS - 1);
    year = (of_era - leap_days) / 365;
    of_year = of_era - (year * 365 + year / 4 - year / 100);
    /* From March, five months have 153 days: 31 30 31 30 31, and so on. */
    month = (of_year * 5 + 2) / 153;
    return (struct civil){
        .year = era * 400 + year + (month >= 10),
        .month = (month + 2) % 12,
        .day = of_year - (month * 153 + 2) / 5 + 1,
    };
}

static void
put_two(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

static int64_t
clamp(int64_t unix_s)
{
    if (unix_s < 0)
        return 0;
    return unix_s > LAST_S ? LAST_S : unix_s;
}

static void
put_time(char *out, unsigned s)
{
    put_two(out, s / 3600);
    put_two(out + 3, s / 60 % 60);
    put_two(out + 6, s % 60);
}

void
atl_date_format_iso(int64_t unix_s, char *out)
{
    struct civil c;

    unix_s = clamp(unix_s);
    c = civil_from_days((unsigned)(unix_s / DAY_S));
    memcpy(out, "1970-01-01T00:00:00", ATL_DATE_ISO_LEN);
    put_two(out, c.year / 100);
    put_two(out + 2, c.year % 100);
    put_two(out + 5, c.month + 1);
    put_two(out + 8, c.day);
    put_time(out + 11, (unsigned)(unix_s % DAY_S));
}

void
atl_date_format(int64_t unix_s, char *out)
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* day 0: Thu */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned days, s;
    struct civil c;

    unix_s = clamp(unix_s);
    days = (unsigned)(unix_s / DAY_S);
    s = (unsigned)(unix_s % DAY_S);
    c = civil_from_days(days);
    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", ATL_DATE_LEN);
    memcpy(out, weekdays + days % 7 * 3, 3);
    put_two(out + 5, c.day);
    memcpy(out + 8, months + c.month * 3, 3);
    put_two(out + 12, c.year / 100);
    put_two(out + 14, c.year % 100);
    put_time(out + 17, s);
}
