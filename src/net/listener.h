/* listener.h - a listening socket, TCP or unix.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. After atl_listener_close() on_connection does not run.
 * 2. A connection that the owner leaves alone stops the listener: no other is
 *    taken from the kernel's queue until atl_listener_accept().
 * 3. No failure to accept makes the loop spin or stall: out of descriptors,
 *    what waits is accepted and closed at once, or left in the kernel's queue
 *    and tried again ten times a second.
 */
#ifndef ATL_NET_LISTENER_H
#define ATL_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

#include "base/list.h"
#include "net/stream.h"

struct atl_listener;

/*
 * A connection waits to be accepted: the owner makes room for a stream and
 * calls atl_listener_accept().  If it doesn't, this connection waits (open,
 * unread), those behind it stay in the kernel's queue, and on_connection does
 * not run again before the owner has accepted this one, at any later time.
 * That is how accepting is paused.
 */
typedef void (*atl_listener_fn)(struct atl_listener *l);

struct atl_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_timer_t retry;     /* runs after a failed accept */
    struct atl_link link; /* the owner's list of listeners */
    atl_listener_fn on_connection;
    void *data;     /* the owner's */
    char host[64];  /* numeric address, or "" for a unix socket */
    int port;       /* bound port, also when 0 was asked for; unix: 0 */
    char path[108]; /* unix socket, or "" */
    dev_t dev;      /* the socket file that is ours to remove; */
    ino_t ino;      /* 0: none */
    int fd;         /* owned; `uv` works on a duplicate */
    int backlog;
    unsigned handles; /* of the two above, those that the loop holds */
    bool is_unix;
    bool closing;
};

/*
 * Listen on `host`:`port` (a numeric IPv4 or IPv6 address, the latter with or
 * without brackets, or "localhost", which is 127.0.0.1; port 0: any free one).
 * The socket has SO_REUSEADDR, TCP_NODELAY (accepted sockets inherit it) and,
 * on request, SO_REUSEPORT; an IPv6 one is IPV6_V6ONLY.  *out is heap memory,
 * freed after atl_listener_close().  Returns 0 or a negative code: UV_EINVAL
 * for another host or port, UV_EADDRINUSE, UV_EACCES, ...
 */
int atl_listener_tcp(uv_loop_t *loop, const char *host, int port, int backlog,
                     bool reuse_port, atl_listener_fn on_connection, void *data,
                     struct atl_listener **out)
    __attribute__((warn_unused_result));

/*
 * Listen on a unix socket.  A stale socket file that nobody listens on is
 * replaced; one that somebody listens on gives UV_EADDRINUSE; a file of
 * another kind is left alone (UV_EADDRINUSE).  The file, whose mode is the
 * umask's, goes away with atl_listener_close() unless somebody has put another
 * in its place.  UV_ENAMETOOLONG for a path of more than 107 bytes, UV_EINVAL
 * for "".
 */
int atl_listener_unix(uv_loop_t *loop, const char *path, int backlog,
                      atl_listener_fn on_connection, void *data,
                      struct atl_listener **out)
    __attribute__((warn_unused_result));

/*
 * Accept the connection that waits into the caller's `s`, whose ops it sets.
 * Returns 0; UV_EAGAIN if none waits.  On error `s` still has to be closed
 * with atl_stream_close().
 */
int atl_listener_accept(struct atl_listener *l, struct atl_stream *s,
                        const struct atl_stream_ops *ops)
    __attribute__((warn_unused_result));

/*
 * "http://127.0.0.1:8000", "http://[::1]:8000" or "unix:/path" into `out`,
 * cut to `size` bytes with the NUL.
 */
void atl_listener_url(const struct atl_listener *l, const char *scheme,
                      char *out, size_t size);

/*
 * Stop listening and free `l` when the loop has let it go; what is still
 * queued on the socket is reset.  The owner takes `l` out of its list before.
 */
void atl_listener_close(struct atl_listener *l);

#endif
