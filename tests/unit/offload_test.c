/* offload_test.c - the pool of threads, on a loop without Lua.
 * SPDX-License-Identifier: MIT
 */
#include "unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "rt/loop.h"
#include "rt/offload.h"

#define ORDER_MAX 1024
#define SOON_NS UINT64_C(20000000000)

static struct atl_loop loop;
static struct atl_offload *pool;
static pthread_t loop_thread;

/* A job runs while its gate is shut. */
struct work {
    struct atl_job job;
    atomic_bool *gate; /* NULL: none */
    int number;
};

static atomic_int ran, dropped, opened, closed_locals, most, at_once;
static atomic_bool ran_on_loop, dropped_on_loop, saw_local;
static int order[ORDER_MAX], done_count;

static void
run_work(struct atl_job *job, void *local)
{
    struct work *w = ATL_OWNER(job, struct work, job);
    int now = atomic_fetch_add(&at_once, 1) + 1, old = atomic_load(&most);

    while (now > old && !atomic_compare_exchange_weak(&most, &old, now))
        ;
    if (pthread_equal(pthread_self(), loop_thread))
        ran_on_loop = true;
    saw_local = local != NULL;
    while (w->gate != NULL && !atomic_load(w->gate))
        usleep(200);
    atomic_fetch_sub(&at_once, 1);
    atomic_fetch_add(&ran, 1);
}

static void
done_work(struct atl_job *job)
{
    struct work *w = ATL_OWNER(job, struct work, job);

    order[done_count++ % ORDER_MAX] = w->number;
    atl_free(w);
}

static void
drop_work(struct atl_job *job)
{
    atomic_fetch_add(&dropped, 1);
    dropped_on_loop = pthread_equal(pthread_self(), loop_thread);
    atl_free(ATL_OWNER(job, struct work, job));
}

static const struct atl_job_ops ops = {run_work, done_work, drop_work};

static void *
open_local(void *data, unsigned number)
{
    (void)number;
    atomic_fetch_add(&opened, 1);
    return data;
}

static void
close_local(void *local)
{
    (void)local;
    atomic_fetch_add(&closed_locals, 1);
}

static void
open_pool(unsigned threads, unsigned max_queued)
{
    struct atl_offload_options o = {.name = "test",
                                    .threads = threads,
                                    .max_queued = max_queued,
                                    .open = open_local,
                                    .close = close_local,
                                    .data = &loop};

    ran = dropped = opened = closed_locals = most = at_once = 0;
    ran_on_loop = dropped_on_loop = saw_local = false;
    done_count = 0;
    loop_thread = pthread_self();
    CHECK_INT(atl_loop_init(&loop), 0);
    CHECK_INT(atl_offload_open(&pool, &loop, &o), 0);
}

static unsigned
close_pool(uint64_t patience_ns)
{
    unsigned running = atl_offload_close(pool, uv_hrtime() + patience_ns);

    atl_loop_deinit(&loop);
    return running;
}

static struct work *
submit(int number, atomic_bool *gate, int want)
{
    struct work *w = atl_calloc(1, sizeof(*w));

    w->job.ops = &ops;
    w->gate = gate;
    w->number = number;
    CHECK_INT(atl_offload_submit(pool, &w->job), want);
    if (want == 0)
        return w;
    atl_free(w);
    return NULL;
}

static struct atl_offload_counts
count(void)
{
    struct atl_offload_counts counts;

    atl_offload_count(pool, &counts);
    return counts;
}

static void
wait_running(unsigned n)
{
    uint64_t end = uv_hrtime() + SOON_NS;

    while (count().running != n && uv_hrtime() < end)
        usleep(200);
    CHECK_INT(count().running, n);
}

TEST(jobs_run_on_threads_and_are_done_on_the_loop)
{
    int i;

    open_pool(3, 1000);
    for (i = 0; i < 500; i++)
        submit(i, NULL, 0);
    CHECK_INT(done_count, 0);
    CHECK(!atl_loop_run(&loop)); /* until nothing is left */
    CHECK_INT(done_count, 500);
    CHECK_INT(ran, 500);
    CHECK(!ran_on_loop);
    CHECK(saw_local);
    CHECK_INT(count().threads, 3);
    CHECK_INT(close_pool(SOON_NS), 0);
    CHECK_INT(opened, closed_locals);
    CHECK_INT(dropped, 0);
}

TEST(one_thread_runs_jobs_in_the_order_of_their_submission)
{
    int i;

    open_pool(1, 1000);
    for (i = 0; i < 200; i++)
        submit(i, NULL, 0);
    atl_loop_run(&loop);
    for (i = 0; i < 200; i++)
        CHECK_INT(order[i], i);
    CHECK_INT(most, 1);
    close_pool(SOON_NS);
}

TEST(jobs_one_after_the_other_need_one_thread)
{
    int i;

    open_pool(4, 4);
    for (i = 0; i < 50; i++) {
        submit(i, NULL, 0);
        atl_loop_run(&loop);
    }
    CHECK_INT(count().threads, 1);
    CHECK_INT(close_pool(SOON_NS), 0);
}

TEST(no_more_threads_than_asked_for_run_at_once)
{
    atomic_bool gate = false;
    int i;

    open_pool(3, 100);
    for (i = 0; i < 20; i++)
        submit(i, &gate, 0);
    wait_running(3);
    CHECK_INT(count().queued, 17);
    gate = true;
    atl_loop_run(&loop);
    CHECK_INT(most, 3);
    CHECK_INT(done_count, 20);
    close_pool(SOON_NS);
}

TEST(without_room_a_job_is_refused_and_stays_the_callers)
{
    atomic_bool gate = false;

    open_pool(1, 2);
    submit(0, &gate, 0);
    submit(1, &gate, 0);
    submit(2, &gate, 0);
    submit(3, &gate, UV_EAGAIN);
    gate = true;
    atl_loop_run(&loop);
    CHECK_INT(done_count, 3);
    submit(4, NULL, 0);
    atl_loop_run(&loop);
    CHECK_INT(done_count, 4);
    close_pool(SOON_NS);
}

TEST(a_queued_job_that_is_cancelled_never_runs)
{
    atomic_bool gate = false;
    struct work *w;

    open_pool(1, 2);
    submit(0, &gate, 0);
    w = submit(1, NULL, 0);
    submit(2, NULL, 0);
    atl_offload_cancel(&w->job);
    CHECK_INT(dropped, 1);
    CHECK(dropped_on_loop);
    gate = true;
    atl_loop_run(&loop);
    CHECK_INT(ran, 2);
    CHECK_INT(done_count, 2);
    CHECK_INT(order[1], 2);
    close_pool(SOON_NS);
}

TEST(a_running_job_that_is_cancelled_is_dropped_behind_its_run)
{
    atomic_bool gate = false;
    struct work *w;

    open_pool(1, 2);
    w = submit(0, &gate, 0);
    wait_running(1);
    atl_offload_cancel(&w->job);
    CHECK_INT(dropped, 0);
    CHECK(!atl_loop_is_alive(&loop)); /* nobody waits for it */
    gate = true;
    wait_running(0);
    submit(1, NULL, 0);
    atl_loop_run(&loop);
    CHECK_INT(dropped, 1);
    CHECK(dropped_on_loop);
    CHECK_INT(done_count, 1);
    close_pool(SOON_NS);
}

static struct work *to_cancel[2];

/* Cancels the other, which may be on its way back in the same callback. */
static void
done_cancels(struct atl_job *job)
{
    struct work *w = ATL_OWNER(job, struct work, job);
    struct work *other = to_cancel[1 - w->number];

    done_count++;
    atl_offload_cancel(&other->job);
    atl_free(w);
}

static const struct atl_job_ops cancelling = {run_work, done_cancels,
                                              drop_work};

TEST(a_job_that_has_run_can_still_be_cancelled)
{
    int i;

    open_pool(2, 2);
    for (i = 0; i < 2; i++) {
        to_cancel[i] = atl_calloc(1, sizeof(struct work));
        to_cancel[i]->job.ops = &cancelling;
        to_cancel[i]->number = i;
        CHECK_INT(atl_offload_submit(pool, &to_cancel[i]->job), 0);
    }
    while (ran < 2)
        usleep(200);
    wait_running(0);
    atl_loop_run(&loop);
    CHECK_INT(done_count, 1);
    CHECK_INT(dropped, 1);
    close_pool(SOON_NS);
}

/* --- turns --- */

struct caller {
    struct atl_turn turn;
    int number;
    bool submits;
};

static int given[ORDER_MAX], given_count;

static void
on_turn(struct atl_turn *turn)
{
    struct caller *c = ATL_OWNER(turn, struct caller, turn);

    given[given_count++] = c->number;
    if (c->submits)
        submit(c->number, NULL, 0);
}

TEST(room_goes_to_turns_in_their_order_and_to_nobody_else)
{
    atomic_bool gate = false;
    struct caller callers[20];
    int i;

    open_pool(1, 1);
    given_count = 0;
    submit(100, &gate, 0);
    submit(101, &gate, 0);
    for (i = 0; i < 20; i++) {
        callers[i] = (struct caller){.turn.fn = on_turn, i, i % 3 != 0};
        atl_offload_take_turn(pool, &callers[i].turn);
    }
    atl_offload_leave_turn(pool, &callers[7].turn);
    CHECK_INT(count().turns, 19);
    submit(102, NULL, UV_EAGAIN);
    gate = true;
    wait_running(0);
    submit(103, NULL, UV_EAGAIN); /* there is room, but not for this one */
    atl_loop_run(&loop);
    CHECK_INT(given_count, 19);
    for (i = 0; i < 19; i++)
        CHECK_INT(given[i], i < 7 ? i : i + 1);
    CHECK_INT(done_count, 2 + 12);
    CHECK_INT(most, 1);
    close_pool(SOON_NS);
}

TEST(room_that_a_cancelled_job_leaves_is_given_to_a_turn)
{
    atomic_bool gate = false;
    struct caller caller = {.turn.fn = on_turn, 1, true};
    struct work *w;

    open_pool(1, 1);
    given_count = 0;
    submit(0, &gate, 0);
    wait_running(1);
    w = submit(1, NULL, 0);
    atl_offload_take_turn(pool, &caller.turn);
    atl_offload_cancel(&w->job);
    atl_loop_turn(&loop, true);
    CHECK_INT(given_count, 1);
    gate = true;
    atl_loop_run(&loop);
    CHECK_INT(done_count, 2);
    close_pool(SOON_NS);
}

/* --- the end --- */

static void *
open_later(void *gate)
{
    usleep(30000);
    atomic_store((atomic_bool *)gate, true);
    return NULL;
}

TEST(closing_waits_for_what_runs_and_drops_the_rest)
{
    atomic_bool gate = false;
    pthread_t opener;
    int i;

    open_pool(2, 10);
    for (i = 0; i < 8; i++)
        submit(i, &gate, 0);
    wait_running(2);
    CHECK_INT(pthread_create(&opener, NULL, open_later, &gate), 0);
    CHECK_INT(close_pool(SOON_NS), 0);
    pthread_join(opener, NULL);
    CHECK_INT(ran, 2);
    CHECK_INT(dropped, 8);
    CHECK_INT(done_count, 0);
    CHECK_INT(closed_locals, 2);
}

/* What an abandoned thread works with outlives the test. */
static atomic_bool late_gate;

TEST(what_runs_too_long_is_left_to_itself)
{
    uint64_t end;

    open_pool(2, 10);
    late_gate = false;
    submit(0, &late_gate, 0);
    submit(1, NULL, 0);
    submit(2, &late_gate, 0);
    wait_running(2);
    CHECK_INT(close_pool(20000000), 2);
    late_gate = true;
    end = uv_hrtime() + SOON_NS;
    while (closed_locals < 2 && uv_hrtime() < end)
        usleep(200);
    CHECK_INT(closed_locals, 2);
    CHECK_INT(dropped, 3); /* one has run, but its loop had no turn */
    CHECK(!ran_on_loop);
}

TEST(a_pool_that_was_never_used_has_no_thread)
{
    open_pool(4, 10);
    CHECK(!atl_loop_is_alive(&loop));
    CHECK_INT(count().threads, 0);
    CHECK_INT(close_pool(0), 0);
}

static void
on_usr1(int number)
{
    if (!pthread_equal(pthread_self(), loop_thread))
        _exit(number);
}

TEST(threads_take_no_signal_of_the_process)
{
    atomic_bool gate = false;
    sigset_t set, pending;

    open_pool(2, 10);
    signal(SIGUSR1, on_usr1);
    submit(0, &gate, 0);
    submit(1, &gate, 0);
    wait_running(2);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    usleep(20000);
    sigpending(&pending);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK(sigismember(&pending, SIGUSR1));
    gate = true;
    atl_loop_run(&loop);
    close_pool(SOON_NS);
}

TEST(thousands_of_jobs_half_of_them_cancelled)
{
    int i, cancelled = 0;

    open_pool(4, ORDER_MAX);
    for (i = 0; i < 20000; i++) {
        struct work *w;

        while (count().queued + count().running > ORDER_MAX - 10)
            atl_loop_turn(&loop, true);
        w = submit(i, NULL, 0);
        if (i % 2 == 0) {
            atl_offload_cancel(&w->job);
            cancelled++;
        }
        if (i % 512 == 0)
            atl_loop_turn(&loop, false);
    }
    atl_loop_run(&loop);
    CHECK_INT(close_pool(SOON_NS), 0);
    CHECK_INT(dropped, cancelled);
    CHECK_INT(done_count, 20000 - cancelled);
}
