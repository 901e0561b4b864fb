/* stream.h - a connected byte stream: read, write, close.
 * SPDX-License-Identifier: MIT
 *
 * TCP and unix sockets now; TLS puts itself between with the same calls.
 *
 * Laws:
 * 1. A stream is embedded in its owner.  After atl_stream_close() no callback
 *    runs but on_close, in which the owner may free itself.
 * 2. No call runs a callback before it returns.
 * 3. Reading needs memory only while there is something to read: on_buffer
 *    lends it, on_read gives it back.
 * 4. The process ignores SIGPIPE: libuv writes with write(2), which raises it
 *    when the peer has gone.
 */
#ifndef ATL_NET_STREAM_H
#define ATL_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/str.h"

struct atl_stream;

/* What the owner is told. */
struct atl_stream_ops {
    /*
     * Lend memory for the next read: set *data_out and *size_out (at least 1).
     * Each on_buffer is followed by one on_read with the same memory.  Nothing
     * may be done to the stream in here.
     */
    void (*on_buffer)(struct atl_stream *s, char **data_out, size_t *size_out);
    /*
     * `n` > 0: that many bytes were read into the lent memory; 0: nothing this
     * time, the memory is given back; UV_EOF: the peer has finished sending;
     * another negative code: the connection is broken.  After a negative code
     * reading has stopped.  A negative code may also come when no memory is
     * lent (a hang-up that the poll itself reports).
     */
    void (*on_read)(struct atl_stream *s, ssize_t n);
    /*
     * All that was queued by atl_stream_write() has gone out (0), or the
     * connection broke (negative code); that comes once, and nothing after it.
     */
    void (*on_drain)(struct atl_stream *s, int status);
    /* The last callback: the owner may free the stream's memory. */
    void (*on_close)(struct atl_stream *s);
};

struct atl_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        struct {
            uv_tcp_t tcp;
            uint8_t peer[16]; /* the address; a pipe's handle is as long */
        };
        uv_pipe_t pipe;
    } uv;
    const struct atl_stream_ops *ops;
    unsigned writes; /* requests that libuv still holds */
    bool reading;
    bool shut;   /* atl_stream_shutdown() was called */
    bool broken; /* a write failed, and the owner was told */
    bool closing;
    uint8_t peer_family; /* of uv.peer; 0: nobody has asked for it yet */
};

/*
 * Make `s` a stream that is not connected yet, for whoever connects it (a
 * listener, a dialler).  From here on it needs atl_stream_close().  `ops` is
 * lent as long as the stream lives.
 */
void atl_stream_init(struct atl_stream *s, uv_loop_t *loop, bool is_unix,
                     const struct atl_stream_ops *ops);

/*
 * Start calling on_read; harmless if it is on.  Returns 0; UV_ENOTCONN if the
 * connection is broken, ATL_E_CLOSED after atl_stream_close().
 */
int atl_stream_read_start(struct atl_stream *s)
    __attribute__((warn_unused_result));

/* Stop calling on_read; harmless if it is off. */
void atl_stream_read_stop(struct atl_stream *s);

/*
 * Write what the socket takes at once, without queueing: the number of bytes
 * written (0 if it takes none now, or if something is queued), or a negative
 * code.  Of more than IOV_MAX (1024) parts the rest is left for the next call.
 */
ssize_t atl_stream_try_write(struct atl_stream *s, const struct atl_str *parts,
                             unsigned count)
    __attribute__((warn_unused_result));

/*
 * Queue a copy of `parts` behind what is queued already; on_drain follows
 * when the queue is empty, even if all went out at once.  The queue has no
 * limit of its own: the owner watches atl_stream_queued().  A queued write
 * costs an allocation, a copy and an epoll_ctl(2), so try to write first.
 * Returns 0; UV_EPIPE after a shutdown or a failed write, ATL_E_CLOSED after a
 * close: then nothing was queued.
 */
int atl_stream_write(struct atl_stream *s, const struct atl_str *parts,
                     unsigned count) __attribute__((warn_unused_result));

/* Bytes that are queued and not yet taken by the socket. */
size_t atl_stream_queued(const struct atl_stream *s);

/*
 * Send FIN, at once or when the queue is empty; no callback.  Nothing more can
 * be written, reading goes on.  Harmless on a stream that is shut down, broken
 * or closing.
 */
void atl_stream_shutdown(struct atl_stream *s);

/* Close; what is queued is dropped.  Harmless if it is closing already. */
void atl_stream_close(struct atl_stream *s);

/*
 * Close with a RST, so that the peer sees the cut (SO_LINGER 0).  A unix
 * socket has none: it is closed.
 */
void atl_stream_reset(struct atl_stream *s);

/*
 * The peer's address as text: `host` gets "" on a unix socket, *port_out 0.
 * INET6_ADDRSTRLEN (46) bytes are enough for any.  Returns 0; UV_ENOSPC if
 * `host` is too small, or another negative code (the peer may have gone):
 * then `host` is "" and *port_out 0.
 */
int atl_stream_peer(const struct atl_stream *s, char *host, size_t size,
                    int *port_out) __attribute__((warn_unused_result));

/*
 * The same without the port, and without asking the system a second time:
 * INET6_ADDRSTRLEN bytes are enough; returns the length, 0 on a unix socket
 * or if the peer had gone the first time.
 */
size_t atl_stream_peer_host(struct atl_stream *s, char *host);

/* Ask now, while it is known. */
void atl_stream_learn_peer(struct atl_stream *s);

/*
 * The address at which the connection was accepted: for TCP as above; for a
 * unix socket its path, and *port_out is -1.
 */
int atl_stream_local(const struct atl_stream *s, char *host, size_t size,
                     int *port_out) __attribute__((warn_unused_result));

#endif
