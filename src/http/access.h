/* access.h - the access log: one line a request.
 * SPDX-License-Identifier: MIT
 *
 *     ... atlas.access[ID]: CLIENT "GET /path HTTP/1.1" STATUS BYTES
 *         "REFERER" "USER-AGENT" 0.412ms
 *
 * and the same as fields in JSON.  It is written when the connection is
 * through with the exchange, whatever the handler still does.
 */
#ifndef ATL_HTTP_ACCESS_H
#define ATL_HTTP_ACCESS_H

#include <stdbool.h>

struct atl_exchange;

/* The exchange begins: when, and with whom. */
void atl_access_begin(struct atl_exchange *x);

/*
 * It is over: log it.  Without `parsed` its head never was a request's.  A
 * client that left before its response began gets the status 499, which is
 * nobody else's.
 */
void atl_access_log(struct atl_exchange *x, bool parsed);

#endif
