/* listener_test.c - net/listener against real sockets; clients are raw ones.
 * SPDX-License-Identifier: MIT
 */
#include "net/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"

#include "unit/test.h"

#define TICK_MS 10

struct fixture {
    uv_loop_t loop;
    uv_timer_t ticker;
    unsigned ticks;
    struct atl_stream conns[80]; /* accepted; more than any test needs */
    unsigned count;
    unsigned closes;
    unsigned offers; /* calls of on_connection */
    unsigned others; /* those of them for `second` */
    struct atl_listener *second;
    bool leaves;    /* on_connection doesn't accept */
    bool closes_it; /* on_connection closes the listener */
    char dir[64];   /* for unix sockets */
    char path[128]; /* in `dir` */
};

/* Turn the loop until `cond` holds. */
#define TURN_UNTIL(f, cond)                                          \
    for ((f)->ticks = 0; !(cond); uv_run(&(f)->loop, UV_RUN_ONCE)) { \
        if ((f)->ticks > 10000 / TICK_MS)                            \
            fail_msg("never so: %s", #cond);                         \
    }

static void
on_close(struct atl_stream *s)
{
    struct fixture *f = ATL_OWNER(s->uv.handle.loop, struct fixture, loop);

    f->closes++;
}

static const struct atl_stream_ops ops = {.on_close = on_close};

/* Accept what waits at `l` as the next of f->conns. */
static void
accept_one(struct fixture *f, struct atl_listener *l)
{
    CHECK_INT(atl_listener_accept(l, &f->conns[f->count], &ops), 0);
    f->count++;
}

static void
on_connection(struct atl_listener *l)
{
    struct fixture *f = l->data;

    CHECK(!l->closing);
    f->offers++;
    f->others += l == f->second;
    if (f->closes_it)
        atl_listener_close(l);
    else if (!f->leaves)
        accept_one(f, l);
}

static void
on_tick(uv_timer_t *ticker)
{
    struct fixture *f = ATL_OWNER(ticker, struct fixture, ticker);

    f->ticks++;
}

static void
set_up(struct fixture *f)
{
    alarm(60); /* a loop that hangs must not hang the tests */
    memset(f, 0, sizeof(*f));
    CHECK_INT(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->ticker);
    uv_timer_start(&f->ticker, on_tick, TICK_MS, TICK_MS);
    snprintf(f->dir, sizeof(f->dir), "/tmp/atl_listener_XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
}

/* The test has closed its listeners. */
static void
tear_down(struct fixture *f)
{
    unsigned i;

    for (i = 0; i < f->count; i++)
        atl_stream_close(&f->conns[i]);
    uv_close((uv_handle_t *)&f->ticker, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CHECK_INT(f->closes, f->count);
    CHECK_INT(uv_loop_close(&f->loop), 0);
    unlink(f->path);
    CHECK_INT(rmdir(f->dir), 0);
}

#define TEST_LISTENER(name)                    \
    static void run_##name(struct fixture *f); \
    TEST(name)                                 \
    {                                          \
        struct fixture f;                      \
                                               \
        set_up(&f);                            \
        run_##name(&f);                        \
        tear_down(&f);                         \
    }                                          \
    static void run_##name(struct fixture *f)

static int
try_tcp(struct fixture *f, const char *host, int port, bool reuse_port,
        struct atl_listener **out)
{
    return atl_listener_tcp(&f->loop, host, port, 128, reuse_port,
                            on_connection, f, out);
}

static int
try_unix(struct fixture *f, struct atl_listener **out)
{
    return atl_listener_unix(&f->loop, f->path, 128, on_connection, f, out);
}

static struct atl_listener *
open_tcp(struct fixture *f, const char *host)
{
    struct atl_listener *l;

    CHECK_INT(try_tcp(f, host, 0, false, &l), 0);
    return l;
}

static struct atl_listener *
open_unix(struct fixture *f)
{
    struct atl_listener *l;

    CHECK_INT(try_unix(f, &l), 0);
    return l;
}

/* A blocking socket that is connected to `l`. */
static int
client(const struct atl_listener *l)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    int fd;

    CHECK_INT(getsockname(l->fd, (struct sockaddr *)&addr, &len), 0);
    CHECK((fd = socket(addr.ss_family, SOCK_STREAM, 0)) >= 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&addr, len), 0);
    return fd;
}

/* A socket of ours at f->path, which nobody listens on. */
static int
bound(struct fixture *f, int type)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    memcpy(addr.sun_path, f->path, sizeof(addr.sun_path));
    CHECK_INT(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* What the client's next read gives, waiting for it. */
static ssize_t
client_read(struct fixture *f, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char data[64];

    TURN_UNTIL(f, poll(&poll_fd, 1, 0) == 1);
    return recv(fd, data, sizeof(data), 0);
}

/* A connection through `l` works. */
static void
check_works(struct fixture *f, struct atl_listener *l)
{
    unsigned before = f->count;
    int fd = client(l);

    TURN_UNTIL(f, f->count == before + 1);
    CHECK_INT(atl_stream_try_write(&f->conns[before], &ATL_STR("hello"), 1), 5);
    CHECK_INT(client_read(f, fd), 5);
    close(fd);
}

TEST_LISTENER(accepted_sockets_have_their_options)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    int nodelay = 0;
    socklen_t len = sizeof(nodelay);
    uv_os_fd_t fd;

    check_works(f, l);
    CHECK_INT(uv_fileno(&f->conns[0].uv.handle, &fd), 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
    CHECK(nodelay != 0);
    CHECK_INT(uv_fileno(&l->uv.handle, &fd), 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(l->fd, F_GETFD) & FD_CLOEXEC);
    atl_listener_close(l);
}

TEST_LISTENER(host_is_an_address_with_or_without_brackets_or_localhost)
{
    static const char *const hosts[][2] = {
        {"localhost", "127.0.0.1"}, {"::1", "::1"}, {"[::1]", "::1"}};
    struct atl_listener *l;
    size_t i;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        l = open_tcp(f, hosts[i][0]);
        CHECK_STR(l->host, hosts[i][1]);
        CHECK(l->port > 0);
        check_works(f, l);
        atl_listener_close(l);
        atl_listener_close(l); /* harmless */
    }
}

TEST_LISTENER(ipv6_listener_leaves_ipv4_alone)
{
    struct atl_listener *l = open_tcp(f, "::");
    int v6only = 0;
    socklen_t len = sizeof(v6only);

    getsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len);
    CHECK(v6only != 0);
    atl_listener_close(l);
}

TEST_LISTENER(other_hosts_and_ports_are_refused)
{
    static const char *const hosts[] = {
        "",      "example.org", "1.2.3", "1.2.3.4.5", "[127.0.0.1]",
        "[::1",  "::1]",        "[]",    "[",         "*",
        "::1::", "Localhost"};
    char longest[300] = {0};
    struct atl_listener *l;
    size_t i;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        CHECK_INT(try_tcp(f, hosts[i], 0, false, &l), UV_EINVAL);
    memset(longest, ':', sizeof(longest) - 1);
    CHECK_INT(try_tcp(f, longest, 0, false, &l), UV_EINVAL);
    CHECK_INT(try_tcp(f, "127.0.0.1", -1, false, &l), UV_EINVAL);
    CHECK_INT(try_tcp(f, "127.0.0.1", 65536, false, &l), UV_EINVAL);
}

TEST_LISTENER(port_in_use_is_an_error_until_it_is_free_again)
{
    struct atl_listener *a = open_tcp(f, "127.0.0.1");
    struct atl_listener *b;
    int port = a->port;
    int fd;

    CHECK_INT(try_tcp(f, "127.0.0.1", port, false, &b), UV_EADDRINUSE);
    CHECK_INT(try_tcp(f, "127.0.0.1", port, true, &b), UV_EADDRINUSE);
    fd = client(a);
    TURN_UNTIL(f, f->count == 1);
    atl_stream_close(&f->conns[0]); /* ours closes first: TIME_WAIT */
    CHECK_INT(client_read(f, fd), 0);
    close(fd);
    atl_listener_close(a);
    CHECK_INT(try_tcp(f, "127.0.0.1", port, false, &b), 0);
    check_works(f, b);
    atl_listener_close(b);
}

TEST_LISTENER(two_with_reuse_port_share_the_connections)
{
    struct atl_listener *l[2];
    unsigned i;

    CHECK_INT(try_tcp(f, "127.0.0.1", 0, true, &l[0]), 0);
    CHECK_INT(try_tcp(f, "127.0.0.1", l[0]->port, true, &l[1]), 0);
    f->second = l[1];
    for (i = 1; i <= 64; i++) {
        close(client(l[0]));
        TURN_UNTIL(f, f->count == i);
    }
    CHECK(f->others > 0 && f->others < 64);
    atl_listener_close(l[0]);
    atl_listener_close(l[1]);
}

TEST_LISTENER(connection_that_the_owner_leaves_stops_the_listener)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    int i;

    f->leaves = true;
    for (i = 0; i < 3; i++)
        close(client(l));
    TURN_UNTIL(f, f->ticks >= 5);
    CHECK_INT(f->offers, 1);
    f->leaves = false;
    accept_one(f, l);
    TURN_UNTIL(f, f->count == 3);
    CHECK_INT(atl_listener_accept(l, &f->conns[3], &ops), UV_EAGAIN);
    f->count++; /* it is closed as if it were connected */
    CHECK_INT(f->offers, 3);
    atl_listener_close(l);
}

TEST_LISTENER(close_drops_a_connection_that_the_owner_left)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    int fd = client(l);

    f->leaves = true;
    TURN_UNTIL(f, f->offers == 1);
    atl_listener_close(l);
    CHECK_INT(client_read(f, fd), 0);
    close(fd);
}

TEST_LISTENER(listener_may_be_closed_in_on_connection)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");

    close(client(l));
    close(client(l));
    f->closes_it = true;
    TURN_UNTIL(f, f->ticks >= 3);
    CHECK_INT(f->offers, 1);
}

static void
check_url(struct atl_listener *l, const char *scheme, const char *want)
{
    char url[160];

    atl_listener_url(l, scheme, url, sizeof(url));
    CHECK_STR(url, want);
    atl_listener_url(l, scheme, url, 6);
    CHECK(strlen(url) == 5 && strncmp(url, want, 5) == 0);
    atl_listener_close(l);
}

TEST_LISTENER(url_names_the_listener)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    char want[160];

    snprintf(want, sizeof(want), "http://127.0.0.1:%d", l->port);
    check_url(l, "http", want);
    l = open_tcp(f, "::1");
    snprintf(want, sizeof(want), "https://[::1]:%d", l->port);
    check_url(l, "https", want);
    snprintf(want, sizeof(want), "unix:%s", f->path);
    check_url(open_unix(f), "http", want);
}

static void
check_peer(struct fixture *f, struct atl_listener *l, const char *want)
{
    struct atl_stream *s = &f->conns[f->count];
    int fd = client(l);
    struct sockaddr_in6 own = {0}; /* the port is where IPv4 has it */
    socklen_t len = sizeof(own);
    char host[INET6_ADDRSTRLEN];
    int port = -1;

    TURN_UNTIL(f, s < &f->conns[f->count]);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    CHECK_INT(atl_stream_peer(s, host, sizeof(host), &port), 0);
    CHECK_STR(host, want);
    CHECK_INT(port, l->is_unix ? 0 : ntohs(own.sin6_port));
    CHECK_INT(atl_stream_peer(s, host, 3, &port), l->is_unix ? 0 : UV_ENOSPC);
    CHECK_STR(host, "");
    CHECK_INT(port, 0);
    close(fd);
    atl_listener_close(l);
}

TEST_LISTENER(peer_address_is_numeric_or_empty)
{
    check_peer(f, open_tcp(f, "127.0.0.1"), "127.0.0.1");
    check_peer(f, open_tcp(f, "::1"), "::1"); /* without brackets */
    check_peer(f, open_unix(f), "");
}

TEST_LISTENER(unix_listener_accepts_and_its_file_goes_with_it)
{
    struct atl_listener *l = open_unix(f);

    check_works(f, l);
    CHECK_STR(l->path, f->path);
    atl_listener_close(l);
    CHECK(access(f->path, F_OK) != 0);
}

TEST_LISTENER(stale_socket_is_replaced)
{
    struct atl_listener *l;

    close(bound(f, SOCK_STREAM));
    l = open_unix(f);
    check_works(f, l);
    atl_listener_close(l);
}

TEST_LISTENER(socket_that_is_listened_on_is_in_use)
{
    struct atl_listener *a = open_unix(f);
    struct atl_listener *b;

    CHECK_INT(try_unix(f, &b), UV_EADDRINUSE);
    TURN_UNTIL(f, f->count == 1); /* the probe, which has gone */
    check_works(f, a);
    atl_listener_close(a);
}

TEST_LISTENER(file_of_another_kind_is_left_alone)
{
    struct atl_listener *l;
    struct stat st;
    int fd = open(f->path, O_CREAT | O_WRONLY, 0600);

    CHECK_INT(write(fd, "mine", 4), 4);
    close(fd);
    CHECK_INT(try_unix(f, &l), UV_EADDRINUSE);
    CHECK_INT(stat(f->path, &st), 0);
    CHECK_INT(st.st_size, 4);
    unlink(f->path);
    CHECK_INT(symlink("/nowhere", f->path), 0);
    CHECK_INT(try_unix(f, &l), UV_EADDRINUSE);
    CHECK_INT(unlink(f->path), 0);
    fd = bound(f, SOCK_DGRAM);
    CHECK_INT(try_unix(f, &l), UV_EADDRINUSE);
    CHECK_INT(unlink(f->path), 0);
    close(fd);
}

TEST_LISTENER(close_leaves_a_file_that_replaced_ours)
{
    struct atl_listener *a = open_unix(f);
    struct atl_listener *b;

    unlink(f->path);
    b = open_unix(f);
    atl_listener_close(a);
    check_works(f, b);
    atl_listener_close(b);
    CHECK(access(f->path, F_OK) != 0);
}

TEST_LISTENER(path_must_fit_into_an_address_and_be_possible)
{
    struct atl_listener *l;
    char *name = f->path + strlen(f->dir) + 1;

    memset(name, 'x', sizeof(f->path) - strlen(f->dir) - 1);
    f->path[108] = '\0';
    CHECK_INT(try_unix(f, &l), UV_ENAMETOOLONG);
    f->path[107] = '\0';
    l = open_unix(f);
    check_works(f, l);
    atl_listener_close(l);
    memcpy(name, "no/where", 9);
    CHECK_INT(try_unix(f, &l), UV_ENOENT);
    f->path[0] = '\0';
    CHECK_INT(try_unix(f, &l), UV_EINVAL);
}

/* Allow `spare` (0 or 1) descriptors beside those in use; the old limit. */
static struct rlimit
limit_descriptors(unsigned spare)
{
    struct rlimit old, low;
    int fd = dup(0); /* the lowest that is free */

    close(fd);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)fd + spare;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    return old;
}

/* Turn for half a second in which the loop must be idle for the most part. */
static void
check_idles(struct fixture *f)
{
    clock_t start = clock();

    TURN_UNTIL(f, f->ticks >= 500 / TICK_MS);
    CHECK(clock() - start < CLOCKS_PER_SEC / 4);
}

TEST_LISTENER(out_of_descriptors_clients_are_closed_and_it_recovers)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    int fds[2] = {client(l), client(l)};
    struct rlimit old = limit_descriptors(1);

    TURN_UNTIL(f, f->count == 1);
    CHECK_INT(client_read(f, fds[1]), 0);
    check_idles(f);
    CHECK_INT(f->offers, 1);
    setrlimit(RLIMIT_NOFILE, &old);
    check_works(f, l);
    close(fds[0]);
    close(fds[1]);
    atl_listener_close(l);
}

/* No descriptor, and none in libuv's reserve, as if a thread had taken it. */
static struct rlimit
starve(struct fixture *f)
{
    close(f->loop.emfile_fd);
    f->loop.emfile_fd = -1;
    return limit_descriptors(0);
}

static void
check_outlasts_failing_accept(struct fixture *f, struct atl_listener *l)
{
    unsigned before = f->count;
    struct rlimit old;
    int fd;

    close(client(l));
    close(client(l));
    old = starve(f);
    check_idles(f);
    TURN_UNTIL(f, (fd = dup(0)) >= 0); /* now it can't even try to accept */
    check_idles(f);
    close(fd);
    CHECK_INT(f->count, before);
    setrlimit(RLIMIT_NOFILE, &old);
    TURN_UNTIL(f, f->count == before + 2);
    check_works(f, l);
    atl_listener_close(l);
}

TEST_LISTENER(accept_that_keeps_failing_does_not_hang_the_loop)
{
    const char *preload = getenv("LD_PRELOAD");

    /* Valgrind keeps the limit itself: its accept(2) takes one, then fails. */
    if (preload != NULL && strstr(preload, "vgpreload") != NULL)
        return;
    check_outlasts_failing_accept(f, open_tcp(f, "127.0.0.1"));
    check_outlasts_failing_accept(f, open_unix(f));
}

TEST_LISTENER(listener_may_be_closed_while_accept_fails)
{
    struct atl_listener *l = open_tcp(f, "127.0.0.1");
    struct rlimit old;

    close(client(l));
    old = starve(f);
    check_idles(f);
    atl_listener_close(l);
    setrlimit(RLIMIT_NOFILE, &old);
}

TEST_LISTENER(opening_without_descriptors_fails_and_leaves_nothing)
{
    struct atl_listener *l;
    struct rlimit old;
    unsigned spare;

    for (spare = 0; spare < 2; spare++) {
        old = limit_descriptors(spare);
        CHECK_INT(try_tcp(f, "127.0.0.1", 0, false, &l), UV_EMFILE);
        CHECK_INT(try_unix(f, &l), UV_EMFILE);
        CHECK(access(f->path, F_OK) != 0);
        setrlimit(RLIMIT_NOFILE, &old);
    }
}
