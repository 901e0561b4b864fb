/* date.h - dates as text: HTTP's (RFC 9110 5.6.7) and those of log lines.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_DATE_H
#define ATL_BASE_DATE_H

#include <stdint.h>

#define ATL_DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/*
 * Write `unix_s` (seconds since 1970, UTC) as IMF-fixdate: ATL_DATE_LEN bytes
 * and no NUL.  A time before 1970 is written as its first second, one after
 * 9999 as its last, since a file's date can be anything.
 */
void atl_date_format(int64_t unix_s, char *out);

#define ATL_DATE_ISO_LEN 19 /* "1994-11-06T08:49:37" */

/* The same moment, UTC, as ISO 8601 without fraction and zone. */
void atl_date_format_iso(int64_t unix_s, char *out);

#endif
