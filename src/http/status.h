/* status.h - status codes and their reason phrases (RFC 9110 15).
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_HTTP_STATUS_H
#define ATL_HTTP_STATUS_H

#include "base/str.h"

/* "200 OK"; "299 " and an empty phrase for a code that isn't registered. */
struct atl_str atl_status_line(unsigned status, char *scratch, size_t size);

/* "Not Found", or "Unknown". */
const char *atl_status_phrase(unsigned status);

#endif
