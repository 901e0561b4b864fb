/* wheel.c - hierarchical timing wheel.  See wheel.h.
 * SPDX-License-Identifier: MIT
 *
 * A tick is read as a number of base 64.  A timer's level is the highest
 * digit in which its tick differs from `now`, its slot is that digit of its
 * tick.  From this follow the laws that the code rests on:
 *
 * 1. In a level, only slots after that of `now` hold timers; so the lowest
 *    bit that is set is the next one, and nothing wraps around.
 * 2. All that a level holds is due before anything in the level above.
 * 3. While `now` moves, but to no used slot's first tick, every timer's place
 *    stays what it is.  So at any time all timers of one tick are in one
 *    slot, and as slots are appended to and spread in order, they stay in the
 *    order in which they were added.
 * 4. A bit of `used` is set if and only if its slot holds timers.
 *
 * A timer that differs above the last level is in the last level's last slot.
 * It is placed again when that slot comes, and when all levels wrap; for it
 * alone law 1 has an exception: the slot may be that of `now`.
 */
#include "rt/wheel.h"

#include <stddef.h>

#define LAST_LEVEL (ATL_WHEEL_LEVELS - 1)
#define LAST_SLOT (ATL_WHEEL_SLOTS - 1)
#define SPAN_BITS (ATL_WHEEL_LEVELS * ATL_WHEEL_BITS)

_Static_assert(ATL_WHEEL_SLOTS == 64, "a level's bitmap is one uint64_t");
_Static_assert(SPAN_BITS < 64, "first_tick() shifts by as much");

struct place {
    int level;
    int slot;
};

/* Where a timer of `tick`, which is after `now`, belongs. */
static inline struct place
find_place(uint64_t now, uint64_t tick)
{
    int bit = 63 - __builtin_clzll(tick ^ now);
    int level = bit / ATL_WHEEL_BITS;

    if (level > LAST_LEVEL)
        return (struct place){LAST_LEVEL, LAST_SLOT};
    return (struct place){
        .level = level,
        .slot = (int)(tick >> level * ATL_WHEEL_BITS & LAST_SLOT),
    };
}

static inline void
put(struct atl_wheel *w, struct atl_timer *timer)
{
    struct place at = find_place(w->now, timer->tick);

    w->used[at.level] |= UINT64_C(1) << at.slot;
    atl_list_push(&w->slot[at.level][at.slot], &timer->link);
}

void
atl_timer_init(struct atl_timer *timer)
{
    atl_list_init(&timer->link);
    timer->tick = 0;
    timer->fn = NULL;
}

bool
atl_timer_is_active(const struct atl_timer *timer)
{
    return timer->link.next != NULL && timer->link.next != &timer->link;
}

void
atl_wheel_init(struct atl_wheel *w, uint64_t now)
{
    int level, slot;

    w->now = now;
    w->count = 0;
    atl_list_init(&w->due);
    for (level = 0; level < ATL_WHEEL_LEVELS; level++) {
        w->used[level] = 0;
        for (slot = 0; slot < ATL_WHEEL_SLOTS; slot++)
            atl_list_init(&w->slot[level][slot]);
    }
}

void
atl_wheel_add(struct atl_wheel *w, struct atl_timer *timer, uint64_t tick,
              atl_timer_fn fn)
{
    atl_wheel_remove(w, timer);
    timer->fn = fn;
    w->count++;
    if (tick > w->now) {
        timer->tick = tick;
        put(w, timer);
    } else {
        timer->tick = w->now;
        atl_list_push(&w->due, &timer->link);
    }
}

void
atl_wheel_remove(struct atl_wheel *w, struct atl_timer *timer)
{
    struct atl_link *neighbour = timer->link.next;

    if (!atl_timer_is_active(timer))
        return;
    atl_list_remove(&timer->link);
    w->count--;
    /* Alone with the head?  If the head is a slot's, clear the slot's bit. */
    if (atl_list_is_empty(neighbour) && timer->tick > w->now) {
        struct place at = find_place(w->now, timer->tick);

        w->used[at.level] &= ~(UINT64_C(1) << at.slot);
    }
}

/* The next slot that holds timers; false if all are empty. */
static bool
find_next(const struct atl_wheel *w, struct place *at_out)
{
    int level;

    for (level = 0; level < ATL_WHEEL_LEVELS; level++) {
        if (w->used[level] == 0)
            continue;
        at_out->level = level;
        at_out->slot = __builtin_ctzll(w->used[level]);
        return true;
    }
    return false;
}

/* The tick at which the slot comes: all digits below its own are 0. */
static uint64_t
first_tick(const struct atl_wheel *w, struct place at)
{
    int shift = at.level * ATL_WHEEL_BITS;
    int above = shift + ATL_WHEEL_BITS;
    uint64_t tick = w->now >> above << above | (uint64_t)at.slot << shift;

    /* The last slot is here already; what it holds waits for the wrap. */
    if (tick <= w->now)
        tick = ((w->now >> SPAN_BITS) + 1) << SPAN_BITS;
    return tick;
}

uint64_t
atl_wheel_next(const struct atl_wheel *w)
{
    struct place at;

    if (!atl_list_is_empty(&w->due))
        return w->now;
    return find_next(w, &at) ? first_tick(w, at) : UINT64_MAX;
}

/* All that fires before the timers of the next slot is in that slot. */
uint64_t
atl_wheel_first(const struct atl_wheel *w)
{
    const struct atl_link *head, *link;
    uint64_t first = UINT64_MAX;
    struct place at;

    if (!atl_list_is_empty(&w->due))
        return w->now;
    if (!find_next(w, &at))
        return UINT64_MAX;
    head = &w->slot[at.level][at.slot];
    for (link = head->next; link != head; link = link->next) {
        const struct atl_timer *timer =
            ATL_OWNER(link, const struct atl_timer, link);

        if (timer->tick < first)
            first = timer->tick;
    }
    return first;
}

/*
 * The slot `at` has come: `now` is its first tick.  What is due goes to
 * `firing`, the rest to lower levels, which are all empty (law 2).
 */
static void
spread(struct atl_wheel *w, struct place at, struct atl_link *firing)
{
    struct atl_link from, *link, *next;

    atl_list_init(&from);
    atl_list_splice(&from, &w->slot[at.level][at.slot]);
    w->used[at.level] &= ~(UINT64_C(1) << at.slot);
    for (link = from.next; link != &from; link = next) {
        struct atl_timer *timer = ATL_OWNER(link, struct atl_timer, link);

        next = link->next;
        if (timer->tick > w->now)
            put(w, timer);
        else
            atl_list_push(firing, link);
    }
}

/* Move to tick `now`; what is due on the way goes to `firing`, in order. */
static void
collect(struct atl_wheel *w, uint64_t now, struct atl_link *firing)
{
    struct place at;

    while (find_next(w, &at)) {
        uint64_t tick = first_tick(w, at);

        if (tick > now)
            break;
        w->now = tick;
        spread(w, at, firing);
    }
    w->now = now;
}

/*
 * Nothing is put on `firing` once the first callback runs, so this ends; and
 * a timer on it that a callback removes or moves is off it like off any list.
 */
static uint64_t
fire(struct atl_wheel *w, struct atl_link *firing)
{
    struct atl_link *link;
    uint64_t ran = 0;

    while ((link = atl_list_pop(firing)) != NULL) {
        struct atl_timer *timer = ATL_OWNER(link, struct atl_timer, link);

        w->count--;
        ran++;
        timer->fn(timer); /* last: its owner may be gone after */
    }
    return ran;
}

uint64_t
atl_wheel_advance(struct atl_wheel *w, uint64_t now)
{
    struct atl_link firing;

    atl_list_init(&firing);
    atl_list_splice(&firing, &w->due); /* their ticks are the earliest */
    if (now > w->now)
        collect(w, now, &firing);
    return fire(w, &firing);
}
