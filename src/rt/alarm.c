/* alarm.c - ends libuv's poll at a point in time.  See alarm.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/alarm.h"

#include <assert.h>

#include "rt/loop.h"

/* uv_ref() and uv_unref() only where something changes. */
static void
hold(struct atl_alarm *a, bool holds)
{
    if (a->holds == holds)
        return;
    a->holds = holds;
    if (holds)
        uv_ref((uv_handle_t *)&a->uv);
    else
        uv_unref((uv_handle_t *)&a->uv);
}

#ifdef __linux__

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define RUNG 0 /* rings_ns: it has, and the descriptor is readable */

/* It stays readable, and is seen again by each poll, until it is set. */
static void
on_ring(uv_poll_t *handle, int status, int events)
{
    struct atl_alarm *a = handle->data;

    (void)status;
    (void)events;
    atl_loop_woken(handle->loop);
    a->rings_ns = RUNG;
    hold(a, false);
}

int
atl_alarm_open(struct atl_alarm *a, uv_loop_t *loop)
{
    int err;

    a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (a->fd < 0)
        return -errno;
    if ((err = uv_poll_init(loop, &a->uv, a->fd)) != 0) {
        close(a->fd);
        return err;
    }
    a->uv.data = a;
    a->rings_ns = ATL_ALARM_NEVER;
    a->holds = true;
    hold(a, false);
    err = uv_poll_start(&a->uv, UV_READABLE, on_ring);
    assert(err == 0); /* nothing in it could fail */
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    struct atl_alarm *a = handle->data;

    close(a->fd);
}

void
atl_alarm_close(struct atl_alarm *a)
{
    uv_close((uv_handle_t *)&a->uv, on_closed);
}

/* What libuv takes for uv_hrtime() is CLOCK_MONOTONIC; 0: off. */
static void
set_timer(struct atl_alarm *a, uint64_t ns)
{
    struct itimerspec at = {
        .it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)},
    };
    int failed = timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &at, NULL);

    assert(failed == 0);
    (void)failed;
}

void
atl_alarm_set(struct atl_alarm *a, uint64_t due_ns)
{
    hold(a, due_ns != ATL_ALARM_NEVER);
    if (due_ns >= a->rings_ns && a->rings_ns != RUNG)
        return;
    a->rings_ns = due_ns;
    set_timer(a, due_ns != ATL_ALARM_NEVER ? due_ns : 0);
}

bool
atl_alarm_has(const struct atl_alarm *a, int fd)
{
    return fd == a->fd;
}

#else

/*
 * libuv runs timers before it polls, too, and would then wait without an end:
 * uv_stop() makes that poll a short one.
 */
static void
on_ring(uv_timer_t *handle)
{
    struct atl_alarm *a = handle->data;

    atl_loop_woken(handle->loop);
    a->rings_ns = ATL_ALARM_NEVER;
    hold(a, false);
    uv_stop(handle->loop);
}

int
atl_alarm_open(struct atl_alarm *a, uv_loop_t *loop)
{
    int err = uv_timer_init(loop, &a->uv);

    a->uv.data = a;
    a->rings_ns = ATL_ALARM_NEVER;
    a->holds = true;
    return err;
}

void
atl_alarm_close(struct atl_alarm *a)
{
    uv_close((uv_handle_t *)&a->uv, NULL);
}

void
atl_alarm_set(struct atl_alarm *a, uint64_t due_ns)
{
    uint64_t now_ns, ms = 0;

    hold(a, due_ns != ATL_ALARM_NEVER);
    if (due_ns >= a->rings_ns)
        return;
    a->rings_ns = due_ns;
    uv_update_time(a->uv.loop);
    now_ns = uv_hrtime();
    if (due_ns > now_ns)
        ms = (due_ns - now_ns + 999999) / 1000000;
    uv_timer_start(&a->uv, on_ring, ms, 0);
}

bool
atl_alarm_has(const struct atl_alarm *a, int fd)
{
    (void)a, (void)fd;
    return false;
}

#endif
