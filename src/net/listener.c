/* listener.c - a listening socket, TCP or unix.  See listener.h.
 * SPDX-License-Identifier: MIT
 *
 * Stop 1 of a request: libuv accepts, on_accepted() tells the owner.
 *
 * The socket is made here, not by libuv, for the options that libuv has no
 * call for.  libuv works on a duplicate of the descriptor, so that its handle
 * can be closed and opened again without losing what is queued on the socket:
 * the only way out of libuv's accept loop when accept(2) keeps failing.
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/address.h"
#include "rt/loop.h"

#define RETRY_MS 100

static int watch(struct atl_listener *l);

static void
on_retry(uv_timer_t *timer)
{
    struct atl_listener *l = timer->data;

    atl_loop_woken(timer->loop);
    /* Two handles: this one failed late, and on_released() is still to come. */
    if (watch(l) != 0 && l->handles == 1)
        uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

/* The loop has let one of our handles go. */
static void
on_released(uv_handle_t *handle)
{
    struct atl_listener *l = handle->data;

    l->handles--;
    if (!l->closing)
        uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
    else if (l->handles == 0)
        atl_free(l);
}

/*
 * Out of descriptors, libuv gives up one that it keeps in reserve, accepts
 * and closes all that is queued, and takes the reserve back: the clients see
 * the connection closed, and no error comes here.  One comes if that failed
 * too (another thread was quicker to take the reserve) or for another reason
 * (ENOBUFS, ENOMEM).  libuv then tries again at once, for ever, and the loop
 * with all its connections hangs; closing the handle is the only way out.
 */
static void
on_accepted(uv_stream_t *server, int status)
{
    struct atl_listener *l = server->data;

    atl_loop_woken(server->loop);
    if (status != 0)
        uv_close(&l->uv.handle, on_released);
    else
        l->on_connection(l);
}

/*
 * Give libuv a duplicate of the socket to watch.  On error the handle is
 * either as it was (never initialised or let go), or closing.
 */
static int
watch(struct atl_listener *l)
{
    uv_loop_t *loop = l->retry.loop;
    int err;
    int fd;

    if ((fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return -errno;
    err = l->is_unix ? uv_pipe_init(loop, &l->uv.pipe, 0)
                     : uv_tcp_init(loop, &l->uv.tcp);
    if (err != 0)
        goto fail_fd;
    l->uv.handle.data = l;
    l->handles++;
    err = l->is_unix ? uv_pipe_open(&l->uv.pipe, fd)
                     : uv_tcp_open(&l->uv.tcp, fd);
    if (err != 0) {
        close(fd);
        goto fail_handle;
    }
    /* From here the descriptor is libuv's. */
    if ((err = uv_listen(&l->uv.stream, l->backlog, on_accepted)) != 0)
        goto fail_handle;
    return 0;

fail_handle:
    uv_close(&l->uv.handle, on_released);
    return err;
fail_fd:
    close(fd);
    return err;
}

/* A listener on `fd`, which it owns from now on, not watched yet. */
static struct atl_listener *
new_listener(uv_loop_t *loop, int fd, int backlog,
             atl_listener_fn on_connection, void *data)
{
    struct atl_listener *l = atl_calloc(1, sizeof(*l));

    atl_list_init(&l->link);
    l->fd = fd;
    l->backlog = backlog;
    l->on_connection = on_connection;
    l->data = data;
    uv_timer_init(loop, &l->retry); /* cannot fail */
    l->retry.data = l;
    l->handles = 1;
    return l;
}

static int
new_socket(int family, int *fd_out)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    *fd_out = fd;
    return 0;
}

static int
set_flag(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on)) == 0 ? 0 : -errno;
}

static int
bind_to(int fd, const union atl_address *addr, size_t len)
{
    return bind(fd, &addr->any, (socklen_t)len) == 0 ? 0 : -errno;
}

/* A socket that is bound to `addr` with all its options set. */
static int
open_tcp(const union atl_address *addr, size_t len, bool reuse_port,
         int *fd_out)
{
    int family = addr->any.sa_family;
    int err;
    int fd = -1;

    if ((err = new_socket(family, &fd)) != 0)
        return err;
    if ((err = set_flag(fd, SOL_SOCKET, SO_REUSEADDR)) != 0)
        goto fail_socket;
    if (reuse_port && (err = set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) != 0)
        goto fail_socket;
    if ((err = set_flag(fd, IPPROTO_TCP, TCP_NODELAY)) != 0)
        goto fail_socket;
    if (family == AF_INET6 &&
        (err = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) != 0)
        goto fail_socket;
    if ((err = bind_to(fd, addr, len)) != 0)
        goto fail_socket;
    *fd_out = fd;
    return 0;

fail_socket:
    close(fd);
    return err;
}

/* Where the kernel has put us: the port may have been 0. */
static int
read_bound_address(struct atl_listener *l)
{
    union atl_address addr = {.any = {0}};
    socklen_t len = sizeof(addr);

    if (getsockname(l->fd, &addr.any, &len) != 0)
        return -errno;
    if (addr.any.sa_family == AF_INET6) {
        l->port = ntohs(addr.v6.sin6_port);
        return uv_ip6_name(&addr.v6, l->host, sizeof(l->host));
    }
    l->port = ntohs(addr.v4.sin_port);
    return uv_ip4_name(&addr.v4, l->host, sizeof(l->host));
}

int
atl_listener_tcp(uv_loop_t *loop, const char *host, int port, int backlog,
                 bool reuse_port, atl_listener_fn on_connection, void *data,
                 struct atl_listener **out)
{
    struct atl_listener *l;
    union atl_address addr;
    size_t len;
    int err;
    int fd = -1;

    if ((err = atl_address_parse(host, port, &addr, &len)) != 0)
        return err;
    if ((err = open_tcp(&addr, len, reuse_port, &fd)) != 0)
        return err;
    /* From here the listener owns the socket. */
    l = new_listener(loop, fd, backlog, on_connection, data);
    if ((err = read_bound_address(l)) != 0)
        goto fail_listener;
    if ((err = watch(l)) != 0)
        goto fail_listener;
    *out = l;
    return 0;

fail_listener:
    atl_listener_close(l);
    return err;
}

static int
parse_path(const char *path, union atl_address *addr_out)
{
    size_t len = strlen(path);

    if (len == 0)
        return UV_EINVAL;
    if (len >= sizeof(addr_out->un.sun_path))
        return UV_ENAMETOOLONG;
    memset(addr_out, 0, sizeof(*addr_out));
    addr_out->un.sun_family = AF_UNIX;
    memcpy(addr_out->un.sun_path, path, len);
    return 0;
}

/*
 * Make the path free if nobody needs it.  Only a refused connection proves
 * that a socket file is stale; every other outcome (accepted, queue full, not
 * permitted, another kind of socket) counts as in use.
 */
static int
remove_stale(const union atl_address *addr)
{
    const char *path = addr->un.sun_path;
    struct stat st;
    bool refused;
    int err;
    int fd = -1;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return UV_EADDRINUSE;
    if ((err = new_socket(AF_UNIX, &fd)) != 0)
        return err;
    refused =
        connect(fd, &addr->any, sizeof(addr->un)) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return UV_EADDRINUSE;
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Remember which file bind(2) has made: only that one is ours to remove. */
static int
read_bound_file(struct atl_listener *l, const char *path)
{
    struct stat st;

    memcpy(l->path, path, strlen(path) + 1);
    if (lstat(path, &st) != 0)
        return -errno;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

int
atl_listener_unix(uv_loop_t *loop, const char *path, int backlog,
                  atl_listener_fn on_connection, void *data,
                  struct atl_listener **out)
{
    struct atl_listener *l;
    union atl_address addr;
    int err;
    int fd = -1;

    if ((err = parse_path(path, &addr)) != 0)
        return err;
    if ((err = remove_stale(&addr)) != 0)
        return err;
    if ((err = new_socket(AF_UNIX, &fd)) != 0)
        return err;
    if ((err = bind_to(fd, &addr, sizeof(addr.un))) != 0)
        goto fail_socket;
    /* From here the listener owns the socket and its file. */
    l = new_listener(loop, fd, backlog, on_connection, data);
    l->is_unix = true;
    if ((err = read_bound_file(l, path)) != 0)
        goto fail_listener;
    if ((err = watch(l)) != 0)
        goto fail_listener;
    *out = l;
    return 0;

fail_listener:
    atl_listener_close(l);
    return err;
fail_socket:
    close(fd);
    return err;
}

int
atl_listener_accept(struct atl_listener *l, struct atl_stream *s,
                    const struct atl_stream_ops *ops)
{
    atl_stream_init(s, l->retry.loop, l->is_unix, ops);
    return uv_accept(&l->uv.stream, &s->uv.stream);
}

void
atl_listener_url(const struct atl_listener *l, const char *scheme, char *out,
                 size_t size)
{
    bool is_v6 = strchr(l->host, ':') != NULL;

    if (l->is_unix)
        snprintf(out, size, "unix:%s", l->path);
    else
        snprintf(out, size, "%s://%s%s%s:%d", scheme, is_v6 ? "[" : "", l->host,
                 is_v6 ? "]" : "", l->port);
}

static void
remove_own_file(const struct atl_listener *l)
{
    struct stat st;

    if (l->ino != 0 && lstat(l->path, &st) == 0 && st.st_dev == l->dev &&
        st.st_ino == l->ino)
        unlink(l->path);
}

void
atl_listener_close(struct atl_listener *l)
{
    if (l->closing)
        return;
    l->closing = true;
    /* While we still listen: nobody may find it stale and put his own there. */
    remove_own_file(l);
    close(l->fd);
    uv_close((uv_handle_t *)&l->retry, on_released);
    /* It may not be there (watch() failed), or be closing (to be retried). */
    if (l->handles > 1 && !uv_is_closing(&l->uv.handle))
        uv_close(&l->uv.handle, on_released);
}
