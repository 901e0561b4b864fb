/* virtual_test.c - the clock that jumps: when it does, and what holds it.
 * SPDX-License-Identifier: MIT
 */
#include "unit/test.h"

#include <string.h>
#include <unistd.h>

#include "rt/virtual.h"

#define S UINT64_C(1000000000)

static struct atl_loop loop;
static struct atl_virtual v;
static struct atl_timer timer;
static uint64_t fired_ns; /* on the clock; 0: it hasn't */

static void
on_fired(struct atl_timer *t)
{
    (void)t;
    fired_ns = atl_loop_clock(&loop);
}

static void
open_loop(uint64_t patience_ns)
{
    CHECK_INT(atl_loop_init(&loop), 0);
    atl_virtual_init(&v, &loop);
    atl_virtual_start(&v, patience_ns);
    atl_timer_init(&timer);
    fired_ns = 0;
}

/* Start the timer, and turn until it has fired; returns the real time taken. */
static uint64_t
wait_for(uint64_t ns)
{
    uint64_t real_ns = uv_hrtime();

    atl_timer_start(&loop, &timer, atl_loop_clock(&loop) + ns, on_fired);
    while (fired_ns == 0)
        atl_loop_turn(&loop, true);
    return uv_hrtime() - real_ns;
}

TEST(time_stands_on_a_whole_second_and_jumps_to_the_timer_exactly)
{
    uint64_t start_ns;

    open_loop(0);
    start_ns = atl_loop_clock(&loop);
    CHECK_INT(start_ns % S, 0);
    CHECK(wait_for(3600 * S + 1) < 1000 * S);
    CHECK_INT(fired_ns, start_ns + 3600 * S + 1);
    CHECK_INT(v.jumped_ns, 3600 * S + 1);
    atl_loop_deinit(&loop);
}

TEST(timers_fire_in_their_order_at_their_times_years_ahead)
{
    static const uint64_t ns[] = {1, 2,         1000,        16384,
                                  S, 86400 * S, 31536000 * S};
    uint64_t start_ns;
    size_t i;

    open_loop(0);
    start_ns = atl_loop_clock(&loop);
    for (i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
        fired_ns = 0;
        wait_for(start_ns + ns[i] - atl_loop_clock(&loop));
        CHECK_INT(fired_ns, start_ns + ns[i]);
    }
    atl_loop_deinit(&loop);
}

TEST(time_does_not_go_back_when_the_clock_is_stopped_or_started_again)
{
    uint64_t last_ns, ns;

    open_loop(0);
    wait_for(S / 2);
    last_ns = fired_ns;
    atl_virtual_stop(&v);
    ns = atl_loop_clock(&loop);
    CHECK(ns >= last_ns);
    while (atl_loop_clock(&loop) < ns + 1000000)
        continue; /* it goes on by itself */
    last_ns = atl_loop_clock(&loop);
    atl_virtual_start(&v, 0);
    CHECK(atl_loop_clock(&loop) >= last_ns);
    usleep(2000);
    last_ns = atl_loop_clock(&loop);
    usleep(2000);
    CHECK_INT(atl_loop_clock(&loop), last_ns);
    atl_virtual_stop(&v);
    CHECK(atl_loop_clock(&loop) >= last_ns);
    atl_loop_deinit(&loop);
}

TEST(a_loop_that_only_looks_at_the_time_ends)
{
    uint64_t start_ns;

    open_loop(0);
    start_ns = atl_loop_clock(&loop);
    while (atl_loop_clock(&loop) < start_ns + S)
        continue;
    atl_loop_deinit(&loop);
}

/* --- what holds it --- */

static bool work_ended;

static void
work(uv_work_t *req)
{
    (void)req;
    usleep(50000);
}

static void
on_work_end(uv_work_t *req, int status)
{
    (void)req;
    (void)status;
    CHECK_INT(fired_ns, 0);
    work_ended = true;
}

TEST(work_on_a_thread_holds_time_until_it_has_ended)
{
    uv_work_t req;

    open_loop(0);
    work_ended = false;
    CHECK_INT(uv_queue_work(&loop.uv, &req, work, on_work_end), 0);
    CHECK(atl_virtual_held_by(&loop) != NULL);
    wait_for(1);
    CHECK(work_ended);
    CHECK(atl_virtual_held_by(&loop) == NULL);
    atl_loop_deinit(&loop);
}

static bool child_ended;

static void
on_child_end(uv_process_t *process, int64_t status, int number)
{
    (void)status;
    (void)number;
    CHECK_INT(fired_ns, 0);
    child_ended = true;
    uv_close((uv_handle_t *)process, NULL);
}

TEST(a_child_process_holds_time_until_it_has_ended)
{
    static char name[] = "sleep", length[] = "0.05";
    char *args[] = {name, length, NULL};
    uv_process_options_t options;
    uv_process_t process;

    open_loop(0);
    child_ended = false;
    memset(&options, 0, sizeof(options));
    options.file = args[0];
    options.args = args;
    options.exit_cb = on_child_end;
    CHECK_INT(uv_spawn(&loop.uv, &process, &options), 0);
    wait_for(1);
    CHECK(child_ended);
    atl_loop_deinit(&loop);
}

static int rung;

static void
on_ring(uv_timer_t *handle)
{
    if (rung++ == 0)
        CHECK_INT(fired_ns, 0);
    (void)handle;
}

TEST(a_timer_of_libuvs_holds_time_but_not_one_that_repeats)
{
    uv_timer_t once, again;

    open_loop(0);
    rung = 0;
    uv_timer_init(&loop.uv, &once);
    uv_timer_init(&loop.uv, &again);
    uv_timer_start(&once, on_ring, 20, 0);
    wait_for(1);
    CHECK_INT(rung, 1);
    uv_timer_start(&again, on_ring, 100000, 100000);
    fired_ns = 0;
    wait_for(3600 * S);
    CHECK_INT(rung, 1);
    uv_close((uv_handle_t *)&once, NULL);
    uv_close((uv_handle_t *)&again, NULL);
    atl_loop_deinit(&loop);
}

static void
on_async(uv_async_t *handle)
{
    CHECK_INT(fired_ns, 0);
    loop.in_flight--;
    uv_unref((uv_handle_t *)handle);
}

static void
send_later(void *async)
{
    usleep(50000);
    CHECK_INT(uv_async_send(async), 0);
}

TEST(work_on_other_threads_holds_time_until_it_is_told)
{
    uv_thread_t thread;
    uv_async_t async;

    open_loop(0);
    CHECK_INT(uv_async_init(&loop.uv, &async, on_async), 0);
    loop.in_flight++;
    CHECK_INT(uv_thread_create(&thread, send_later, &async), 0);
    wait_for(1);
    CHECK_INT(loop.in_flight, 0);
    uv_thread_join(&thread);
    uv_close((uv_handle_t *)&async, NULL);
    atl_loop_deinit(&loop);
}

/* A timer that starts while the time of another is about to come. */
static void
on_ring_start(uv_timer_t *handle)
{
    (void)handle;
    atl_timer_stop(&loop, &timer);
    atl_timer_start(&loop, &timer, atl_loop_clock(&loop) + S, on_fired);
}

TEST(time_jumps_to_a_timer_that_was_started_while_it_was_held)
{
    uint64_t start_ns;
    uv_timer_t once;

    open_loop(0);
    start_ns = atl_loop_clock(&loop);
    uv_timer_init(&loop.uv, &once);
    uv_timer_start(&once, on_ring_start, 10, 0);
    wait_for(3600 * S);
    CHECK_INT(fired_ns, start_ns + S);
    uv_close((uv_handle_t *)&once, NULL);
    atl_loop_deinit(&loop);
}

/* --- what waits for peers --- */

static void
on_poll(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    CHECK_INT(fired_ns, 0);
    uv_close((uv_handle_t *)handle, NULL);
}

static void
write_later(void *fd)
{
    usleep(20000);
    CHECK_INT(write(*(int *)fd, "x", 1), 1);
}

TEST(what_waits_for_a_peer_gets_its_patience_and_no_more)
{
    uv_poll_t reader;
    uv_thread_t thread;
    uint64_t took_ns;
    int fds[2];

    open_loop(S / 20);
    CHECK_INT(pipe(fds), 0);
    uv_poll_init(&loop.uv, &reader, fds[0]);
    uv_poll_start(&reader, UV_READABLE, on_poll);
    took_ns = wait_for(3600 * S); /* nobody writes */
    CHECK(took_ns >= S / 20);
    CHECK_INT(v.jumped_ns, 3600 * S);
    fired_ns = 0;
    atl_virtual_start(&v, 10 * S);
    CHECK_INT(uv_thread_create(&thread, write_later, &fds[1]), 0);
    took_ns = wait_for(1); /* on_poll finds that it hasn't fired */
    CHECK(uv_is_closing((uv_handle_t *)&reader));
    CHECK(took_ns < 9 * S);
    uv_thread_join(&thread);
    close(fds[0]);
    close(fds[1]);
    atl_loop_deinit(&loop);
}
