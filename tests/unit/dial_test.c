/* dial_test.c - net/dial against real listeners.
 * SPDX-License-Identifier: MIT
 */
#include "net/dial.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"

#include "unit/test.h"

struct fixture {
    uv_loop_t loop;
    struct atl_stream s;
    struct atl_dial d;
    int listener;
    int port;
    int calls;
    int status;
    int closes;
};

static void
on_buffer(struct atl_stream *s, char **data_out, size_t *size_out)
{
    (void)s, (void)data_out, (void)size_out;
    fail_msg("nobody reads");
}

static void
on_number(struct atl_stream *s, int status)
{
    (void)s, (void)status;
    fail_msg("nobody writes");
}

static void
on_read(struct atl_stream *s, ssize_t n)
{
    on_number(s, (int)n);
}

static void
on_close(struct atl_stream *s)
{
    ATL_OWNER(s, struct fixture, s)->closes++;
}

static const struct atl_stream_ops ops = {on_buffer, on_read, on_number,
                                          on_close};

static void
on_connected(struct atl_dial *d, int status)
{
    struct fixture *f = ATL_OWNER(d, struct fixture, d);

    f->calls++;
    f->status = status;
}

/* A loop, a stream, and somebody who listens on f->port. */
static void
set_up(struct fixture *f, bool is_unix)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    memset(f, 0, sizeof(*f));
    CHECK_INT(uv_loop_init(&f->loop), 0);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(f->listener, (struct sockaddr *)&addr, len), 0);
    CHECK_INT(listen(f->listener, 1), 0);
    CHECK_INT(getsockname(f->listener, (struct sockaddr *)&addr, &len), 0);
    f->port = ntohs(addr.sin_port);
    atl_stream_init(&f->s, &f->loop, is_unix, &ops);
}

static void
tear_down(struct fixture *f)
{
    close(f->listener);
    atl_stream_close(&f->s);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CHECK_INT(f->closes, 1);
    CHECK_INT(uv_loop_close(&f->loop), 0);
}

TEST(connects_from_the_loop_not_at_once)
{
    struct fixture f;
    int peer;

    set_up(&f, false);
    CHECK_INT(atl_dial_tcp(&f.d, &f.s, "localhost", f.port, on_connected), 0);
    CHECK_INT(f.calls, 0);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CHECK_INT(f.calls, 1);
    CHECK_INT(f.status, 0);
    CHECK((peer = accept(f.listener, NULL, NULL)) >= 0);
    close(peer);
    tear_down(&f);
}

TEST(nobody_listens_is_told_by_the_callback)
{
    struct fixture f;

    set_up(&f, false);
    close(f.listener);
    CHECK_INT(atl_dial_tcp(&f.d, &f.s, "127.0.0.1", f.port, on_connected), 0);
    CHECK_INT(f.calls, 0);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CHECK_INT(f.calls, 1);
    CHECK_INT(f.status, UV_ECONNREFUSED);
    f.listener = -1;
    tear_down(&f);
}

TEST(closed_before_it_is_connected_nothing_is_told)
{
    struct fixture f;

    set_up(&f, false);
    CHECK_INT(atl_dial_tcp(&f.d, &f.s, "127.0.0.1", f.port, on_connected), 0);
    atl_stream_close(&f.s);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CHECK_INT(f.calls, 0);
    tear_down(&f);
}

TEST(hosts_and_ports_that_are_none_are_refused_at_once)
{
    static const char *const hosts[] = {
        "", "[", "[]", "example.org", "127.0.0.1.1", "[::1"};
    struct fixture f;
    size_t i;

    set_up(&f, false);
    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        CHECK_INT(atl_dial_tcp(&f.d, &f.s, hosts[i], f.port, on_connected),
                  UV_EINVAL);
    CHECK_INT(atl_dial_tcp(&f.d, &f.s, "127.0.0.1", 0, on_connected),
              UV_EINVAL);
    CHECK_INT(atl_dial_tcp(&f.d, &f.s, "127.0.0.1", 65536, on_connected),
              UV_EINVAL);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CHECK_INT(f.calls, 0);
    tear_down(&f);
}

TEST(a_unix_socket_that_is_not_there_is_told_by_the_callback)
{
    struct fixture f;

    set_up(&f, true);
    CHECK_INT(atl_dial_unix(&f.d, &f.s, "/nonexistent/sock", on_connected), 0);
    CHECK_INT(f.calls, 0);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CHECK_INT(f.calls, 1);
    CHECK_INT(f.status, UV_ENOENT);
    tear_down(&f);
}

TEST(a_path_that_is_too_long_is_not_cut)
{
    struct fixture f;
    char path[200];

    set_up(&f, true);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    CHECK_INT(atl_dial_unix(&f.d, &f.s, path, on_connected), UV_ENAMETOOLONG);
    CHECK_INT(atl_dial_unix(&f.d, &f.s, "", on_connected), UV_EINVAL);
    tear_down(&f);
}
