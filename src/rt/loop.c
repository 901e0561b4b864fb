/* loop.c - the event loop.  See loop.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/loop.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define NEVER UINT64_MAX

uint64_t
atl_loop_clock(struct atl_loop *loop)
{
    return loop->clock != NULL ? loop->clock->now_ns(loop->clock) : uv_hrtime();
}

/*
 * All that the ticker is for is that the poll returns.  libuv runs timers
 * before it polls, too, and would then wait without an end: uv_stop() makes
 * that poll a short one.
 */
static void
on_tick(uv_timer_t *ticker)
{
    struct atl_loop *loop = ticker->data;

    loop->armed_tick = NEVER;
    uv_stop(&loop->uv);
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

int
atl_loop_init(struct atl_loop *loop)
{
    int err;

    memset(loop, 0, sizeof(*loop));
    if ((err = uv_loop_init(&loop->uv)) != 0)
        return err;
    if ((err = uv_timer_init(&loop->uv, &loop->ticker)) != 0)
        return err;
    loop->uv.data = loop;
    loop->ticker.data = loop;
    loop->armed_tick = NEVER;
    atl_list_init(&loop->ready);
    atl_list_init(&loop->tomorrow);
    atl_list_init(&loop->turn_end);
    atl_scope_open(&loop->root, NULL, NULL);
    atl_owner_init(&loop->roots, &roots_ops, NULL);
    loop->now_ns = atl_loop_clock(loop);
    atl_wheel_init(&loop->wheel, loop->now_ns >> ATL_TICK_SHIFT);
    return 0;
}

void
atl_loop_deinit(struct atl_loop *loop)
{
    struct atl_op_slab *slab;
    int err;

    uv_close((uv_handle_t *)&loop->ticker, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    err = uv_loop_close(&loop->uv);
    assert(err == 0); /* somebody left a handle open */
    (void)err;
    while ((slab = loop->op_slabs) != NULL) {
        loop->op_slabs = slab->next;
        atl_free(slab);
    }
}

/* --- timers --- */

void
atl_timer_start(struct atl_loop *loop, struct atl_timer *timer, uint64_t due_ns,
                atl_timer_fn fn)
{
    /* Round up: a timer is never early. */
    uint64_t tick = (due_ns >> ATL_TICK_SHIFT) + 1;

    atl_wheel_add(&loop->wheel, timer, tick, fn);
}

void
atl_timer_stop(struct atl_loop *loop, struct atl_timer *timer)
{
    atl_wheel_remove(&loop->wheel, timer);
}

/* Make the coming poll return when the wheel wants to be advanced. */
static void
arm_ticker(struct atl_loop *loop)
{
    uint64_t tick = atl_wheel_next(&loop->wheel);
    uint64_t due_ns, now_ns, ms = 0;

    if (tick == loop->armed_tick)
        return;
    loop->armed_tick = tick;
    if (tick == NEVER) {
        uv_timer_stop(&loop->ticker);
        return;
    }
    due_ns = tick << ATL_TICK_SHIFT;
    now_ns = atl_loop_clock(loop);
    if (due_ns > now_ns)
        ms = (due_ns - now_ns + 999999) / 1000000;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->ticker, on_tick, ms, 0);
}

/* --- the turn --- */

/* xorshift64*: an order for tests, not a secret. */
static uint64_t
next_random(struct atl_loop *loop)
{
    loop->seed ^= loop->seed >> 12;
    loop->seed ^= loop->seed << 25;
    loop->seed ^= loop->seed >> 27;
    return loop->seed * UINT64_C(2685821657736338717);
}

/* The task to run next: the first, or with a seed one of the first eight. */
static struct atl_task *
pop_ready(struct atl_loop *loop)
{
    struct atl_link *link = loop->ready.next;

    if (loop->seed != 0) {
        uint64_t skip = next_random(loop) >> 61;

        while (skip-- > 0 && link->next != &loop->ready)
            link = link->next;
    }
    atl_list_remove(link);
    return ATL_OWNER(link, struct atl_task, queue);
}

static void
run_ready(struct atl_loop *loop)
{
    int left = ATL_LOOP_BURST;

    while (left-- > 0 && !atl_list_is_empty(&loop->ready)) {
        struct atl_task *task = pop_ready(loop);

        loop->current = task;
        task->ops->resume(task);
        loop->current = NULL;
    }
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

static bool
has_ready(const struct atl_loop *loop)
{
    return !atl_list_is_empty(&loop->ready) ||
           !atl_list_is_empty(&loop->tomorrow);
}

static void
poll_io(struct atl_loop *loop, bool block)
{
    if (block && loop->clock != NULL && loop->clock->idle != NULL) {
        uint64_t tick = atl_wheel_next(&loop->wheel);

        loop->clock->idle(loop->clock,
                          tick == NEVER ? NEVER : tick << ATL_TICK_SHIFT);
        block = false;
    }
    if (block)
        arm_ticker(loop);
    uv_run(&loop->uv, block ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void
atl_loop_turn(struct atl_loop *loop, bool block)
{
    run_ready(loop);
    run_hooks(loop);
    if (loop->stopped)
        return;
    poll_io(loop, block && !has_ready(loop));
    loop->now_ns = atl_loop_clock(loop);
    atl_wheel_advance(&loop->wheel, loop->now_ns >> ATL_TICK_SHIFT);
    atl_list_splice(&loop->ready, &loop->tomorrow);
}

bool
atl_loop_is_alive(const struct atl_loop *loop)
{
    return has_ready(loop) || loop->wheel.count > 0 ||
           !atl_list_is_empty(&loop->turn_end) || uv_loop_alive(&loop->uv);
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

bool
atl_hook_is_waiting(const struct atl_hook *hook)
{
    return hook->link.next != NULL && hook->link.next != &hook->link;
}
