/* loop_test.c - the loop, tasks, waits and cancel scopes, without Lua.
 * SPDX-License-Identifier: MIT
 */
#include "unit/test.h"

#include <string.h>

#include "rt/loop.h"

/* --- a task whose body is a C function called at each resume --- */

struct worker {
    struct atl_task task;
    int (*step)(struct worker *w); /* false: the body has ended */
    int resumed;
    uint8_t woken_by;
    bool joined;
};

static char order[64];

static void
finish(struct worker *w)
{
    if (atl_task_end_body(&w->task))
        atl_task_done(&w->task, false);
}

static void
resume(struct atl_task *task)
{
    struct worker *w = ATL_OWNER(task, struct worker, task);

    w->resumed++;
    w->woken_by = task->wake;
    task->state = ATL_TASK_RUNNING;
    if (!w->step(w)) {
        finish(w);
        return;
    }
    if (task->state == ATL_TASK_RUNNING)
        task->state =
            task->pending != NULL ? ATL_TASK_WAITING : ATL_TASK_PARKED;
}

static void
joined(struct atl_task *task)
{
    ATL_OWNER(task, struct worker, task)->joined = true;
    atl_task_done(task, false);
}

static const struct atl_task_ops ops = {resume, joined};

static void
start(struct worker *w, struct atl_loop *in, struct worker *parent,
      int (*step)(struct worker *))
{
    memset(w, 0, sizeof(*w));
    w->step = step;
    atl_task_init(&w->task, in, parent != NULL ? &parent->task.own : &in->roots,
                  parent != NULL ? parent->task.scope : &in->root, &ops);
    atl_task_queue(&w->task);
}

/* --- a wait that only a test ends --- */

static struct atl_wait *last_wait;
static int cancelled;

static void
on_cancel(struct atl_wait *wait)
{
    (void)wait;
    cancelled++;
}

static const struct atl_wait_kind testing = {"test", on_cancel};

static int
wait_once(struct worker *w)
{
    if (w->resumed > 1)
        return 0;
    last_wait = atl_wait_new(&w->task, sizeof(*last_wait), &testing);
    return 1;
}

static int
end_at_once(struct worker *w)
{
    size_t n = strlen(order);

    order[n] = (char)('a' + (w->task.results % 26));
    order[n + 1] = '\0';
    return 0;
}

/* --- a clock that only a test moves --- */

static uint64_t test_now;

static uint64_t
read_clock(struct atl_clock *clock)
{
    (void)clock;
    return test_now;
}

static void
jump(struct atl_clock *clock, uint64_t next_ns)
{
    (void)clock;
    if (next_ns != UINT64_MAX && next_ns > test_now)
        test_now = next_ns;
}

static struct atl_clock test_clock = {read_clock, jump};
static struct atl_loop loop;

static void
open_loop(void)
{
    test_now = 1000000000;
    cancelled = 0;
    order[0] = '\0';
    CHECK_INT(atl_loop_init(&loop), 0);
    loop.clock = &test_clock;
    loop.now_ns = test_now;
    atl_wheel_init(&loop.wheel, test_now >> ATL_TICK_SHIFT);
}

/* --- tests --- */

TEST(a_wake_resumes_once_with_a_result)
{
    struct worker w;

    open_loop();
    start(&w, &loop, NULL, wait_once);
    atl_loop_turn(&loop, false);
    CHECK_INT(w.task.state, ATL_TASK_WAITING);
    atl_wake(last_wait, 0);
    atl_loop_turn(&loop, false);
    CHECK_INT(w.resumed, 2);
    CHECK_INT(w.woken_by, ATL_WAKE_RESULT);
    CHECK_INT(w.task.state, ATL_TASK_DONE);
    atl_loop_deinit(&loop);
}

TEST(a_waker_knows_when_its_wait_has_ended)
{
    struct atl_waker waker;
    struct worker w, other;

    open_loop();
    start(&w, &loop, NULL, wait_once);
    atl_loop_turn(&loop, false);
    waker = atl_wait_waker(last_wait);
    CHECK(atl_waker_wait(waker) == last_wait);
    atl_wake(last_wait, 0);
    CHECK(atl_waker_wait(waker) == NULL);
    /* The memory is used again by another wait: the old waker stays dead. */
    start(&other, &loop, NULL, wait_once);
    atl_loop_turn(&loop, false);
    CHECK(waker.wait == last_wait);
    CHECK(atl_waker_wait(waker) == NULL);
    atl_wake(last_wait, 0);
    atl_loop_turn(&loop, false);
    atl_loop_deinit(&loop);
}

TEST(cancelling_a_task_withdraws_its_wait)
{
    struct worker w;

    open_loop();
    start(&w, &loop, NULL, wait_once);
    atl_loop_turn(&loop, false);
    atl_task_cancel(&w.task, 7);
    CHECK_INT(cancelled, 1);
    atl_loop_turn(&loop, false);
    CHECK_INT(w.woken_by, ATL_WAKE_CANCELLED);
    atl_loop_deinit(&loop);
}

/* A task that waits, whose scope stands below `scope`. */
static void
start_below(struct worker *w, struct atl_scope *scope)
{
    start(w, &loop, NULL, wait_once);
    atl_scope_close(&w->task.base);
    atl_scope_open(&w->task.base, scope, &w->task);
    atl_loop_turn(&loop, false);
}

TEST(cancelling_reaches_tasks_below_but_not_shielded_ones)
{
    struct worker parent, child, safe;
    struct atl_timed_scope shield = {.loop = &loop, .grace_ns = 1000000};
    struct atl_scope top;

    open_loop();
    atl_scope_open(&top, &loop.root, NULL);
    start_below(&parent, &top);
    start(&child, &loop, &parent, wait_once);
    atl_loop_turn(&loop, false);
    atl_scope_open(&shield.scope, &top, NULL);
    shield.scope.shielded = true;
    start_below(&safe, &shield.scope);
    atl_scope_cancel(&top, 0);
    CHECK_INT(cancelled, 2);
    CHECK(atl_task_is_cancelled(&child.task));
    CHECK(!atl_task_is_cancelled(&safe.task));
    CHECK(atl_scope_origin(child.task.scope) == &top);
    atl_loop_turn(&loop, false);
    CHECK_INT(child.task.state, ATL_TASK_DONE);
    CHECK(parent.joined);
    CHECK_INT(safe.task.state, ATL_TASK_WAITING);
    atl_wake(safe.task.pending, 0);
    atl_loop_turn(&loop, false);
    CHECK_INT(safe.task.state, ATL_TASK_DONE);
    CHECK(atl_timer_is_active(&shield.timer)); /* its grace runs */
    atl_timer_stop(&loop, &shield.timer);
    atl_scope_close(&shield.scope);
    atl_scope_close(&top);
    atl_loop_deinit(&loop);
}

TEST(a_scope_opened_below_a_cancelled_one_is_born_cancelled)
{
    struct atl_scope outer, inner;

    atl_scope_open(&outer, NULL, NULL);
    CHECK(atl_scope_cancel(&outer, 3));
    CHECK(!atl_scope_cancel(&outer, 4));
    atl_scope_open(&inner, &outer, NULL);
    CHECK(inner.cancelled);
    CHECK_INT(atl_scope_origin(&inner)->reason, 3);
    atl_scope_close(&inner);
    atl_scope_close(&outer);
}

TEST(a_deadline_ends_the_wait_at_its_time_and_not_before)
{
    struct worker w;

    open_loop();
    start(&w, &loop, NULL, wait_once);
    atl_loop_turn(&loop, false);
    atl_wait_set_deadline(last_wait, test_now + 5000000);
    test_now += 4999999;
    atl_loop_turn(&loop, false);
    CHECK_INT(w.resumed, 1);
    atl_loop_run(&loop); /* the clock jumps to the timer */
    CHECK_INT(w.resumed, 2);
    CHECK_INT(w.woken_by, ATL_WAKE_EXPIRED);
    CHECK_INT(cancelled, 1);
    CHECK(test_now >= 1005000000 && test_now < 1005000000 + 40000);
    atl_loop_deinit(&loop);
}

static void
run_in_order(uint64_t seed, char *out)
{
    struct worker workers[12];
    struct atl_stress stress = {.seed = seed};
    int i;

    open_loop();
    loop.stress = seed != 0 ? &stress : NULL;
    for (i = 0; i < 12; i++) {
        start(&workers[i], &loop, NULL, end_at_once);
        workers[i].task.results = (uint32_t)i;
    }
    atl_loop_run(&loop);
    memcpy(out, order, sizeof(order));
    atl_loop_deinit(&loop);
}

TEST(tasks_run_in_the_order_in_which_they_became_ready)
{
    char got[64];

    run_in_order(0, got);
    CHECK_STR(got, "abcdefghijkl");
}

TEST(a_seed_gives_another_order_and_the_same_each_time)
{
    char first[64], again[64], other[64];

    run_in_order(1, first);
    run_in_order(1, again);
    run_in_order(2, other);
    CHECK_STR(first, again);
    CHECK(strcmp(first, other) != 0);
    CHECK(strcmp(first, "abcdefghijkl") != 0);
    CHECK_INT((int)strlen(first), 12);
}

static int
wake_itself(struct worker *w)
{
    if (w->resumed > 100)
        return 0;
    atl_task_yield(&w->task);
    return 1;
}

TEST(a_task_that_yields_to_the_next_turn_runs_once_a_turn)
{
    struct worker w;

    open_loop();
    start(&w, &loop, NULL, wake_itself);
    atl_loop_turn(&loop, false);
    atl_loop_turn(&loop, false);
    atl_loop_turn(&loop, false);
    CHECK_INT(w.resumed, 3);
    CHECK_INT(w.woken_by, ATL_WAKE_TRUE);
    atl_loop_run(&loop);
    CHECK_INT(w.resumed, 101);
    atl_loop_deinit(&loop);
}

static int hooked;

static void
on_hook(struct atl_hook *hook)
{
    (void)hook;
    hooked++;
}

TEST(a_hook_runs_once_a_turn_however_often_it_is_asked_for)
{
    struct atl_hook hook = {.fn = on_hook};

    open_loop();
    hooked = 0;
    atl_loop_at_turn_end(&loop, &hook);
    atl_loop_at_turn_end(&loop, &hook);
    CHECK(atl_hook_is_waiting(&hook));
    atl_loop_turn(&loop, false);
    CHECK_INT(hooked, 1);
    CHECK(!atl_hook_is_waiting(&hook));
    atl_loop_deinit(&loop);
}

struct timed {
    struct atl_timer timer;
    uint64_t due_ns;
};

static struct timed timed[64];
static int early, fired;

/* Start it again, so that the loop always has all of them to wait for. */
static void
on_time(struct atl_timer *timer)
{
    struct timed *t = ATL_OWNER(timer, struct timed, timer);

    fired++;
    if (test_now < t->due_ns)
        early++;
    t->due_ns = test_now + (uint64_t)rand() % (1u << (rand() % 30));
    atl_timer_start(&loop, timer, t->due_ns, on_time);
}

TEST(no_timer_is_early_wherever_the_clock_stands_when_it_is_started)
{
    int i;

    open_loop();
    early = fired = 0;
    srand(1);
    for (i = 0; i < 64; i++) {
        atl_timer_init(&timed[i].timer);
        timed[i].due_ns = test_now;
        atl_timer_start(&loop, &timed[i].timer, test_now, on_time);
    }
    while (fired < 100000) {
        atl_loop_turn(&loop, rand() % 2);
        test_now += (uint64_t)(rand() % 50000);
    }
    CHECK_INT(early, 0);
    for (i = 0; i < 64; i++)
        atl_timer_stop(&loop, &timed[i].timer);
    atl_loop_deinit(&loop);
}

static void
on_last_time(struct atl_timer *timer)
{
    (void)timer;
}

TEST(a_timer_fires_less_than_two_ticks_late_when_the_loop_is_idle)
{
    uint64_t due_ns;
    int i;

    open_loop();
    for (i = 0; i < 1000; i++) {
        struct atl_timer timer;

        atl_timer_init(&timer);
        due_ns = test_now + (uint64_t)i * 7919;
        atl_timer_start(&loop, &timer, due_ns, on_last_time);
        while (atl_timer_is_active(&timer))
            atl_loop_turn(&loop, true);
        CHECK(test_now >= due_ns);
        CHECK(test_now - due_ns < UINT64_C(2) << ATL_TICK_SHIFT);
    }
    atl_loop_deinit(&loop);
}

TEST(a_loop_with_nothing_to_wait_for_says_so)
{
    open_loop();
    CHECK(!atl_loop_run(&loop));
    atl_loop_deinit(&loop);
}
