/* request_id.h - what a request is called in logs and answers.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_REQUEST_ID_H
#define ATL_BASE_REQUEST_ID_H

#include <stddef.h>
#include <stdint.h>

#define ATL_REQUEST_ID_MAX 24 /* bytes; 16 until the 2^32nd request */

/*
 * Write the id of the request with this serial number: 8 hexadecimal digits
 * that are random for the process, then 8 to 16 of the number.  No NUL is
 * added.  Returns the length.  Any thread; safe in a signal handler.
 */
size_t atl_request_id(uint64_t serial, char *out);

#endif
