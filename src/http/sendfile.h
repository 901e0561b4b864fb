/* sendfile.h - a file as the body of a response.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_HTTP_SENDFILE_H
#define ATL_HTTP_SENDFILE_H

#include "http/exchange.h"

struct atl_file_send;

/*
 * Runs once, on the loop's thread, unless the send was cancelled before: 0
 * when the response is complete; a negative code otherwise, the head being
 * still held if nothing has been sent (UV_ENOENT, UV_EACCES, UV_EISDIR, ...;
 * ATL_E_CLOSED: the client has gone).
 */
typedef void (*atl_file_send_fn)(struct atl_exchange *x, int status);

/*
 * Complete the response, whose head is held, with the file at `path`: adds
 * content-length, reads on libuv's threads, never faster than the client
 * takes it.  The handle is valid until `done` runs or it is cancelled.
 */
struct atl_file_send *atl_file_send_start(struct atl_exchange *x,
                                          const char *path,
                                          atl_file_send_fn done);

/* The exchange's on_writable: go on. */
void atl_file_send_continue(struct atl_file_send *f);

/* Forget it: `done` will not run.  A read under way ends by itself. */
void atl_file_send_cancel(struct atl_file_send *f);

#endif
