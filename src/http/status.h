/* status.h - status codes and their reason phrases (RFC 9110 15).
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_HTTP_STATUS_H
#define ATL_HTTP_STATUS_H

#include "base/str.h"

/*
 * HTTP/1's status line with its CRLF: "HTTP/1.1 200 OK"; with an empty phrase
 * for a code that isn't registered (then made in `scratch`, 24 bytes or more).
 */
struct atl_str atl_status_line(unsigned status, char *scratch, size_t size);

/* "Not Found", or "Unknown". */
const char *atl_status_phrase(unsigned status);

#endif
