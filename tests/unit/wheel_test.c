/* wheel_test.c - the timing wheel's laws, one by one.
 * SPDX-License-Identifier: MIT
 */
#include "rt/wheel.h"

#include <time.h>

#include "unit/test.h"

#define TWO_TO(n) (UINT64_C(1) << (n))

static struct atl_wheel w;

/* A timer that writes its name in the log, then does `then` if it is set. */
struct probe {
    struct atl_timer timer;
    char name;
    void (*then)(struct probe *probe);
};

static struct probe a, b, c, d;
static char fired[64]; /* the names in the order in which they fired */

static void
on_fired(struct atl_timer *timer)
{
    struct probe *probe = ATL_OWNER(timer, struct probe, timer);
    size_t len = strlen(fired);

    CHECK(!atl_timer_is_active(timer));
    CHECK(len < sizeof(fired) - 1);
    fired[len] = probe->name;
    fired[len + 1] = '\0';
    if (probe->then != NULL)
        probe->then(probe);
}

/* An empty wheel, and probes that are on none. */
static void
begin(uint64_t now)
{
    struct probe *probes[] = {&a, &b, &c, &d};
    int i;

    atl_wheel_init(&w, now);
    fired[0] = '\0';
    for (i = 0; i < 4; i++) {
        atl_timer_init(&probes[i]->timer);
        probes[i]->name = (char)('a' + i);
        probes[i]->then = NULL;
    }
}

static void
add(struct probe *probe, uint64_t tick)
{
    atl_wheel_add(&w, &probe->timer, tick, on_fired);
}

TEST(a_timer_is_active_only_while_it_is_on_the_wheel)
{
    struct probe zeroed = {.name = 'z'};

    begin(0);
    CHECK(!atl_timer_is_active(&a.timer));
    CHECK(!atl_timer_is_active(&zeroed.timer));
    add(&zeroed, 5);
    CHECK(atl_timer_is_active(&zeroed.timer));
    CHECK_INT(w.count, 1);
    CHECK_INT(atl_wheel_advance(&w, 5), 1);
    CHECK(!atl_timer_is_active(&zeroed.timer));
    CHECK_INT(w.count, 0);
}

TEST(removing_what_is_not_on_the_wheel_is_harmless)
{
    struct probe zeroed = {.name = 'z'};

    begin(0);
    atl_wheel_remove(&w, &a.timer);
    atl_wheel_remove(&w, &zeroed.timer);
    add(&a, 5);
    atl_wheel_remove(&w, &a.timer);
    atl_wheel_remove(&w, &a.timer);
    CHECK_INT(w.count, 0);
    CHECK_INT(atl_wheel_advance(&w, 10), 0);
}

TEST(a_timer_fires_at_its_tick_and_not_before)
{
    static const uint64_t starts[] = {0, 1, 63, 4095, TWO_TO(48) - 3};
    size_t i;
    int bit, off;

    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (bit = 1; bit < 63; bit++) {
            for (off = -1; off <= 1; off++) {
                uint64_t tick = starts[i] + TWO_TO(bit) + (uint64_t)off;

                if (bit > 56) /* thousands of wraps: enough of them */
                    continue;
                begin(starts[i]);
                add(&a, tick);
                CHECK_INT(atl_wheel_advance(&w, tick - 1), 0);
                CHECK_INT(atl_wheel_advance(&w, tick), 1);
            }
        }
    }
}

TEST(a_timer_that_is_late_fires_in_the_first_advance_after)
{
    begin(0);
    add(&a, 100);
    CHECK_INT(atl_wheel_advance(&w, 123456789), 1);
    CHECK_INT(atl_wheel_advance(&w, 987654321), 0);
    CHECK_STR(fired, "a");
}

TEST(timers_fire_in_order_of_their_ticks)
{
    begin(0);
    add(&a, 5000000);
    add(&b, 70);
    add(&c, 3);
    add(&d, 5000);
    CHECK_INT(atl_wheel_advance(&w, TWO_TO(30)), 4);
    CHECK_STR(fired, "cbda");
}

TEST(timers_of_one_tick_fire_in_the_order_in_which_they_were_added)
{
    begin(0);
    add(&b, 100000);
    add(&a, 100000);
    add(&d, 100000);
    add(&c, 100000);
    CHECK_INT(atl_wheel_advance(&w, 100000), 4);
    CHECK_STR(fired, "badc");
}

TEST(a_timer_from_a_coarse_slot_fires_before_one_added_later_to_its_tick)
{
    int bit;

    for (bit = 6; bit < 54; bit++) {
        uint64_t tick = TWO_TO(bit) + 37;

        begin(0);
        add(&a, tick);
        atl_wheel_advance(&w, tick - 37); /* the coarse slot's first tick */
        add(&b, tick);
        atl_wheel_advance(&w, tick - 20);
        add(&c, tick);
        atl_wheel_advance(&w, tick - 1);
        add(&d, tick);
        atl_wheel_advance(&w, tick);
        CHECK_STR(fired, "abcd");
    }
}

TEST(a_tick_in_the_past_counts_as_the_present_one)
{
    begin(1000);
    add(&a, 1000);
    add(&b, 7);
    add(&c, 999);
    add(&d, 0);
    CHECK_STR(fired, ""); /* never from add() itself */
    CHECK_INT(atl_wheel_next(&w), 1000);
    CHECK_INT(atl_wheel_advance(&w, 1000), 4);
    CHECK_STR(fired, "abcd");
}

TEST(an_advance_to_the_past_stands_still)
{
    begin(1000);
    add(&a, 500);
    add(&b, 1001);
    CHECK_INT(atl_wheel_advance(&w, 10), 1);
    CHECK_INT(w.now, 1000);
    CHECK_INT(atl_wheel_next(&w), 1001);
    CHECK_INT(atl_wheel_advance(&w, 1001), 1);
}

TEST(adding_a_timer_that_is_on_the_wheel_moves_it)
{
    begin(0);
    add(&a, 10);
    add(&b, 10);
    add(&a, 10);
    CHECK_INT(w.count, 2);
    CHECK_INT(atl_wheel_advance(&w, 10), 2);
    CHECK_STR(fired, "ba");
    add(&a, 20);
    add(&a, 5000);
    CHECK_INT(atl_wheel_advance(&w, 4999), 0);
    CHECK_INT(atl_wheel_advance(&w, 5000), 1);
}

static void
then_add_again_at_once(struct probe *probe)
{
    add(probe, 0);
}

TEST(a_callback_that_adds_itself_at_once_runs_once_an_advance)
{
    begin(0);
    a.then = then_add_again_at_once;
    add(&a, 10);
    CHECK_INT(atl_wheel_advance(&w, 50), 1);
    CHECK_INT(atl_wheel_advance(&w, 50), 1);
    CHECK_INT(atl_wheel_advance(&w, 51), 1);
    CHECK_STR(fired, "aaa");
}

static void
then_add_b_at_20_and_c_at_70(struct probe *probe)
{
    (void)probe;
    add(&b, 20);
    add(&c, 70);
}

TEST(what_a_callback_adds_before_the_advances_tick_waits_for_the_next)
{
    begin(0);
    a.then = then_add_b_at_20_and_c_at_70;
    add(&a, 10);
    add(&d, 30);
    CHECK_INT(atl_wheel_advance(&w, 50), 2);
    CHECK_STR(fired, "ad");
    CHECK_INT(atl_wheel_next(&w), 50);
    CHECK_INT(atl_wheel_advance(&w, 50), 1);
    CHECK_INT(atl_wheel_advance(&w, 70), 1);
    CHECK_STR(fired, "adbc");
}

static void
then_remove_b_and_c(struct probe *probe)
{
    (void)probe;
    atl_wheel_remove(&w, &b.timer);
    CHECK(!atl_timer_is_active(&b.timer));
    atl_wheel_remove(&w, &c.timer);
}

TEST(removed_timers_do_not_fire_in_the_advance_that_has_them_due)
{
    begin(0);
    a.then = then_remove_b_and_c;
    add(&a, 10);
    add(&b, 10); /* next in line */
    add(&c, 20);
    add(&d, 20);
    CHECK_INT(atl_wheel_advance(&w, 50), 2);
    CHECK_STR(fired, "ad");
    CHECK_INT(w.count, 0);
}

static void
then_move_b_to_60(struct probe *probe)
{
    (void)probe;
    add(&b, 60);
}

TEST(a_due_timer_that_is_moved_fires_at_its_new_tick_only)
{
    begin(0);
    a.then = then_move_b_to_60;
    add(&a, 10);
    add(&b, 10);
    CHECK_INT(atl_wheel_advance(&w, 50), 1);
    CHECK_INT(atl_wheel_advance(&w, 59), 0);
    CHECK_INT(atl_wheel_advance(&w, 60), 1);
    CHECK_STR(fired, "ab");
}

static void
on_free_both(struct atl_timer *timer)
{
    struct atl_timer *pair = timer;

    atl_wheel_remove(&w, &pair[1]);
    free(pair);
}

TEST(a_callback_may_free_its_own_memory_and_that_of_due_timers)
{
    struct atl_timer *pair = calloc(2, sizeof(*pair));

    CHECK(pair != NULL);
    begin(0);
    atl_wheel_add(&w, &pair[0], 10, on_free_both);
    atl_wheel_add(&w, &pair[1], 10, on_free_both);
    CHECK_INT(atl_wheel_advance(&w, 10), 1);
    CHECK_INT(w.count, 0);
}

TEST(next_of_an_empty_wheel_is_never)
{
    int bit;

    begin(12345);
    CHECK(atl_wheel_next(&w) == UINT64_MAX);
    for (bit = 0; bit < 64; bit++) { /* also when it was not empty before */
        add(&a, TWO_TO(bit));
        add(&b, TWO_TO(bit));
        atl_wheel_remove(&w, &a.timer);
        CHECK(atl_wheel_next(&w) <= b.timer.tick);
        atl_wheel_remove(&w, &b.timer);
        CHECK(atl_wheel_next(&w) == UINT64_MAX);
    }
}

TEST(next_is_exact_for_a_timer_in_the_finest_level)
{
    uint64_t tick;

    for (tick = 1; tick < 64; tick++) {
        begin(0);
        add(&a, tick);
        add(&b, 63);
        CHECK_INT(atl_wheel_next(&w), tick);
    }
}

TEST(going_from_next_to_next_reaches_a_timer_in_eight_advances)
{
    int bit, steps;

    for (bit = 0; bit < 48; bit++) {
        begin(12345);
        add(&a, 12345 + TWO_TO(bit) - 1 + TWO_TO(bit));
        for (steps = 0; fired[0] == '\0'; steps++) {
            CHECK(atl_wheel_next(&w) <= a.timer.tick);
            CHECK(steps == 0 || atl_wheel_next(&w) > w.now);
            atl_wheel_advance(&w, atl_wheel_next(&w));
        }
        CHECK(steps <= ATL_WHEEL_LEVELS);
        CHECK_INT(w.now, a.timer.tick);
    }
}

TEST(timers_beyond_the_last_level_fire_in_order_at_their_ticks)
{
    begin(TWO_TO(48) - 10);
    add(&a, 3 * TWO_TO(48) + 5);
    add(&b, TWO_TO(48) + 5); /* near, but above the last level's reach */
    add(&c, TWO_TO(48) - 5);
    add(&d, 3 * TWO_TO(48) + 5);
    CHECK_INT(atl_wheel_advance(&w, TWO_TO(48) + 4), 1);
    CHECK_INT(atl_wheel_advance(&w, TWO_TO(48) + 5), 1);
    CHECK_INT(atl_wheel_advance(&w, 3 * TWO_TO(48) + 4), 0);
    CHECK_INT(atl_wheel_advance(&w, TWO_TO(55)), 2);
    CHECK_STR(fired, "cbad");
}

TEST(the_last_tick_of_all_can_be_waited_for)
{
    begin(0);
    add(&a, UINT64_MAX);
    CHECK_INT(atl_wheel_advance(&w, TWO_TO(50)), 0);
    CHECK_INT(atl_wheel_advance(&w, UINT64_MAX - 1), 0);
    CHECK_INT(atl_wheel_advance(&w, UINT64_MAX), 1);
    add(&b, UINT64_MAX);
    CHECK_INT(atl_wheel_advance(&w, UINT64_MAX), 1);
}

TEST(a_trillion_empty_ticks_pass_at_once)
{
    clock_t start = clock();
    int i;

    begin(0);
    for (i = 1; i <= 1000; i++) {
        add(&a, (uint64_t)i * TWO_TO(40));
        CHECK_INT(atl_wheel_advance(&w, (uint64_t)i * TWO_TO(40)), 1);
        fired[0] = '\0';
    }
    CHECK((clock() - start) * 10 < CLOCKS_PER_SEC);
}
