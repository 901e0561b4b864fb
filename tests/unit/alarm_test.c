/* alarm_test.c - the alarm that ends libuv's poll, on the real clock.
 * SPDX-License-Identifier: MIT
 */
#include "unit/test.h"

#include "rt/alarm.h"
#include "rt/loop.h"

#define MS UINT64_C(1000000)
#define FAR (3600000 * MS) /* an hour: such a poll would show */

static uv_loop_t uv;
static struct atl_alarm alarm_;

static void
open_alarm(void)
{
    CHECK_INT(uv_loop_init(&uv), 0);
    uv.data = NULL;
    CHECK_INT(atl_alarm_open(&alarm_, &uv), 0);
}

static void
close_alarm(void)
{
    atl_alarm_close(&alarm_);
    uv_run(&uv, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&uv), 0);
}

/* Poll as the loop does, until the alarm has ended it at `due_ns`. */
static void
poll_until(uint64_t due_ns)
{
    while (uv_hrtime() < due_ns) {
        atl_alarm_set(&alarm_, due_ns);
        uv_run(&uv, UV_RUN_ONCE);
    }
}

TEST(a_poll_ends_at_the_alarm)
{
    int i;

    open_alarm();
    for (i = 0; i < 20; i++)
        poll_until(uv_hrtime() + (uint64_t)i * 97000);
    close_alarm();
}

TEST(an_alarm_in_the_past_ends_the_poll_at_once)
{
    open_alarm();
    atl_alarm_set(&alarm_, 1);
    uv_run(&uv, UV_RUN_ONCE);
    atl_alarm_set(&alarm_, uv_hrtime());
    uv_run(&uv, UV_RUN_ONCE);
    close_alarm();
}

TEST(an_earlier_alarm_takes_the_place_of_a_later_one)
{
    open_alarm();
    atl_alarm_set(&alarm_, uv_hrtime() + FAR);
    poll_until(uv_hrtime() + MS);
    close_alarm();
}

TEST(a_later_alarm_leaves_the_earlier_one_and_so_costs_nothing)
{
    uint64_t first = uv_hrtime() + 50 * MS;

    open_alarm();
    atl_alarm_set(&alarm_, first);
    CHECK(alarm_.rings_ns == first);
    atl_alarm_set(&alarm_, first + MS);
    CHECK(alarm_.rings_ns == first);
    atl_alarm_set(&alarm_, ATL_ALARM_NEVER);
    CHECK(alarm_.rings_ns == first);
    poll_until(first + MS); /* and the later one isn't forgotten */
    close_alarm();
}

TEST(a_loop_lives_from_the_setting_to_the_ringing)
{
    open_alarm();
    CHECK(!uv_loop_alive(&uv));
    atl_alarm_set(&alarm_, uv_hrtime() + MS);
    CHECK(uv_loop_alive(&uv));
    uv_run(&uv, UV_RUN_DEFAULT);
    CHECK(!uv_loop_alive(&uv));
    atl_alarm_set(&alarm_, uv_hrtime() + FAR);
    CHECK(uv_loop_alive(&uv));
    atl_alarm_set(&alarm_, ATL_ALARM_NEVER);
    CHECK(!uv_loop_alive(&uv));
    close_alarm();
}

static int ticks;

static void
on_tick(uv_timer_t *timer)
{
    ticks++;
    uv_close((uv_handle_t *)timer, NULL);
}

/* It has rung and nobody has set it again: polls must still block. */
TEST(an_alarm_that_rang_and_is_off_ends_no_poll)
{
    uv_timer_t timer;
    int polls = 0;

    open_alarm();
    poll_until(uv_hrtime() + MS);
    ticks = 0;
    uv_timer_init(&uv, &timer);
    uv_timer_start(&timer, on_tick, 20, 0);
    while (ticks == 0) {
        atl_alarm_set(&alarm_, ATL_ALARM_NEVER);
        uv_run(&uv, UV_RUN_ONCE);
        polls++;
    }
    CHECK(polls <= 3);
    close_alarm();
}
