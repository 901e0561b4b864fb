/* virtual.c - a clock of which a test has the say.  See virtual.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/virtual.h"

#include <stddef.h>

#define NEVER UINT64_MAX
#define NS_PER_S UINT64_C(1000000000)
#define FREE_READINGS 1000 /* of one time, until that goes on */
#define READING_NS 10000   /* by this much with each further one */

/* --- what can still happen --- */

/* What libuv has in hand; counted by its handles. */
struct in_hand {
    const void *alarm; /* the loop's own handle, which isn't counted */
    unsigned stuck;    /* requests of streams, which wait for their peers */
    const char *ends;  /* a handle whose event comes by itself, or NULL */
    bool listens;      /* a handle that waits for others */
};

/* The members of one of libuv's queues, which are rings of two pointers. */
static unsigned
count_queue(const void *const *head)
{
    const void *const *q = head[0];
    unsigned count = 0;

    for (; q != head; q = (const void *const *)q[0])
        count++;
    return count;
}

/* Requests of a stream that its peer may leave unanswered for ever. */
static unsigned
count_stuck(const uv_stream_t *s)
{
    return count_queue((const void *const *)s->write_queue) +
           count_queue((const void *const *)s->write_completed_queue) +
           (s->connect_req != NULL) + (s->shutdown_req != NULL);
}

static void
look_at(uv_handle_t *handle, void *data)
{
    struct in_hand *h = data;

    if (handle == h->alarm)
        return;
    switch (handle->type) {
    case UV_TCP:
    case UV_NAMED_PIPE:
    case UV_TTY:
        h->stuck += count_stuck((const uv_stream_t *)handle);
        break;
    case UV_PROCESS:
        if (uv_is_active(handle) && uv_has_ref(handle))
            h->ends = "a child process";
        return;
    case UV_TIMER:
        if (uv_is_active(handle) && uv_has_ref(handle) &&
            uv_timer_get_repeat((const uv_timer_t *)handle) == 0)
            h->ends = "a timer of libuv's";
        break;
    default:
        break;
    }
    if (uv_is_active(handle) && uv_has_ref(handle))
        h->listens = true;
}

static struct in_hand
look(const struct atl_loop *loop)
{
    struct in_hand h = {&loop->alarm.uv, 0, NULL, false};

    uv_walk((uv_loop_t *)&loop->uv, look_at, &h);
    if (loop->in_flight > 0)
        h.ends = "work on a thread";
    if (h.ends == NULL && loop->uv.active_reqs.count > h.stuck)
        h.ends = "a file, a name that is looked up, or work on a thread";
    h.listens |= h.stuck > 0;
    return h;
}

const char *
atl_virtual_held_by(const struct atl_loop *loop)
{
    return look(loop).ends;
}

/* --- the clock --- */

/* Law 4: each resume and each poll is a beat of the loop. */
static uint64_t
read_clock(struct atl_clock *clock)
{
    struct atl_virtual *v = (struct atl_virtual *)(void *)clock;
    uint64_t beat;

    if (!v->on)
        return uv_hrtime() + v->ahead_ns;
    beat = atomic_load_explicit(&v->loop->beat, memory_order_relaxed);
    if (beat != v->beat) {
        v->beat = beat;
        v->readings = 0;
    } else if (v->readings < FREE_READINGS) {
        v->readings++;
    } else {
        v->now_ns += READING_NS;
    }
    return v->now_ns;
}

/*
 * Let all happen that will happen without time: true if there is nothing left
 * of it, false if something has become ready.
 */
static bool
let_happen(struct atl_virtual *v)
{
    uint64_t until_ns = uv_hrtime() + v->patience_ns;
    struct atl_loop *loop = v->loop;

    atl_loop_beat(loop);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    while (!atl_loop_has_work(loop) && !loop->stopped) {
        struct in_hand h = look(loop);

        if (h.ends != NULL)
            atl_loop_poll(loop, ATL_ALARM_NEVER);
        else if (h.listens && uv_hrtime() < until_ns)
            atl_loop_poll(loop, until_ns);
        else
            return true;
    }
    return false;
}

/* What is called by the poll may have started timers: the first is asked last.
 */
static void
on_idle(struct atl_clock *clock, uint64_t next_ns)
{
    struct atl_virtual *v = (struct atl_virtual *)(void *)clock;
    struct atl_loop *loop = v->loop;
    bool nothing;

    atl_alarm_set(&loop->alarm, ATL_ALARM_NEVER);
    if (next_ns == NEVER) { /* nowhere to jump to */
        atl_loop_poll(loop, ATL_ALARM_NEVER);
        return;
    }
    nothing = let_happen(v);
    atl_alarm_set(&loop->alarm, ATL_ALARM_NEVER);
    next_ns = atl_wheel_first(&loop->wheel);
    if (!nothing || next_ns == NEVER || next_ns <= v->now_ns)
        return;
    v->jumped_ns += next_ns - v->now_ns;
    v->now_ns = next_ns;
}

void
atl_virtual_init(struct atl_virtual *v, struct atl_loop *loop)
{
    *v = (struct atl_virtual){.clock = {read_clock, NULL}, .loop = loop};
    atl_loop_set_clock(loop, &v->clock);
}

void
atl_virtual_start(struct atl_virtual *v, uint64_t patience_ns)
{
    uint64_t now_ns = read_clock(&v->clock);

    v->patience_ns = patience_ns;
    if (v->on)
        return;
    v->now_ns = (now_ns / NS_PER_S + 1) * NS_PER_S;
    v->on = true;
    v->readings = 0;
    v->clock.idle = on_idle;
    v->loop->round_shift = 0;
    v->loop->now_ns = v->now_ns;
}

void
atl_virtual_stop(struct atl_virtual *v)
{
    if (!v->on)
        return;
    v->on = false;
    v->ahead_ns = v->now_ns - uv_hrtime();
    v->clock.idle = NULL;
    v->loop->round_shift = ATL_TICK_SHIFT;
}
