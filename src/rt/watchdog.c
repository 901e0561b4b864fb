/* watchdog.c - a thread that tells what keeps the loop from polling.  See
 * watchdog.h.
 * SPDX-License-Identifier: MIT
 *
 * The signal is SIGURG: whoever doesn't know of it ignores it, so that one
 * that comes late is harmless, and hardly anybody else uses it.  It has
 * SA_RESTART, but what never restarts (nanosleep, poll) ends with EINTR, as
 * with any signal.
 */
#include "rt/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"

#define NS_PER_MS UINT64_C(1000000)
#define REPORT_NS (1000 * NS_PER_MS) /* at most one report in this time */
#define FINE_NS (2 * NS_PER_MS)      /* between looks at a block */
#define LOOKS 4                      /* within block_ms */
#define STACK_SIZE (256 << 10)
#define MAX_TEXT 768

enum state {
    WATCHING, /* nothing is late, or too much has been reported */
    ASKED,    /* the signal is on its way */
    REPORTED,
    SPARED, /* the block harms nobody */
};

struct atl_watchdog {
    struct atl_loop *loop;
    atl_describe_fn describe;
    pthread_t looped; /* the loop's thread */
    uv_thread_t thread;
    uint64_t block_ns, look_ns;

    uv_mutex_t lock;
    uv_cond_t changed;
    bool roused, stopping; /* under `lock` */
    _Atomic bool asleep;   /* only atl_watchdog_rouse() ends that */

    /* Between the thread, which asks, and the handler, which answers. */
    _Atomic uint64_t asked, answered; /* beats */
    char text[MAX_TEXT];              /* written before `answered` */
    size_t text_len;
    uint64_t request;   /* that the lines are about; 0: none */
    char *_Atomic told; /* NULL: nothing */

    /* The thread's own. */
    enum state state;
    uint64_t beat;       /* that the last look found */
    uint64_t first_ns;   /* when a look first found it */
    uint64_t last_ns;    /* of the last look */
    uint64_t late_ns;    /* how long it has stayed the same, as far as known */
    uint64_t next_ns;    /* no report before this */
    unsigned unreported; /* blocks since the last report */
    bool has_told;       /* a text has come for the block */
};

/* Whose loop runs on this thread: all that the handler can start from. */
static _Thread_local struct atl_watchdog *volatile mine;

/* --- on the loop's thread --- */

static void
on_signal(int number)
{
    struct atl_watchdog *w = mine;
    int saved_errno = errno;
    uint64_t asked;

    (void)number;
    if (w == NULL)
        return;
    asked = atomic_load(&w->asked);
    if (asked == atomic_load(&w->loop->beat) &&
        asked != atomic_load(&w->answered)) {
        w->request = 0;
        w->text_len =
            w->describe(w->loop, w->text, sizeof(w->text), &w->request);
        atomic_store(&w->answered, asked);
    }
    errno = saved_errno;
}

static void
rouse(struct atl_watchdog *w)
{
    uv_mutex_lock(&w->lock);
    w->roused = true;
    uv_cond_signal(&w->changed);
    uv_mutex_unlock(&w->lock);
}

void
atl_watchdog_rouse(struct atl_watchdog *w)
{
    if (atomic_load(&w->asleep) && atomic_exchange(&w->asleep, false))
        rouse(w);
}

void
atl_watchdog_tell(struct atl_loop *loop, char *text)
{
    struct atl_watchdog *w = loop->watchdog;

    if (w == NULL) {
        atl_free(text);
        return;
    }
    atl_free(atomic_exchange(&w->told, text));
    rouse(w);
}

/* --- the thread: what it writes --- */

static void
log_told(struct atl_watchdog *w)
{
    char *text = atomic_exchange(&w->told, NULL);

    if (text == NULL)
        return;
    if (w->state == REPORTED)
        atl_log_request(ATL_LOG_WARN, w->request, "%s", text);
    w->has_told = true;
    atl_free(text);
}

static void
log_begin(struct atl_watchdog *w)
{
    char more[64] = "";

    if (w->unreported > 0)
        snprintf(more, sizeof(more), " (and %u more time%s before)",
                 w->unreported, w->unreported == 1 ? "" : "s");
    atl_log_request(ATL_LOG_WARN, w->request,
                    "the loop is blocked for more than %u ms by %.*s%s",
                    (unsigned)(w->block_ns / NS_PER_MS), (int)w->text_len,
                    w->text, more);
    w->unreported = 0;
    w->next_ns = w->last_ns + REPORT_NS;
}

static void
log_end(struct atl_watchdog *w)
{
    log_told(w);
    atl_log_request(ATL_LOG_WARN, w->request,
                    "the loop was blocked for %u ms in all by %.*s%s",
                    (unsigned)((w->last_ns - w->first_ns) / NS_PER_MS),
                    (int)w->text_len, w->text,
                    w->has_told ? "" : ", in compiled code or C");
}

static void
log_unreported(struct atl_watchdog *w)
{
    if (w->unreported == 0)
        return;
    atl_log(ATL_LOG_WARN,
            "the loop was blocked %u more time%s for more than %u ms",
            w->unreported, w->unreported == 1 ? "" : "s",
            (unsigned)(w->block_ns / NS_PER_MS));
    w->unreported = 0;
    w->next_ns = w->last_ns + REPORT_NS;
}

/* --- the thread: what it sees --- */

/* Has the handler described the block? */
static void
take_answer(struct atl_watchdog *w)
{
    if (w->state != ASKED || atomic_load(&w->answered) != w->beat)
        return;
    w->state = w->text_len > 0 ? REPORTED : SPARED;
    if (w->state == REPORTED)
        log_begin(w);
}

/* The piece of work is over: was it a block? */
static void
end_block(struct atl_watchdog *w)
{
    take_answer(w);
    if (w->state == REPORTED)
        log_end(w);
    else if (w->state == WATCHING && w->late_ns >= w->block_ns)
        w->unreported++;
    atl_free(atomic_exchange(&w->told, NULL));
    w->state = WATCHING;
}

/* The same piece of work goes on. */
static void
go_on(struct atl_watchdog *w)
{
    if (w->state == WATCHING && w->late_ns >= w->block_ns &&
        w->last_ns >= w->next_ns) {
        w->state = ASKED;
        w->has_told = false;
        atomic_store(&w->asked, w->beat);
        pthread_kill(w->looped, SIGURG);
    }
    take_answer(w);
    if (w->state == REPORTED)
        log_told(w);
}

/* Returns true if the loop has waited for I/O since the last look. */
static bool
look(struct atl_watchdog *w)
{
    uint64_t beat = atomic_load(&w->loop->beat), now = uv_hrtime();
    uint64_t passed = now - w->last_ns;

    w->last_ns = now;
    if (beat != w->beat) {
        end_block(w);
        w->beat = beat;
        w->first_ns = now;
        w->late_ns = 0;
    } else if (beat & ATL_BEAT_POLL) {
        return true;
    } else {
        /* A look that comes late itself: the process was stopped. */
        w->late_ns += passed < 2 * w->look_ns ? passed : 2 * w->look_ns;
        go_on(w);
    }
    if (w->state == WATCHING && now >= w->next_ns)
        log_unreported(w);
    return false;
}

/* Wait until the next look, or with 0 until roused; false: it is the end. */
static bool
wait(struct atl_watchdog *w, uint64_t ns)
{
    bool stopping;

    uv_mutex_lock(&w->lock);
    if (!w->roused && !w->stopping && ns > 0)
        uv_cond_timedwait(&w->changed, &w->lock, ns);
    while (!w->roused && !w->stopping && ns == 0)
        uv_cond_wait(&w->changed, &w->lock);
    w->roused = false;
    stopping = w->stopping;
    uv_mutex_unlock(&w->lock);
    return !stopping;
}

/*
 * The loop is idle: sleep until it leaves its poll.  Both write before they
 * read, and in one order for all: either this sees the new beat, or the loop
 * sees `asleep`.
 */
static bool
sleep_on(struct atl_watchdog *w)
{
    bool goes_on = true;

    atomic_store(&w->asleep, true);
    if (atomic_load(&w->loop->beat) == w->beat)
        goes_on = wait(w, 0);
    atomic_store(&w->asleep, false);
    w->last_ns = uv_hrtime();
    return goes_on;
}

static void
watch(void *data)
{
    struct atl_watchdog *w = data;
    bool goes_on = true;

    while (goes_on) {
        if (look(w) && w->unreported == 0)
            goes_on = sleep_on(w);
        else
            goes_on =
                wait(w, w->state == ASKED || w->state == REPORTED ? FINE_NS
                                                                  : w->look_ns);
    }
    w->last_ns = uv_hrtime();
    end_block(w);
    log_unreported(w);
}

/* --- start and stop --- */

/* It inherits a mask in which everything is blocked. */
static int
start_thread(struct atl_watchdog *w)
{
    uv_thread_options_t options = {UV_THREAD_HAS_STACK_SIZE, STACK_SIZE};
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = uv_thread_create_ex(&w->thread, &options, watch, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

int
atl_watchdog_start(struct atl_loop *loop, unsigned block_ms,
                   atl_describe_fn describe)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct atl_watchdog *w = atl_calloc(1, sizeof(*w));
    int err;

    w->loop = loop;
    w->describe = describe;
    w->looped = pthread_self();
    w->block_ns = block_ms * NS_PER_MS;
    w->look_ns = w->block_ns / LOOKS;
    w->beat = atomic_load(&loop->beat);
    w->first_ns = w->last_ns = uv_hrtime();
    if ((err = uv_mutex_init(&w->lock)) != 0)
        goto fail_memory;
    if ((err = uv_cond_init(&w->changed)) != 0)
        goto fail_lock;
    sigemptyset(&action.sa_mask);
    sigaction(SIGURG, &action, NULL);
    mine = w;
    if ((err = start_thread(w)) != 0)
        goto fail_cond;
    loop->watchdog = w;
    return 0;
fail_cond:
    mine = NULL;
    uv_cond_destroy(&w->changed);
fail_lock:
    uv_mutex_destroy(&w->lock);
fail_memory:
    atl_free(w);
    return err;
}

void
atl_watchdog_stop(struct atl_loop *loop)
{
    struct atl_watchdog *w = loop->watchdog;

    if (w == NULL)
        return;
    uv_mutex_lock(&w->lock);
    w->stopping = true;
    uv_cond_signal(&w->changed);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    mine = NULL;
    loop->watchdog = NULL;
    uv_cond_destroy(&w->changed);
    uv_mutex_destroy(&w->lock);
    atl_free(atomic_exchange(&w->told, NULL));
    atl_free(w);
}
