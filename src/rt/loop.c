/* loop.c - the event loop.  See loop.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/loop.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "rt/watchdog.h"

#define NEVER UINT64_MAX

uint64_t
atl_loop_clock(struct atl_loop *loop)
{
    return loop->clock != NULL ? loop->clock->now_ns(loop->clock) : uv_hrtime();
}

/* Nobody waits for a task that nobody owns, but for the end of them all. */
static void
on_root_ended(struct atl_owner *owner, struct atl_task *child)
{
    struct atl_loop *loop = ATL_OWNER(owner, struct atl_loop, roots);

    (void)child;
    if (loop->stop_when_empty && owner->running == 0)
        atl_loop_stop(loop);
}

static const struct atl_owner_ops roots_ops = {on_root_ended, false};

/* --- all loops, for those who count descriptors --- */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct atl_link all = {&all, &all};

static void
enlist(struct atl_loop *loop)
{
    pthread_mutex_lock(&all_lock);
    atl_list_push(&all, &loop->all);
    pthread_mutex_unlock(&all_lock);
}

static void
delist(struct atl_loop *loop)
{
    pthread_mutex_lock(&all_lock);
    atl_list_remove(&loop->all);
    pthread_mutex_unlock(&all_lock);
}

bool
atl_loop_is_made_of(int fd)
{
    const struct atl_link *link;
    bool found = false;

    pthread_mutex_lock(&all_lock);
    for (link = all.next; link != &all && !found; link = link->next) {
        const struct atl_loop *loop = ATL_OWNER(link, struct atl_loop, all);

        found = atl_alarm_has(&loop->alarm, fd) || fd == loop->uv.backend_fd ||
                fd == loop->uv.async_io_watcher.fd ||
                fd == loop->uv.async_wfd || fd == loop->uv.signal_pipefd[0] ||
                fd == loop->uv.signal_pipefd[1];
    }
    pthread_mutex_unlock(&all_lock);
    return found;
}

int
atl_loop_init(struct atl_loop *loop)
{
    int err;

    memset(loop, 0, sizeof(*loop));
    loop->beat = ATL_BEAT;
    if ((err = uv_loop_init(&loop->uv)) != 0)
        return err;
    loop->uv.data = loop;
    if ((err = atl_alarm_open(&loop->alarm, &loop->uv)) != 0) {
        uv_loop_close(&loop->uv);
        return err;
    }
    atl_list_init(&loop->ready);
    atl_list_init(&loop->tomorrow);
    atl_list_init(&loop->turn_end);
    atl_list_init(&loop->watchers);
    atl_scope_open(&loop->root, NULL, NULL);
    atl_owner_init(&loop->roots, &roots_ops, NULL);
    loop->tick_shift = ATL_TICK_SHIFT;
    loop->round_shift = ATL_TICK_SHIFT;
    loop->now_ns = atl_loop_clock(loop);
    atl_wheel_init(&loop->wheel, loop->now_ns >> loop->tick_shift);
    enlist(loop);
    return 0;
}

void
atl_loop_set_clock(struct atl_loop *loop, struct atl_clock *clock)
{
    assert(loop->wheel.count == 0);
    loop->clock = clock;
    loop->tick_shift = 0;
    loop->now_ns = atl_loop_clock(loop);
    atl_wheel_init(&loop->wheel, loop->now_ns);
}

static void
free_slabs(struct atl_op_slab *slab)
{
    while (slab != NULL) {
        struct atl_op_slab *next = slab->next;

        atl_free(slab);
        slab = next;
    }
}

void
atl_loop_deinit(struct atl_loop *loop)
{
    int err;

    delist(loop);
    atl_alarm_close(&loop->alarm);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    err = uv_loop_close(&loop->uv);
    assert(err == 0); /* somebody left a handle open */
    (void)err;
    free_slabs(loop->op_slabs);
    free_slabs(loop->scope_slabs);
}

/* --- timers --- */

void
atl_timer_start(struct atl_loop *loop, struct atl_timer *timer, uint64_t due_ns,
                atl_timer_fn fn)
{
    atl_wheel_add(&loop->wheel, timer, atl_timer_tick(loop, due_ns), fn);
}

void
atl_timer_stop(struct atl_loop *loop, struct atl_timer *timer)
{
    atl_wheel_remove(&loop->wheel, timer);
}

/* When the wheel wants to be advanced, in uv_hrtime(): the poll ends then. */
static uint64_t
alarm_ns(struct atl_loop *loop)
{
    uint64_t tick = atl_wheel_next(&loop->wheel), due_ns;

    if (tick == NEVER)
        return ATL_ALARM_NEVER;
    due_ns = tick << loop->tick_shift;
    if (loop->clock != NULL) /* whose time isn't the alarm's */
        due_ns += uv_hrtime() - atl_loop_clock(loop);
    return due_ns;
}

/* --- the turn --- */

/* xorshift64*: an order for tests, not a secret. */
static uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

/* Under stress: the first, or with a seed one of the first eight. */
static struct atl_link *
choose_ready(struct atl_loop *loop)
{
    struct atl_stress *stress = loop->stress;
    struct atl_link *link;
    uint64_t skip;

    if (stress->before != NULL)
        stress->before(stress);
    link = loop->ready.next;
    if (stress->seed == 0)
        return link;
    skip = next_random(&stress->seed) >> 61;
    while (skip-- > 0 && link->next != &loop->ready)
        link = link->next;
    return link;
}

static struct atl_task *
pop_ready(struct atl_loop *loop)
{
    struct atl_link *link = loop->ready.next;

    if (loop->stress != NULL)
        link = choose_ready(loop);
    atl_list_remove(link);
    return ATL_OWNER(link, struct atl_task, queue);
}

static void
run_task(struct atl_loop *loop, struct atl_task *task)
{
    loop->current = task;
    atl_loop_beat(loop);
    task->ops->resume(task);
    loop->current = NULL;
}

static void
run_ready(struct atl_loop *loop)
{
    int left = ATL_LOOP_BURST;

    while (left-- > 0 && !atl_list_is_empty(&loop->ready))
        run_task(loop, pop_ready(loop));
}

void
atl_loop_run_now(struct atl_loop *loop, struct atl_task *task)
{
    assert(loop->current == NULL && task->state == ATL_TASK_NEW);
    if (loop->stress != NULL && loop->stress->before != NULL)
        loop->stress->before(loop->stress);
    run_task(loop, task);
    atl_loop_beat(loop); /* what follows in the poll is not its doing */
}

static void
run_hooks(struct atl_loop *loop)
{
    struct atl_link *link;

    while ((link = atl_list_pop(&loop->turn_end)) != NULL) {
        struct atl_hook *hook = ATL_OWNER(link, struct atl_hook, link);

        hook->fn(hook);
    }
}

static void
run_watchers(struct atl_loop *loop)
{
    struct atl_link *link, *next;

    for (link = loop->watchers.next; link != &loop->watchers; link = next) {
        struct atl_hook *hook = ATL_OWNER(link, struct atl_hook, link);

        next = link->next;
        hook->fn(hook);
    }
}

static bool
has_ready(const struct atl_loop *loop)
{
    return !atl_list_is_empty(&loop->ready) ||
           !atl_list_is_empty(&loop->tomorrow);
}

static void
enter_poll(struct atl_loop *loop)
{
    atomic_store_explicit(
        &loop->beat,
        atomic_load_explicit(&loop->beat, memory_order_relaxed) | ATL_BEAT_POLL,
        memory_order_relaxed);
}

/* If the poll took long, the watchdog's thread sleeps until this. */
void
atl_loop_leave_poll(struct atl_loop *loop)
{
    uint64_t beat = atomic_load_explicit(&loop->beat, memory_order_relaxed);

    atomic_store(&loop->beat, beat + ATL_BEAT - ATL_BEAT_POLL);
    if (loop->watchdog != NULL)
        atl_watchdog_rouse(loop->watchdog);
}

void
atl_loop_poll(struct atl_loop *loop, uint64_t until_ns)
{
    atl_alarm_set(&loop->alarm, until_ns);
    enter_poll(loop);
    uv_run(&loop->uv, UV_RUN_ONCE);
    atl_loop_woken(&loop->uv);
}

static void
poll_io(struct atl_loop *loop, bool block)
{
    if (block && loop->clock != NULL && loop->clock->idle != NULL) {
        uint64_t tick = atl_wheel_next(&loop->wheel);

        loop->clock->idle(loop->clock,
                          tick == NEVER ? NEVER : tick << loop->tick_shift);
        block = false;
    }
    if (!block) {
        atl_loop_beat(loop);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        return;
    }
    atl_loop_poll(loop, alarm_ns(loop));
}

void
atl_loop_turn(struct atl_loop *loop, bool block)
{
    run_ready(loop);
    atl_loop_beat(loop);
    run_hooks(loop);
    run_watchers(loop);
    if (loop->stopped)
        return;
    poll_io(loop, block && !has_ready(loop));
    loop->now_ns = atl_loop_clock(loop);
    atl_wheel_advance(&loop->wheel, loop->now_ns >> loop->tick_shift);
    atl_list_splice(&loop->ready, &loop->tomorrow);
    run_watchers(loop);
}

bool
atl_loop_has_work(const struct atl_loop *loop)
{
    return has_ready(loop) || !atl_list_is_empty(&loop->turn_end);
}

bool
atl_loop_is_alive(const struct atl_loop *loop)
{
    return atl_loop_has_work(loop) || loop->wheel.count > 0 ||
           uv_loop_alive(&loop->uv);
}

bool
atl_loop_run(struct atl_loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped && atl_loop_is_alive(loop))
        atl_loop_turn(loop, true);
    return loop->stopped;
}

void
atl_loop_stop(struct atl_loop *loop)
{
    loop->stopped = true;
}

void
atl_loop_at_turn_end(struct atl_loop *loop, struct atl_hook *hook)
{
    if (!atl_hook_is_waiting(hook))
        atl_list_push(&loop->turn_end, &hook->link);
}

void
atl_loop_watch(struct atl_loop *loop, struct atl_hook *hook)
{
    if (!atl_hook_is_waiting(hook))
        atl_list_push(&loop->watchers, &hook->link);
}

bool
atl_hook_is_waiting(const struct atl_hook *hook)
{
    return hook->link.next != NULL && hook->link.next != &hook->link;
}
