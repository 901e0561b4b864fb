/* log_writer.c - a ring, a thread, a file.  See log_writer.h.
 * SPDX-License-Identifier: MIT
 *
 * Who owns the output (`owner`) reads the ring and writes: the thread, for one
 * step at a time, or whoever flushes.  Everything that a flush calls is safe
 * in a signal handler.
 */
#include "base/log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log_fatal.h"
#include "base/log_file.h"
#include "base/rest.h"
#include "base/ring.h"

#define BATCH 65536     /* most bytes for one write(2) to a file */
#define SHORTEST_MS 1   /* between two looks at the ring; doubled up to */
#define LONGEST_MS 32   /* this, and then the thread sleeps for good */
#define BLOCKED_MS 1000 /* between two looks at a reader that is stalled */
#define RETRY_MS 1000   /* between two tries on a full disk */
#define EXIT_MS 5000    /* for a reader that stalls at the process's end */
#define OWNER_US 100    /* between two tries to become the owner */
#define FULL_US 200     /* between two tries to push, if that waits */

_Static_assert(BATCH >= ATL_LOG_LINE_MAX, "a batch holds any line");

enum rest {
    AWAKE = ATL_AWAKE,
    DOZING,   /* a ring that is half full wakes the thread */
    RETRYING, /* only reopening does */
    ASLEEP,   /* a line does */
};

enum result {
    IDLE,     /* there is nothing to do */
    PROGRESS, /* bytes went out, or were given up */
    BLOCKED,  /* the reader takes nothing */
    FAILED,   /* it can't be written to now */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by owner */
static struct {
    struct atl_ring ring;
    atomic_bool opened;  /* lines are meant to go through the ring */
    atomic_bool running; /* and there is a thread for them */
    atomic_bool block;
    atomic_bool reopens; /* somebody wants the file opened anew */
    atomic_int format;
    atomic_int owner;     /* thread id; 0: nobody */
    struct atl_rest rest; /* enum rest */
    atomic_ullong dropped;
    atomic_ullong unreported; /* of the dropped */
    atomic_ullong moved;      /* bytes written or given up: that it goes on */
    size_t ring_size;
    pthread_mutex_t starting;
    bool prepared;
    /* The owner's: */
    atomic_int fd; /* others may poll it */
    char *path;    /* owned; NULL: the stream was not opened by us */
    size_t piece;  /* most bytes that one write(2) may take */
    size_t at;     /* of the batch, written already */
    size_t len;
    atomic_bool complained;
} w = {
    .starting = PTHREAD_MUTEX_INITIALIZER,
    .fd = STDERR_FILENO,
    .piece = PIPE_BUF,
};
static char batch[BATCH];          /* the owner's, too; apart, since */
static struct atl_log_line report; /* `w` isn't all zeroes at first */

/* --- waiting --- */

static uint64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
doze(enum rest how, unsigned ms)
{
    atl_rest_say(&w.rest, how);
    atl_rest_wait(&w.rest, how, ms);
}

static bool
has_work(void)
{
    return atl_ring_used(&w.ring) > 0 || atomic_load(&w.unreported) > 0 ||
           atomic_load(&w.reopens);
}

/*
 * Longer each time.  Before it sleeps for good the thread says so and looks
 * once more: a producer looks at `rest` after it has taken its room, so that
 * one of the two sees the other.
 */
static void
have_a_rest(unsigned *ms)
{
    if (*ms <= LONGEST_MS) {
        doze(DOZING, *ms);
        *ms *= 2;
        return;
    }
    *ms = SHORTEST_MS;
    atl_rest_say(&w.rest, ASLEEP);
    if (has_work())
        atl_rest_say(&w.rest, AWAKE);
    else
        atl_rest_wait(&w.rest, ASLEEP, 0);
}

/* --- owning the output --- */

/* A signal handler in the owner's own thread may go on where that was. */
static bool
try_own(void)
{
    int self = (int)syscall(SYS_gettid), nobody = 0;

    return atomic_compare_exchange_strong(&w.owner, &nobody, self) ||
           nobody == self;
}

static void
disown(void)
{
    atomic_store(&w.owner, 0);
}

static void
own(void)
{
    while (!try_own())
        atl_rest_us(OWNER_US);
}

/* --- the file --- */

static void
use_fd(int fd, bool is_ours, char *path)
{
    struct stat st;
    int before = w.path != NULL ? w.fd : -1;

    w.fd = fd;
    w.path = is_ours ? path : NULL;
    w.piece = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? BATCH : PIPE_BUF;
    w.complained = false;
    if (before >= 0)
        close(before);
}

/* Add a line of our own to the batch, which is empty. */
static void
add_line(enum atl_log_level level, const char *text, uint64_t count)
{
    struct atl_log_line *l = &report;

    atl_log_line_begin(l, atl_log_writer_format(), level,
                       ATL_STR("atlas.logging"), 0);
    atl_log_line_message(l, atl_str_from(text));
    if (count > 0 && atl_log_line_key(l, ATL_STR("dropped")))
        atl_log_line_int(l, (int64_t)count);
    if (count == 0 && atl_log_line_key(l, ATL_STR("file")))
        atl_log_line_str(l, atl_str_from(w.path));
    atl_log_line_end(l);
    memcpy(batch + w.len, l->data, l->len);
    w.len += l->len;
}

/* The batch is empty, or the file could not take what is left of it. */
static void
reopen(void)
{
    int fd;

    if (w.path == NULL)
        return;
    if ((fd = atl_log_file_open(w.path)) >= 0) {
        use_fd(fd, true, w.path);
        while (w.at > 0 && batch[w.at - 1] != '\n')
            w.at--; /* a line that is whole there */
    } else if (w.len == 0) {
        add_line(ATL_LOG_ERROR, "the log file cannot be opened again", 0);
    } else {
        atomic_store(&w.reopens, true); /* with the next try to write */
    }
}

/* On standard error, once until it works again. */
static void
complain(int err)
{
    const char *text = atl_err_text(-err);
    struct iovec parts[] = {
        {(char *)"atlas: cannot write the log: ", 29},
        {(char *)text, strlen(text)},
        {(char *)"\n", 1},
    };

    if (!w.complained && w.fd != STDERR_FILENO)
        (void)!writev(STDERR_FILENO, parts, 3);
    w.complained = true;
}

/* --- one step of the owner --- */

static void
fill(void)
{
    size_t len, most = w.piece;
    unsigned long long count;

    while ((len = atl_ring_next(&w.ring)) > 0) {
        if (w.len > 0 && w.len + len > most)
            return;
        atl_ring_pop(&w.ring, batch + w.len);
        w.len += len;
    }
    /* Nobody may ever log again, and so report. */
    if (w.len == 0 && atl_ring_used(&w.ring) == 0 &&
        (count = atomic_exchange(&w.unreported, 0)) > 0)
        add_line(ATL_LOG_WARN, "log lines dropped", count);
}

/* What is left of the batch will never be written. */
static void
give_up_batch(void)
{
    size_t i;
    unsigned lines = 0;

    for (i = w.at; i < w.len; i++)
        if (batch[i] == '\n' && (i + 1 == w.len || batch[i + 1] != ' '))
            lines++; /* what begins with a blank is a trace's */
    atomic_fetch_add(&w.dropped, lines);
    atomic_fetch_add(&w.moved, w.len - w.at);
    w.at = w.len;
}

static enum result
on_write_error(int err)
{
    if (err == EINTR)
        return PROGRESS;
    if (err == EAGAIN)
        return BLOCKED;
    complain(err);
    if (err == ENOSPC || err == EDQUOT || err == EFBIG || err == EIO)
        return FAILED; /* there may be room again */
    give_up_batch();
    return PROGRESS;
}

static bool
wait_writable(unsigned ms)
{
    struct pollfd p = {.fd = w.fd, .events = POLLOUT};

    return poll(&p, 1, (int)ms) != 0;
}

static enum result
step(void)
{
    size_t left;
    ssize_t n;

    if (w.at == w.len)
        w.at = w.len = 0;
    /* Even before a full disk has room: perhaps it is full of this file. */
    if ((w.len == 0 || w.complained) && atomic_exchange(&w.reopens, false))
        reopen();
    if (w.len == 0)
        fill();
    left = w.len - w.at;
    if (left == 0)
        return IDLE;
    /* The stream is shared with other processes, so it can't be made
     * non-blocking; but a pipe that is writable takes PIPE_BUF bytes. */
    if (!wait_writable(0))
        return BLOCKED;
    n = write(w.fd, batch + w.at, left < w.piece ? left : w.piece);
    if (n < 0)
        return on_write_error(errno);
    w.at += (size_t)n;
    w.complained = false;
    atomic_fetch_add(&w.moved, (unsigned long long)n);
    return PROGRESS;
}

/* --- the thread --- */

static void *
run(void *unused)
{
    unsigned ms = SHORTEST_MS;
    enum result result;

    (void)unused;
    for (;;) {
        own();
        result = step();
        disown();
        if (result == PROGRESS)
            ms = SHORTEST_MS;
        else if (result == IDLE)
            have_a_rest(&ms);
        else if (result == BLOCKED)
            (void)wait_writable(BLOCKED_MS);
        else
            doze(RETRYING, RETRY_MS);
    }
    return NULL;
}

/* No signal handler runs in the thread: it may own the output. */
static bool
start_thread(void)
{
    pthread_t thread;
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0)
        return false;
    pthread_setname_np(thread, "atlas-log");
    pthread_detach(thread);
    return true;
}

/* The first line: make the ring and the thread. */
static bool
start(void)
{
    bool ok;

    pthread_mutex_lock(&w.starting);
    ok = atomic_load(&w.running);
    if (!ok) {
        atl_ring_init(&w.ring, w.ring_size);
        ok = start_thread();
        if (ok)
            atomic_store(&w.running, true);
        else
            atl_ring_deinit(&w.ring);
    }
    pthread_mutex_unlock(&w.starting);
    return ok;
}

/* --- producers --- */

enum atl_log_format
atl_log_writer_format(void)
{
    return (enum atl_log_format)atomic_load_explicit(&w.format,
                                                     memory_order_relaxed);
}

uint64_t
atl_log_writer_dropped(void)
{
    return atomic_load_explicit(&w.dropped, memory_order_relaxed);
}

/* Without a ring: in the caller's time. */
static void
write_now(const char *line, size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = write(w.fd, line, len);
        if (n < 0 && errno == EAGAIN) {
            (void)wait_writable(BLOCKED_MS);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* there is nobody left to tell */
        line += n;
        len -= (size_t)n;
    }
}

/*
 * Lines are missing: say so before the first one that gets in again.  That is
 * not before a quarter of the ring is free, or a reader that is only slow
 * would get as many reports as lines.
 */
static bool
push_report(void)
{
    struct atl_log_line l;
    unsigned long long count;

    if (atl_ring_used(&w.ring) > w.ring.size / 4 * 3)
        return false;
    if ((count = atomic_exchange(&w.unreported, 0)) == 0)
        return true;
    atl_log_line_begin(&l, atl_log_writer_format(), ATL_LOG_WARN,
                       ATL_STR("atlas.logging"), 0);
    atl_log_line_message(&l, ATL_STR("log lines dropped"));
    if (atl_log_line_key(&l, ATL_STR("dropped")))
        atl_log_line_int(&l, (int64_t)count);
    atl_log_line_end(&l);
    if (atl_ring_push(&w.ring, l.data, l.len))
        return true;
    atomic_fetch_add(&w.unreported, count);
    return false;
}

static bool
push(const char *line, size_t len)
{
    if (atomic_load_explicit(&w.unreported, memory_order_relaxed) > 0 &&
        !push_report())
        return false;
    return atl_ring_push(&w.ring, line, len);
}

/* A line is there, or there is no room for one: is the thread to know? */
static void
nudge(bool is_full)
{
    uint32_t rest = atl_rest_how(&w.rest);

    if (rest == ASLEEP ||
        (rest == DOZING &&
         (is_full || atl_ring_used(&w.ring) > w.ring.size / 2)))
        atl_rest_wake(&w.rest);
}

void
atl_log_writer_put(const char *line, size_t len)
{
    if (!atomic_load_explicit(&w.running, memory_order_acquire) &&
        (!atomic_load(&w.opened) || !start())) {
        write_now(line, len);
        return;
    }
    while (!push(line, len)) {
        nudge(true);
        if (!atomic_load_explicit(&w.block, memory_order_relaxed)) {
            atomic_fetch_add(&w.dropped, 1);
            atomic_fetch_add(&w.unreported, 1);
            return;
        }
        atl_rest_us(FULL_US);
    }
    nudge(false);
}

void
atl_log_writer_reopen(void)
{
    atomic_store(&w.reopens, true);
    if (atomic_load(&w.running))
        atl_rest_wake(&w.rest);
}

/* --- the end --- */

bool
atl_log_writer_flush(unsigned patience_ms)
{
    uint64_t until = now_ms() + patience_ms;
    unsigned long long moved = atomic_load(&w.moved), seen;
    enum result result;

    if (!atomic_load(&w.running))
        return true;
    for (;;) {
        if ((seen = atomic_load(&w.moved)) != moved)
            until = now_ms() + patience_ms; /* it goes on */
        moved = seen;
        result = BLOCKED;
        if (try_own()) {
            result = step();
            disown();
            if (result == BLOCKED)
                (void)wait_writable(10);
        }
        if (result == FAILED)
            return false;
        if (result == IDLE && atl_ring_used(&w.ring) == 0)
            return true;
        if (result != PROGRESS && now_ms() >= until)
            return false;
        if (result != PROGRESS)
            atl_rest_us(OWNER_US);
    }
}

static void
on_exit_flush(void)
{
    static const char text[] = "atlas: the end of the log is lost: its reader "
                               "takes nothing\n";

    if (!atl_log_writer_flush(EXIT_MS) && !w.complained)
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

/* The ring's lines are the parent's, and its thread is not here. */
static void
on_fork(void)
{
    atomic_store(&w.opened, false);
    atomic_store(&w.running, false);
    atomic_store(&w.owner, 0);
}

/* --- opening --- */

static void
prepare(void)
{
    if (w.prepared)
        return;
    w.prepared = true;
    atexit(on_exit_flush);
    pthread_atfork(NULL, NULL, on_fork);
    atl_log_fatal_catch();
}

int
atl_log_writer_open(const struct atl_log_options *o)
{
    bool is_file = o->file != NULL && o->file[0] != '\0';
    size_t size = o->ring_size > 0 ? o->ring_size : ATL_LOG_RING_SIZE;
    char *path, *old;
    int fd = o->stream;

    if (atomic_load(&w.running) && o->ring_size > 0 && size != w.ring_size)
        return ATL_E_STATE;
    if (is_file && (fd = atl_log_file_open(o->file)) < 0)
        return fd;
    (void)atl_log_writer_flush(EXIT_MS); /* what was said goes where it was */
    path = is_file ? atl_log_file_absolute(o->file) : NULL;
    own();
    old = w.path;
    use_fd(fd, is_file, path);
    disown();
    atl_free(old);
    if (!atomic_load(&w.running))
        w.ring_size = size;
    atomic_store(&w.block, o->block);
    atomic_store(&w.format,
                 o->format == ATL_LOG_TEXT && atl_log_file_wants_colour(fd)
                     ? ATL_LOG_COLOUR
                     : o->format);
    prepare();
    atomic_store(&w.opened, true);
    return 0;
}
