/* stream.c - a connected byte stream over libuv.  See stream.h.
 * SPDX-License-Identifier: MIT
 */
#include "net/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/list.h"
#include "rt/loop.h"

/* A slice is handed to libuv as it is, as libuv hands its own to writev(2). */
_Static_assert(sizeof(struct atl_str) == sizeof(uv_buf_t) &&
                   offsetof(struct atl_str, ptr) == offsetof(uv_buf_t, base) &&
                   offsetof(struct atl_str, len) == offsetof(uv_buf_t, len),
               "a slice must be laid out as a uv_buf_t");
_Static_assert(sizeof(struct atl_stream) <= 288,
               "an idle connection must stay small");

/* A queued write and the copy that it writes from. */
struct write_op {
    uv_write_t req;
    char data[];
};

/* Ours from any of libuv's views of it. */
static struct atl_stream *
owner(void *handle)
{
    return ATL_OWNER(handle, struct atl_stream, uv);
}

void
atl_stream_init(struct atl_stream *s, uv_loop_t *loop, bool is_unix,
                const struct atl_stream_ops *ops)
{
    int err;

    memset(s, 0, sizeof(*s));
    s->ops = ops;
    err = is_unix ? uv_pipe_init(loop, &s->uv.pipe, 0)
                  : uv_tcp_init(loop, &s->uv.tcp);
    assert(err == 0); /* without a socket there is nothing that could fail */
}

/* libuv's size is a suggestion; the owner knows better. */
static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct atl_stream *s = owner(handle);
    char *data = NULL;
    size_t size = 0;

    (void)suggested;
    atl_loop_woken(handle->loop);
    s->ops->on_buffer(s, &data, &size);
    assert(data != NULL && size > 0);
    buf->base = data;
    buf->len = size;
}

static void
on_data(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct atl_stream *s = owner(handle);

    (void)buf;
    if (n < 0)
        atl_stream_read_stop(s); /* after an error libuv does so too late */
    s->ops->on_read(s, n);
}

int
atl_stream_read_start(struct atl_stream *s)
{
    int err;

    if (s->closing)
        return ATL_E_CLOSED;
    if (s->reading)
        return 0;
    if ((err = uv_read_start(&s->uv.stream, on_alloc, on_data)) != 0)
        return err;
    s->reading = true;
    return 0;
}

void
atl_stream_read_stop(struct atl_stream *s)
{
    uv_read_stop(&s->uv.stream);
    s->reading = false;
}

ssize_t
atl_stream_try_write(struct atl_stream *s, const struct atl_str *parts,
                     unsigned count)
{
    int n;

    if (s->closing)
        return ATL_E_CLOSED;
    if (s->shut)
        return UV_EPIPE;
    if (count == 0)
        return 0;
    n = uv_try_write(&s->uv.stream, (const uv_buf_t *)(const void *)parts,
                     count);
    return n == UV_EAGAIN ? 0 : n;
}

/*
 * One queued write has ended.  Several may end in one turn, the queue being
 * empty already when the first of them is reported, so count them instead of
 * asking libuv.
 */
static void
on_written(uv_write_t *req, int status)
{
    struct atl_stream *s = owner(req->handle);

    atl_loop_woken(req->handle->loop);
    atl_free(ATL_OWNER(req, struct write_op, req));
    s->writes--;
    if (s->closing || s->broken)
        return; /* law 1: UV_ECANCELED is nobody's business; or told already */
    if (status < 0) {
        s->broken = true;
        s->ops->on_drain(s, status);
    } else if (s->writes == 0) {
        s->ops->on_drain(s, 0);
    }
}

/* The bytes of `parts` in one piece, behind room for libuv's request. */
static struct write_op *
copy_parts(const struct atl_str *parts, unsigned count, uv_buf_t *buf_out)
{
    struct write_op *op;
    size_t len = 0;
    unsigned i;

    for (i = 0; i < count; i++)
        len += parts[i].len;
    op = atl_malloc(sizeof(*op) + len);
    *buf_out = (uv_buf_t){op->data, len};
    for (i = 0, len = 0; i < count; i++) {
        if (parts[i].len > 0) /* the pointer of an empty slice may be NULL */
            memcpy(op->data + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return op;
}

int
atl_stream_write(struct atl_stream *s, const struct atl_str *parts,
                 unsigned count)
{
    struct write_op *op;
    uv_buf_t buf;
    int err;

    if (s->closing)
        return ATL_E_CLOSED;
    if (s->shut || s->broken)
        return UV_EPIPE; /* if broken, on_drain would not come */
    op = copy_parts(parts, count, &buf);
    /* Writes at once what it can, but calls back from the loop only. */
    err = uv_write(&op->req, &s->uv.stream, &buf, 1, on_written);
    if (err != 0) {
        atl_free(op);
        return err;
    }
    s->writes++;
    return 0;
}

size_t
atl_stream_queued(const struct atl_stream *s)
{
    return uv_stream_get_write_queue_size(&s->uv.stream);
}

/* Whether it worked is of no use: the peer's end will tell. */
static void
on_shutdown(uv_shutdown_t *req, int status)
{
    (void)status;
    atl_free(req);
}

/*
 * libuv would put it off to the next turn and spend an epoll_ctl(2) on it, so
 * leave it to libuv only if something is queued.
 */
void
atl_stream_shutdown(struct atl_stream *s)
{
    uv_shutdown_t *req;
    uv_os_fd_t fd;

    if (s->closing || s->shut)
        return;
    s->shut = true;
    if (atl_stream_queued(s) == 0) {
        if (uv_fileno(&s->uv.handle, &fd) == 0)
            shutdown(fd, SHUT_WR);
        return;
    }
    req = atl_malloc(sizeof(*req));
    if (uv_shutdown(req, &s->uv.stream, on_shutdown) != 0)
        atl_free(req);
}

static void
on_closed(uv_handle_t *handle)
{
    struct atl_stream *s = owner(handle);

    s->ops->on_close(s); /* last: `s` may be gone after */
}

void
atl_stream_close(struct atl_stream *s)
{
    if (s->closing)
        return;
    s->closing = true;
    s->reading = false;
    uv_close(&s->uv.handle, on_closed);
}

/*
 * uv_tcp_close_reset() would refuse while a shutdown is pending; Linux sends
 * the RST all the same, before and after the FIN.
 */
void
atl_stream_reset(struct atl_stream *s)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;

    /* Where the option can't be set a plain close must do. */
    if (!s->closing && s->uv.handle.type == UV_TCP &&
        uv_fileno(&s->uv.handle, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    atl_stream_close(s);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

/* The address as text into `host` (`size` bytes), its port to *port_out. */
static int
name_address(const union address *addr, char *host, size_t size, int *port_out)
{
    bool v6 = addr->any.sa_family == AF_INET6;
    int err = v6 ? uv_ip6_name(&addr->v6, host, size)
                 : uv_ip4_name(&addr->v4, host, size);

    if (err != 0) {
        host[0] = '\0';
        return err;
    }
    *port_out = ntohs(v6 ? addr->v6.sin6_port : addr->v4.sin_port);
    return 0;
}

int
atl_stream_peer(const struct atl_stream *s, char *host, size_t size,
                int *port_out)
{
    union address addr;
    int len = (int)sizeof(addr);
    int err;

    assert(size > 0);
    host[0] = '\0';
    *port_out = 0;
    if (s->uv.handle.type == UV_NAMED_PIPE)
        return 0;
    if ((err = uv_tcp_getpeername(&s->uv.tcp, &addr.any, &len)) != 0)
        return err;
    return name_address(&addr, host, size, port_out);
}

#define UNKNOWN 255 /* as peer_family: there is no address to show */

void
atl_stream_learn_peer(struct atl_stream *s)
{
    union address addr;
    int len = (int)sizeof(addr);

    if (s->peer_family != 0)
        return;
    s->peer_family = UNKNOWN;
    if (s->uv.handle.type == UV_NAMED_PIPE ||
        uv_tcp_getpeername(&s->uv.tcp, &addr.any, &len) != 0)
        return;
    s->peer_family = (uint8_t)addr.any.sa_family;
    if (addr.any.sa_family == AF_INET6)
        memcpy(s->uv.peer, &addr.v6.sin6_addr, 16);
    else
        memcpy(s->uv.peer, &addr.v4.sin_addr, 4);
}

/* inet_ntop() would take several times as long. */
static size_t
name_ipv4(const uint8_t *bytes, char *host)
{
    char *p = host;
    int i;

    for (i = 0; i < 4; i++) {
        unsigned n = bytes[i];

        if (n >= 100)
            *p++ = (char)('0' + n / 100);
        if (n >= 10)
            *p++ = (char)('0' + n / 10 % 10);
        *p++ = (char)('0' + n % 10);
        *p++ = '.';
    }
    *--p = '\0';
    return (size_t)(p - host);
}

size_t
atl_stream_peer_host(struct atl_stream *s, char *host)
{
    atl_stream_learn_peer(s);
    if (s->peer_family == AF_INET)
        return name_ipv4(s->uv.peer, host);
    if (s->peer_family != AF_INET6 ||
        inet_ntop(AF_INET6, s->uv.peer, host, INET6_ADDRSTRLEN) == NULL)
        return 0;
    return strlen(host);
}

int
atl_stream_local(const struct atl_stream *s, char *host, size_t size,
                 int *port_out)
{
    union address addr;
    int len = (int)sizeof(addr);
    int err;

    assert(size > 0);
    host[0] = '\0';
    *port_out = -1;
    if (s->uv.handle.type == UV_NAMED_PIPE) {
        return uv_pipe_getsockname(&s->uv.pipe, host, &size);
    }
    if ((err = uv_tcp_getsockname(&s->uv.tcp, &addr.any, &len)) != 0)
        return err;
    return name_address(&addr, host, size, port_out);
}
