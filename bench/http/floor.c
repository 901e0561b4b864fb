/* floor.c - the least that answering HTTP costs: epoll and canned bytes.
 * SPDX-License-Identifier: MIT
 *
 * Usage: floor PORT
 * One thread on 127.0.0.1.  Requests are told apart by their blank line and
 * not parsed any further, which is why this is no server: a body, or a head
 * of more than IN_SIZE bytes, is beyond it.  Any target is answered with
 * "Hello, World!", one that begins with /file with FILE_SIZE bytes.
 *
 * Laws:
 * 1. A connection that has output left waits for EPOLLOUT and reads nothing.
 * 2. A canned answer never changes its length, so that output which points
 *    into one stays valid when the date in it is written anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_SIZE 4096
#define MAX_BATCH (IN_SIZE / 4) /* of heads that are nothing but CRLF CRLF */
#define MAX_EVENTS 256
#define BACKLOG 4096
#define FILE_SIZE 102400

struct conn {
    int fd;
    bool closing;    /* once `out` is sent */
    bool blocked;    /* watched for EPOLLOUT instead of EPOLLIN */
    const char *out; /* lent: one of the answers below */
    size_t out_left;
    size_t have; /* bytes of an unfinished head at the start of `in` */
    char in[IN_SIZE];
};

/* What the requests of one read ask for. */
struct batch {
    size_t requests;
    size_t used; /* bytes that they take */
    bool file;
    bool close;
};

static char hello[MAX_BATCH * 128]; /* as often as one read may ask for it */
static size_t hello_len;            /* of one */
static char goodbye[160];
static size_t goodbye_len;
static char file[FILE_SIZE + 160];
static size_t file_len;
static int epoll;

static void
format_date(time_t now, char *out, size_t size)
{
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(out, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void
write_hello(time_t now)
{
    char date[40];
    size_t i;

    format_date(now, date, sizeof(date));
    hello_len = (size_t)snprintf(hello, sizeof(hello),
                                 "HTTP/1.1 200 OK\r\n"
                                 "content-type: text/plain\r\n"
                                 "date: %s\r\n"
                                 "content-length: 13\r\n\r\nHello, World!",
                                 date);
    for (i = 1; i < MAX_BATCH; i++)
        memcpy(hello + i * hello_len, hello, hello_len);
    goodbye_len = (size_t)snprintf(goodbye, sizeof(goodbye),
                                   "HTTP/1.1 200 OK\r\n"
                                   "content-type: text/plain\r\n"
                                   "date: %s\r\n"
                                   "connection: close\r\n"
                                   "content-length: 13\r\n\r\nHello, World!",
                                   date);
}

/* Its date stays that of the start: it is too long to be written anew. */
static void
write_file(void)
{
    char date[40];
    int head;

    format_date(time(NULL), date, sizeof(date));
    head = snprintf(file, sizeof(file),
                    "HTTP/1.1 200 OK\r\n"
                    "content-type: application/octet-stream\r\n"
                    "date: %s\r\n"
                    "content-length: %d\r\n\r\n",
                    date, FILE_SIZE);
    memset(file + head, 'x', FILE_SIZE);
    file_len = (size_t)head + FILE_SIZE;
}

/* Called once a round of the loop, for all answers of that round. */
static void
update_date(void)
{
    static time_t written;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != written) {
        written = now.tv_sec;
        write_hello(written);
    }
}

/* Is the first field or the last one "Connection: close"?  Load generators
 * put it there, and to look at every field would cost more than the rest. */
static bool
wants_close(const char *head, const char *end)
{
    static const char field[] = "Connection: close";
    size_t len = sizeof(field) - 1;
    const char *first = memchr(head, '\n', (size_t)(end - head));

    if ((size_t)(end - head) > len && memcmp(end - len, field, len) == 0)
        return true;
    return first != NULL && (size_t)(end - first) > len &&
           memcmp(first + 1, field, len) == 0;
}

static struct batch
scan(const char *in, size_t len)
{
    struct batch b = {0, 0, false, false};
    const char *head = in, *end;

    while ((end = memmem(head, len - b.used, "\r\n\r\n", 4)) != NULL) {
        if (end - head > 9) {
            b.file |= memcmp(head + 4, "/file", 5) == 0;
            b.close |= wants_close(head, end);
        }
        b.requests++;
        head = end + 4;
        b.used = (size_t)(head - in);
    }
    return b;
}

static void
drop(struct conn *c)
{
    close(c->fd); /* which takes it out of epoll's set too */
    free(c);
}

static void
watch(struct conn *c, bool blocked)
{
    struct epoll_event e = {blocked ? EPOLLOUT : EPOLLIN, {.ptr = c}};

    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
    c->blocked = blocked;
}

/* Send what is left; `c` is gone afterwards if that was all it lived for. */
static void
flush(struct conn *c)
{
    while (c->out_left > 0) {
        ssize_t n = send(c->fd, c->out, c->out_left, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno != EAGAIN)
                drop(c);
            else if (!c->blocked)
                watch(c, true);
            return;
        }
        c->out += n;
        c->out_left -= (size_t)n;
    }
    if (c->closing)
        drop(c);
    else if (c->blocked)
        watch(c, false);
}

static void
answer(struct conn *c, const struct batch *b)
{
    c->closing = b->close;
    if (b->file) {
        c->out = file;
        c->out_left = file_len;
    } else if (b->close) {
        c->out = goodbye;
        c->out_left = goodbye_len;
    } else {
        c->out = hello;
        c->out_left = hello_len * b->requests;
    }
    flush(c);
}

static void
on_readable(struct conn *c)
{
    /* A full buffer without a blank line asks for 0 bytes, and is dropped. */
    ssize_t n = recv(c->fd, c->in + c->have, IN_SIZE - c->have, 0);
    struct batch b;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(c);
        return;
    }
    c->have += (size_t)n;
    b = scan(c->in, c->have);
    if (b.requests == 0)
        return;
    c->have -= b.used;
    if (c->have > 0)
        memmove(c->in, c->in + b.used, c->have);
    answer(c, &b);
}

static void
on_connections(int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct conn *c = malloc(sizeof(*c));
        struct epoll_event e = {EPOLLIN, {.ptr = c}};

        if (c == NULL) {
            close(fd);
            return;
        }
        c->fd = fd;
        c->closing = c->blocked = false;
        c->out_left = c->have = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
}

static int
listen_on(unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, BACKLOG) != 0) {
        perror("floor: listen");
        exit(1);
    }
    return fd;
}

int
main(int argc, char **argv)
{
    struct epoll_event events[MAX_EVENTS], e = {EPOLLIN, {.ptr = NULL}};
    unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    int listener, i, n;

    if (port == 0 || port > 65535) {
        fprintf(stderr, "usage: floor PORT\n");
        return 2;
    }
    write_file();
    listener = listen_on((unsigned)port);
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        n = epoll_wait(epoll, events, MAX_EVENTS, -1);
        update_date();
        for (i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (c == NULL)
                on_connections(listener);
            else if (c->blocked)
                flush(c);
            else
                on_readable(c);
        }
    }
}
