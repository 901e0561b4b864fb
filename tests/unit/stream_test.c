/* stream_test.c - net/stream against real sockets; the peer is a raw one.
 * SPDX-License-Identifier: MIT
 */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/list.h"

#include "unit/test.h"

#define TICK_MS 10
#define MAX_TICKS 1000
#define BIG ((size_t)32 << 20) /* more than the kernel buffers for a socket */

/* What on_read or on_drain does beside counting. */
enum action {
    DO_NOTHING,
    DO_ECHO,
    DO_CLOSE,
    DO_RESET
};

/* A stream's owner, which counts what it is told. */
struct conn {
    struct atl_stream s;
    enum action on_data;
    enum action on_drained;
    char lent[4096];
    size_t lent_size; /* how much of it to lend */
    bool is_lent;
    char in[4096]; /* what was read so far */
    size_t in_len;
    unsigned reads;
    unsigned empty_reads;
    ssize_t last_read;
    unsigned drains;
    int drain_status;
    unsigned closes;
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t ticker;
    unsigned ticks;
    struct conn conn;
    int peer;
};

/* Turn the loop until `cond` holds. */
#define TURN_UNTIL(f, cond)                      \
    do {                                         \
        (f)->ticks = 0;                          \
        while (!(cond)) {                        \
            if ((f)->ticks > MAX_TICKS)          \
                fail_msg("never so: %s", #cond); \
            uv_run(&(f)->loop, UV_RUN_ONCE);     \
        }                                        \
    } while (0)

/* Turn the loop for long enough that what might come has come. */
static void
settle(struct fixture *f)
{
    TURN_UNTIL(f, f->ticks >= 3);
}

static void
act(struct conn *c, enum action action, const char *data, size_t len)
{
    struct atl_str part = {data, len};

    if (action == DO_ECHO)
        CHECK_INT(atl_stream_write(&c->s, &part, 1), 0);
    else if (action == DO_CLOSE)
        atl_stream_close(&c->s);
    else if (action == DO_RESET)
        atl_stream_reset(&c->s);
}

static void
on_buffer(struct atl_stream *s, char **data_out, size_t *size_out)
{
    struct conn *c = ATL_OWNER(s, struct conn, s);

    CHECK(!c->is_lent);
    CHECK(!s->closing);
    c->is_lent = true;
    *data_out = c->lent;
    *size_out = c->lent_size;
}

static void
on_read(struct atl_stream *s, ssize_t n)
{
    struct conn *c = ATL_OWNER(s, struct conn, s);

    CHECK(c->is_lent || n < 0);
    CHECK(!s->closing);
    CHECK(s->reading == (n >= 0));
    c->is_lent = false;
    c->reads++;
    c->empty_reads += n == 0;
    c->last_read = n;
    if (n > 0) {
        CHECK(c->in_len + (size_t)n <= sizeof(c->in));
        memcpy(c->in + c->in_len, c->lent, (size_t)n);
        c->in_len += (size_t)n;
        act(c, c->on_data, c->lent, (size_t)n);
    }
}

static void
on_drain(struct atl_stream *s, int status)
{
    struct conn *c = ATL_OWNER(s, struct conn, s);

    CHECK(!s->closing);
    c->drains++;
    c->drain_status = status;
    act(c, c->on_drained, "", 0);
}

static void
on_close(struct atl_stream *s)
{
    struct conn *c = ATL_OWNER(s, struct conn, s);

    c->closes++;
    memset(s, 0xa5, sizeof(*s)); /* the owner may free it: nobody looks again */
    s->closing = true;           /* but for tear_down() */
}

static const struct atl_stream_ops ops = {on_buffer, on_read, on_drain,
                                          on_close};

static void
on_tick(uv_timer_t *ticker)
{
    struct fixture *f = ATL_OWNER(ticker, struct fixture, ticker);

    f->ticks++;
}

/* Two connected sockets. */
static void
connect_pair(int family, int fds[2])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *addr =
        family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
    int server;

    if (family == AF_UNIX) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        return;
    }
    CHECK((server = socket(family, SOCK_STREAM, 0)) >= 0);
    CHECK_INT(bind(server, addr, len), 0);
    CHECK_INT(listen(server, 1), 0);
    CHECK_INT(getsockname(server, addr, &len), 0);
    CHECK((fds[1] = socket(family, SOCK_STREAM, 0)) >= 0);
    CHECK_INT(connect(fds[1], addr, len), 0);
    CHECK((fds[0] = accept(server, NULL, NULL)) >= 0);
    close(server);
}

static void
set_up(struct fixture *f, int family)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN);
    memset(f, 0, sizeof(*f));
    CHECK_INT(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->ticker);
    uv_timer_start(&f->ticker, on_tick, TICK_MS, TICK_MS);
    connect_pair(family, fds);
    f->peer = fds[1];
    f->conn.lent_size = sizeof(f->conn.lent);
    atl_stream_init(&f->conn.s, &f->loop, family == AF_UNIX, &ops);
    if (family == AF_UNIX)
        CHECK_INT(uv_pipe_open(&f->conn.s.uv.pipe, fds[0]), 0);
    else
        CHECK_INT(uv_tcp_open(&f->conn.s.uv.tcp, fds[0]), 0);
}

static void
tear_down(struct fixture *f)
{
    atl_stream_close(&f->conn.s);
    uv_close((uv_handle_t *)&f->ticker, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CHECK_INT(f->conn.closes, 1);
    CHECK_INT(uv_loop_close(&f->loop), 0);
    if (f->peer >= 0)
        close(f->peer);
}

/*
 * A test of `f->conn.s`, a stream of that family, and its peer `f->peer`;
 * TEST_ALL() runs it over TCP with IPv4 and IPv6, and over a unix socket.
 */
#define TEST_FAMILIES(name, ...)                                       \
    static void run_##name(struct fixture *f);                         \
    TEST(name)                                                         \
    {                                                                  \
        const int families[] = {__VA_ARGS__};                          \
        struct fixture f;                                              \
        size_t i;                                                      \
                                                                       \
        for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) { \
            set_up(&f, families[i]);                                   \
            run_##name(&f);                                            \
            tear_down(&f);                                             \
        }                                                              \
    }                                                                  \
    static void run_##name(struct fixture *f)
#define TEST_TCP(name) TEST_FAMILIES(name, AF_INET)
#define TEST_UNIX(name) TEST_FAMILIES(name, AF_UNIX)
#define TEST_ALL(name) TEST_FAMILIES(name, AF_INET, AF_INET6, AF_UNIX)

/* The peer reads all that is there now; UV_EOF at the end, or -errno. */
static ssize_t
peer_read(struct fixture *f, char *data, size_t size)
{
    ssize_t n = recv(f->peer, data, size, MSG_DONTWAIT);

    return n > 0 ? n : n == 0 ? UV_EOF : -errno;
}

static void
peer_send(struct fixture *f, const char *text)
{
    ssize_t len = (ssize_t)strlen(text);

    CHECK_INT(send(f->peer, text, (size_t)len, 0), len);
}

/* The peer's end: its next read gives `want`. */
static void
peer_gets_end(struct fixture *f, int want)
{
    struct pollfd poll_fd = {.fd = f->peer, .events = POLLIN};
    char byte;

    TURN_UNTIL(f, poll(&poll_fd, 1, 0) == 1);
    CHECK_INT(peer_read(f, &byte, 1), want);
}

/* The peer closes so that we get a RST. */
static void
peer_reset(struct fixture *f)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(f->peer);
    f->peer = -1;
}

/* BIG bytes that tell where they stand. */
static struct atl_str
big(void)
{
    static char data[BIG];
    size_t i;

    if (data[1] == 0)
        for (i = 0; i < BIG; i++)
            data[i] = (char)(i % 251);
    return (struct atl_str){data, BIG};
}

/* The peer reads as many bytes as big() has, and they are the same. */
static void
peer_takes_big(struct fixture *f)
{
    static char data[1 << 16];
    size_t got = 0;
    ssize_t n;

    while (got < BIG) {
        TURN_UNTIL(f, (n = peer_read(f, data, sizeof(data))) != -EAGAIN);
        CHECK(n > 0 && got + (size_t)n <= BIG);
        CHECK(memcmp(data, big().ptr + got, (size_t)n) == 0);
        got += (size_t)n;
    }
}

/* Write from big() what the kernel takes; what is left. */
static struct atl_str
fill(struct fixture *f)
{
    struct atl_str rest = big();
    ssize_t n;

    do {
        n = atl_stream_try_write(&f->conn.s, &rest, 1);
        CHECK(n >= 0);
        rest.ptr += n;
        rest.len -= (size_t)n;
    } while (n > 0);
    CHECK(rest.len > 0);
    return rest;
}

TEST_ALL(stream_echoes)
{
    char back[64];

    f->conn.on_data = DO_ECHO;
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_send(f, "hello");
    TURN_UNTIL(f, f->conn.drains == 1);
    CHECK_INT(peer_read(f, back, sizeof(back)), 5);
    CHECK_MEM(back, 5, "hello");
    CHECK_MEM(f->conn.in, f->conn.in_len, "hello");
    CHECK_INT(f->conn.drain_status, 0);
}

TEST_TCP(each_lent_buffer_comes_back_even_when_nothing_was_read)
{
    f->conn.lent_size = 8;
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_send(f, "12345678"); /* a full buffer makes libuv read again */
    TURN_UNTIL(f, f->conn.reads == 2);
    CHECK_MEM(f->conn.in, f->conn.in_len, "12345678");
    CHECK_INT(f->conn.empty_reads, 1);
    CHECK(!f->conn.is_lent);
}

TEST_TCP(no_read_comes_while_reading_is_stopped)
{
    atl_stream_read_stop(&f->conn.s);
    peer_send(f, "abc");
    settle(f);
    CHECK_INT(f->conn.reads, 0);
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    TURN_UNTIL(f, f->conn.in_len == 3);
    atl_stream_read_stop(&f->conn.s);
    atl_stream_read_stop(&f->conn.s);
    peer_send(f, "def");
    settle(f);
    CHECK_MEM(f->conn.in, f->conn.in_len, "abc");
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    TURN_UNTIL(f, f->conn.in_len == 6);
    CHECK_MEM(f->conn.in, f->conn.in_len, "abcdef");
}

TEST_ALL(peer_that_finished_sending_can_still_be_answered)
{
    char back[64];

    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_send(f, "last");
    shutdown(f->peer, SHUT_WR);
    TURN_UNTIL(f, f->conn.last_read == UV_EOF);
    CHECK_MEM(f->conn.in, f->conn.in_len, "last");
    CHECK(!f->conn.s.reading);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("bye"), 1), 3);
    CHECK_INT(peer_read(f, back, sizeof(back)), 3);
    CHECK_MEM(back, 3, "bye");
    settle(f);
    CHECK_INT(f->conn.reads, 2); /* the data and one end */
}

TEST_TCP(shutdown_sends_fin_and_reading_goes_on)
{
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    atl_stream_shutdown(&f->conn.s);
    atl_stream_shutdown(&f->conn.s);
    peer_gets_end(f, UV_EOF);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("x"), 1), UV_EPIPE);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("x"), 1), UV_EPIPE);
    peer_send(f, "more");
    TURN_UNTIL(f, f->conn.in_len == 4);
    CHECK_INT(f->conn.drains, 0);
}

TEST_TCP(shutdown_waits_for_what_is_queued)
{
    struct atl_str part = big();

    CHECK_INT(atl_stream_write(&f->conn.s, &part, 1), 0);
    CHECK(atl_stream_queued(&f->conn.s) > 0);
    atl_stream_shutdown(&f->conn.s);
    peer_takes_big(f);
    peer_gets_end(f, UV_EOF);
    CHECK_INT(f->conn.drains, 1);
    CHECK_INT(f->conn.drain_status, 0);
}

TEST_TCP(reset_is_seen_by_the_peer)
{
    atl_stream_reset(&f->conn.s);
    atl_stream_reset(&f->conn.s);
    peer_gets_end(f, UV_ECONNRESET);
}

TEST_TCP(reset_works_while_a_shutdown_is_pending)
{
    struct atl_str part = big();
    char data[4096];

    CHECK_INT(atl_stream_write(&f->conn.s, &part, 1), 0);
    atl_stream_shutdown(&f->conn.s);
    atl_stream_reset(&f->conn.s);
    TURN_UNTIL(f, peer_read(f, data, sizeof(data)) == UV_ECONNRESET);
}

TEST_TCP(reset_works_after_the_fin)
{
    atl_stream_shutdown(&f->conn.s);
    peer_gets_end(f, UV_EOF);
    atl_stream_reset(&f->conn.s);
    settle(f);
    CHECK_INT(send(f->peer, "x", 1, 0), -1);
}

TEST_UNIX(reset_of_a_unix_stream_closes_it)
{
    atl_stream_reset(&f->conn.s);
    peer_gets_end(f, UV_EOF);
}

TEST_TCP(reset_by_the_peer_ends_reading_and_writing)
{
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_reset(f);
    TURN_UNTIL(f, f->conn.reads > 0);
    CHECK_INT(f->conn.last_read, UV_ECONNRESET);
    CHECK(!f->conn.s.reading);
    CHECK_INT(atl_stream_read_start(&f->conn.s), UV_ENOTCONN);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("x"), 1), UV_EPIPE);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("x"), 1), UV_EPIPE);
    settle(f);
    CHECK_INT(f->conn.reads, 1);
    CHECK_INT(f->conn.drains, 0);
}

TEST_ALL(peer_that_does_not_read_makes_writes_queue)
{
    struct atl_str rest = fill(f);
    struct atl_str parts[2] = {{rest.ptr, 1000},
                               {rest.ptr + 1000, rest.len - 1000}};

    CHECK_INT(atl_stream_queued(&f->conn.s), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, parts, 2), 0);
    CHECK(atl_stream_queued(&f->conn.s) > 0);
    CHECK(atl_stream_queued(&f->conn.s) <= rest.len);
    settle(f);
    CHECK_INT(f->conn.drains, 0);
    CHECK(atl_stream_queued(&f->conn.s) > 0);
}

TEST_ALL(queue_is_a_copy_and_drains_once_when_the_peer_reads_again)
{
    struct atl_str rest = fill(f);
    char *copy = atl_strndup(rest.ptr, rest.len);
    struct atl_str parts[2] = {{copy, 5}, {copy + 5, rest.len - 5}};

    CHECK_INT(atl_stream_write(&f->conn.s, &parts[0], 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &parts[1], 1), 0);
    atl_free(copy);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("x"), 1), 0);
    peer_takes_big(f);
    TURN_UNTIL(f, f->conn.drains > 0);
    settle(f);
    CHECK_INT(f->conn.drains, 1);
    CHECK_INT(f->conn.drain_status, 0);
    CHECK_INT(atl_stream_queued(&f->conn.s), 0);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("x"), 1), 1);
}

TEST_TCP(writes_of_one_turn_drain_once_and_not_before_they_return)
{
    char back[64];
    struct atl_str parts[] = {ATL_STR("b"), {NULL, 0}, ATL_STR("c")};

    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("a"), 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, parts, 3), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, NULL, 0), 0);
    CHECK_INT(f->conn.drains, 0);
    settle(f);
    CHECK_INT(f->conn.drains, 1);
    CHECK_INT(peer_read(f, back, sizeof(back)), 3);
    CHECK_MEM(back, 3, "abc");
    CHECK_INT(atl_stream_write(&f->conn.s, NULL, 0), 0);
    TURN_UNTIL(f, f->conn.drains == 2);
}

TEST_TCP(try_write_gathers_its_parts_as_far_as_writev_goes)
{
    struct atl_str parts[1500];
    char back[2000];
    size_t i;

    for (i = 0; i < 1500; i++)
        parts[i] = ATL_STR("x");
    CHECK_INT(atl_stream_try_write(&f->conn.s, NULL, 0), 0);
    CHECK_INT(atl_stream_try_write(&f->conn.s, parts, 1500), 1024);
    CHECK_INT(peer_read(f, back, sizeof(back)), 1024);
}

TEST_TCP(failed_write_is_told_once_and_ends_writing)
{
    struct atl_str part = big();

    CHECK_INT(atl_stream_write(&f->conn.s, &part, 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("more"), 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("and more"), 1), 0);
    peer_reset(f);
    TURN_UNTIL(f, f->conn.drains > 0);
    CHECK(f->conn.drain_status == UV_ECONNRESET ||
          f->conn.drain_status == UV_EPIPE);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("x"), 1), UV_EPIPE);
    settle(f);
    CHECK_INT(f->conn.drains, 1);
}

TEST_TCP(close_with_queued_writes_calls_only_on_close)
{
    struct atl_str part = big();

    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("done"), 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &part, 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("behind"), 1), 0);
    atl_stream_shutdown(&f->conn.s);
    peer_send(f, "unread");
    atl_stream_close(&f->conn.s);
    atl_stream_close(&f->conn.s);
    CHECK_INT(f->conn.closes, 0);
    TURN_UNTIL(f, f->conn.closes == 1);
    settle(f);
    CHECK_INT(f->conn.reads, 0);
    CHECK_INT(f->conn.drains, 0);
    CHECK_INT(f->conn.closes, 1);
}

TEST_TCP(calls_after_close_fail_or_do_nothing)
{
    char host[46];
    int port;

    atl_stream_close(&f->conn.s);
    CHECK_INT(atl_stream_read_start(&f->conn.s), ATL_E_CLOSED);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("x"), 1), ATL_E_CLOSED);
    CHECK_INT(atl_stream_try_write(&f->conn.s, &ATL_STR("x"), 1), ATL_E_CLOSED);
    CHECK(atl_stream_peer(&f->conn.s, host, sizeof(host), &port) < 0);
    CHECK_STR(host, "");
    atl_stream_read_stop(&f->conn.s);
    atl_stream_shutdown(&f->conn.s);
    atl_stream_reset(&f->conn.s);
    peer_gets_end(f, UV_EOF);
}

TEST_TCP(stream_may_be_closed_in_on_read)
{
    f->conn.lent_size = 1; /* libuv would go on reading */
    f->conn.on_data = DO_CLOSE;
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_send(f, "abc");
    TURN_UNTIL(f, f->conn.closes == 1);
    CHECK_INT(f->conn.reads, 1);
}

TEST_TCP(stream_may_be_reset_in_on_read)
{
    f->conn.on_data = DO_RESET;
    CHECK_INT(atl_stream_read_start(&f->conn.s), 0);
    peer_send(f, "abc");
    TURN_UNTIL(f, f->conn.closes == 1);
    peer_gets_end(f, UV_ECONNRESET);
}

TEST_TCP(stream_may_be_closed_in_on_drain)
{
    f->conn.on_drained = DO_CLOSE;
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("a"), 1), 0);
    CHECK_INT(atl_stream_write(&f->conn.s, &ATL_STR("b"), 1), 0);
    atl_stream_shutdown(&f->conn.s);
    TURN_UNTIL(f, f->conn.closes == 1);
    CHECK_INT(f->conn.drains, 1);
}
