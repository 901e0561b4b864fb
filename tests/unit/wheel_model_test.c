/* wheel_model_test.c - the timing wheel against a naive model.
 * SPDX-License-Identifier: MIT
 *
 * Random additions, removals and advances, half of them made by callbacks, of
 * timers near and far; after each the wheel is asked for what the model says.
 */
#include "rt/wheel.h"

#include "unit/test.h"

#define TWO_TO(n) (UINT64_C(1) << (n))

enum {
    ENTRIES = 200,
    STEPS = 12000,
};

static struct atl_wheel w;

/* The model of one timer: what the wheel is told, and nothing it says. */
struct entry {
    struct atl_timer timer;
    bool active;
    uint64_t tick;
    uint64_t serial; /* of its adding */
};

static struct entry entries[ENTRIES];

static struct {
    uint64_t now;
    uint64_t serial; /* of the next adding */
    uint64_t begun;  /* `serial` when the last advance began */
    uint64_t fired;  /* in the last advance */
    uint64_t random;
    int spread; /* ticks lie up to 2^spread apart */
} model;

/* xorshift64*: the same numbers for the same seed everywhere. */
static uint64_t
next_random(void)
{
    model.random ^= model.random >> 12;
    model.random ^= model.random << 25;
    model.random ^= model.random >> 27;
    return model.random * UINT64_C(2685821657736338717);
}

static uint64_t
random_below(uint64_t limit)
{
    return (next_random() >> 11) % limit;
}

/* Of any magnitude up to the spread. */
static uint64_t
random_distance(void)
{
    return next_random() >> (63 - random_below((uint64_t)model.spread));
}

static uint64_t
later(uint64_t tick, uint64_t distance)
{
    return distance > UINT64_MAX - tick ? UINT64_MAX : tick + distance;
}

static struct entry *
random_entry(void)
{
    return &entries[random_below(ENTRIES)];
}

/*
 * The first of all active entries, or of those that the advance which is
 * going on has yet to run; NULL if there is none.
 */
static struct entry *
find_first(bool in_advance)
{
    struct entry *first = NULL, *e;

    for (e = entries; e < entries + ENTRIES; e++) {
        if (!e->active)
            continue;
        if (in_advance && (e->tick > model.now || e->serial >= model.begun))
            continue;
        if (first == NULL || e->tick < first->tick ||
            (e->tick == first->tick && e->serial < first->serial))
            first = e;
    }
    return first;
}

static uint64_t
random_tick(void)
{
    uint64_t distance = random_distance();

    switch (random_below(8)) {
    case 0: /* the same as another's, which was added long ago perhaps */
        return random_entry()->tick;
    case 1:
        return distance < model.now ? model.now - distance : 0;
    case 2: /* a slot's first tick, or the last before it */
        return (later(model.now, distance) & ~UINT64_C(63)) - random_below(2);
    default:
        return later(model.now, distance);
    }
}

static void on_entry(struct atl_timer *timer);

static void
add_entry(struct entry *e, uint64_t tick)
{
    e->active = true;
    e->tick = tick > model.now ? tick : model.now;
    e->serial = model.serial++;
    atl_wheel_add(&w, &e->timer, tick, on_entry);
}

static void
remove_entry(struct entry *e)
{
    e->active = false;
    atl_wheel_remove(&w, &e->timer);
}

static void
change_something(void)
{
    if (random_below(5) < 3)
        add_entry(random_entry(), random_tick());
    else
        remove_entry(random_entry());
}

static void
on_entry(struct atl_timer *timer)
{
    struct entry *e = ATL_OWNER(timer, struct entry, timer);
    uint64_t changes = random_below(4);

    CHECK(e->active);
    CHECK(e->tick <= model.now);
    CHECK(e == find_first(true));
    e->active = false;
    model.fired++;
    if (random_below(2) == 0)
        add_entry(e, random_tick());
    while (changes-- > 0)
        change_something();
}

static uint64_t
random_target(void)
{
    struct entry *first = find_first(false);
    uint64_t earliest = first != NULL ? first->tick : model.now;

    switch (random_below(6)) {
    case 0:
        return model.now;
    case 1:
        return first != NULL ? atl_wheel_next(&w) : model.now;
    case 2:
        return earliest;
    case 3:
        return earliest > model.now ? earliest - 1 : model.now;
    case 4:
        return later(earliest, random_below(100));
    default:
        return later(model.now, random_distance());
    }
}

static void
advance_both(uint64_t now)
{
    model.now = now;
    model.begun = model.serial;
    model.fired = 0;
    CHECK(atl_wheel_advance(&w, now) == model.fired);
    CHECK(find_first(true) == NULL); /* all that was due has run */
}

static void
check_next(void)
{
    struct entry *first = find_first(false);
    uint64_t next = atl_wheel_next(&w);

    if (first == NULL) {
        CHECK(next == UINT64_MAX);
        CHECK(atl_wheel_first(&w) == UINT64_MAX);
        return;
    }
    CHECK_INT(atl_wheel_first(&w), first->tick);
    CHECK(next <= first->tick);
    /* Else the loop would spin: an advance must bring something about. */
    CHECK(next > model.now || first->tick == model.now);
}

static void
check_state(void)
{
    uint64_t active = 0;
    int i, level, slot;

    for (i = 0; i < ENTRIES; i++) {
        active += entries[i].active;
        CHECK(atl_timer_is_active(&entries[i].timer) == entries[i].active);
    }
    CHECK_INT(w.count, active);
    CHECK(w.now == model.now);
    for (level = 0; level < ATL_WHEEL_LEVELS; level++)
        for (slot = 0; slot < ATL_WHEEL_SLOTS; slot++)
            CHECK_INT(w.used[level] >> slot & 1,
                      !atl_list_is_empty(&w.slot[level][slot]));
}

static void
run_model(uint64_t start, int spread, uint64_t seed)
{
    int i;

    memset(entries, 0, sizeof(entries));
    memset(&model, 0, sizeof(model));
    model.now = start;
    model.spread = spread;
    model.random = seed;
    atl_wheel_init(&w, start);
    for (i = 0; i < STEPS; i++) {
        if (random_below(4) == 0)
            advance_both(random_target());
        else
            change_something();
        check_next();
        if (i % 50 == 0)
            check_state();
    }
    check_state();
}

/* From the start of time, before borders of the levels, and near its end. */
static void
run_models(int spread)
{
    static const uint64_t starts[] = {
        0, 4095, TWO_TO(48) - 5000, 77 * TWO_TO(42) - 1, 0 - TWO_TO(20),
    };
    size_t i;

    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        run_model(starts[i], spread, (uint64_t)spread * 100 + i);
}

TEST(timers_up_to_2_4_ticks_apart_agree_with_the_model)
{
    run_models(4);
}

TEST(timers_up_to_2_8_ticks_apart_agree_with_the_model)
{
    run_models(8);
}

TEST(timers_up_to_2_14_ticks_apart_agree_with_the_model)
{
    run_models(14);
}

TEST(timers_up_to_2_26_ticks_apart_agree_with_the_model)
{
    run_models(26);
}

TEST(timers_up_to_2_44_ticks_apart_agree_with_the_model)
{
    run_models(44);
}

TEST(timers_up_to_2_51_ticks_apart_agree_with_the_model)
{
    run_models(51);
}
