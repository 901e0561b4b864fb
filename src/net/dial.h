/* dial.h - a stream is connected to somebody who listens.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. on_connected runs once for each call that returned 0, unless the stream
 *    is closed before: then it never does.
 * 2. No call runs a callback before it returns.
 */
#ifndef ATL_NET_DIAL_H
#define ATL_NET_DIAL_H

#include "net/stream.h"

struct atl_dial;

/* 0: the stream can be read and written; or a negative code: close it. */
typedef void (*atl_dial_fn)(struct atl_dial *d, int status);

/* One attempt, embedded beside its stream; it lives until the stream's
 * on_close. */
struct atl_dial {
    uv_connect_t req;
    atl_dial_fn on_connected;
};

/*
 * Connect `s`, a TCP stream made by atl_stream_init(), to `host`:`port`: a
 * numeric IPv4 or IPv6 address, the latter with or without brackets, or
 * "localhost", which is 127.0.0.1.  Returns 0; UV_EINVAL for another host or
 * port; or another negative code.  Whatever it returns, `s` is closed by
 * atl_stream_close().
 */
int atl_dial_tcp(struct atl_dial *d, struct atl_stream *s, const char *host,
                 int port, atl_dial_fn on_connected)
    __attribute__((warn_unused_result));

/*
 * The same for a unix socket.  UV_ENAMETOOLONG for a path of more than 107
 * bytes, UV_EINVAL for "".
 */
int atl_dial_unix(struct atl_dial *d, struct atl_stream *s, const char *path,
                  atl_dial_fn on_connected) __attribute__((warn_unused_result));

#endif
