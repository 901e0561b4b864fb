/* ring_test.c - records from many threads to one reader.
 * SPDX-License-Identifier: MIT
 */
#include "base/ring.h"

#include <pthread.h>

#include "unit/test.h"

#define SIZE 256 /* bytes of most rings here */

static void
fill(char *out, size_t len, unsigned seed)
{
    size_t i;

    for (i = 0; i < len; i++)
        out[i] = (char)(seed * 31 + i);
}

TEST(an_empty_ring_has_no_next)
{
    struct atl_ring r;

    atl_ring_init(&r, SIZE);
    CHECK_INT(atl_ring_next(&r), 0);
    CHECK_INT(atl_ring_used(&r), 0);
    atl_ring_deinit(&r);
}

TEST(the_size_is_rounded_up_to_a_power_of_two)
{
    struct atl_ring r;

    atl_ring_init(&r, 1000);
    CHECK_INT(r.size, 1024);
    atl_ring_deinit(&r);
    atl_ring_init(&r, 1);
    CHECK_INT(r.size, 64);
    atl_ring_deinit(&r);
}

TEST(records_come_out_in_their_order)
{
    struct atl_ring r;
    char out[8];

    atl_ring_init(&r, SIZE);
    CHECK(atl_ring_push(&r, "one", 3));
    CHECK(atl_ring_push(&r, "three", 5));
    CHECK_INT(atl_ring_next(&r), 3);
    atl_ring_pop(&r, out);
    CHECK_MEM(out, 3, "one");
    CHECK_INT(atl_ring_next(&r), 5);
    atl_ring_pop(&r, out);
    CHECK_MEM(out, 5, "three");
    CHECK_INT(atl_ring_next(&r), 0);
    CHECK_INT(atl_ring_used(&r), 0);
    atl_ring_deinit(&r);
}

TEST(every_length_survives_every_place_of_the_wrap)
{
    struct atl_ring r;
    char in[SIZE], out[SIZE];
    unsigned round = 0;
    size_t len, at;

    for (at = 0; at < SIZE; at += 4) {
        for (len = 1; len <= SIZE - 4; len++) {
            atl_ring_init(&r, SIZE);
            if (at > 4) { /* the record begins at byte `at` */
                CHECK(atl_ring_push(&r, in, at - 4));
                atl_ring_pop(&r, out);
            }
            fill(in, len, ++round);
            CHECK(atl_ring_push(&r, in, len));
            CHECK_INT(atl_ring_next(&r), len);
            memset(out, 0x55, sizeof(out));
            atl_ring_pop(&r, out);
            CHECK(memcmp(in, out, len) == 0);
            CHECK_INT(atl_ring_next(&r), 0);
            atl_ring_deinit(&r);
        }
    }
}

TEST(what_was_read_is_zero_again)
{
    struct atl_ring r;
    char out[SIZE];
    int i;

    atl_ring_init(&r, SIZE);
    memset(out, 0xff, sizeof(out));
    for (i = 0; i < 100; i++) {
        CHECK(atl_ring_push(&r, out, 61));
        CHECK(atl_ring_push(&r, out, 90));
        atl_ring_pop(&r, out);
        atl_ring_pop(&r, out);
        CHECK_INT(atl_ring_next(&r), 0);
    }
    for (i = 0; i < SIZE; i++)
        CHECK_INT(r.data[i], 0);
    atl_ring_deinit(&r);
}

TEST(a_push_without_room_fails_and_changes_nothing)
{
    struct atl_ring r;
    char data[SIZE] = {1}, out[SIZE];
    size_t used;

    atl_ring_init(&r, SIZE);
    CHECK(!atl_ring_push(&r, data, SIZE - 3)); /* a header has 4 bytes */
    CHECK_INT(atl_ring_used(&r), 0);
    CHECK(atl_ring_push(&r, data, 100));
    used = atl_ring_used(&r);
    CHECK(!atl_ring_push(&r, data, SIZE - used - 3));
    CHECK_INT(atl_ring_used(&r), used);
    CHECK(atl_ring_push(&r, data, SIZE - used - 4)); /* and this just fits */
    CHECK_INT(atl_ring_used(&r), SIZE);
    CHECK(!atl_ring_push(&r, data, 1));
    atl_ring_pop(&r, out);
    atl_ring_pop(&r, out);
    CHECK_INT(atl_ring_used(&r), 0);
    atl_ring_deinit(&r);
}

/* --- several threads --- */

#define WRITERS 4
#define RECORDS 20000

struct record {
    unsigned writer;
    unsigned number;
    unsigned char rest[56]; /* `number` in each byte */
};

struct writer {
    pthread_t thread;
    struct atl_ring *ring;
    unsigned id;
    unsigned pushed;
    unsigned failed;
};

static size_t
length_of(unsigned number)
{
    return offsetof(struct record, rest) + number % 56;
}

static void *
write_all(void *arg)
{
    struct writer *w = arg;
    struct record record = {.writer = w->id};

    while (w->pushed < RECORDS) {
        record.number = w->pushed;
        memset(record.rest, (unsigned char)w->pushed, sizeof(record.rest));
        if (atl_ring_push(w->ring, &record, length_of(w->pushed)))
            w->pushed++;
        else
            w->failed++;
    }
    return NULL;
}

/* The next record of `w`'s writers is whole, and the next of its writer. */
static void
check_record(const struct record *record, size_t len, unsigned *seen)
{
    size_t i;

    CHECK(record->writer < WRITERS);
    CHECK_INT(record->number, seen[record->writer]);
    CHECK_INT(len, length_of(record->number));
    for (i = 0; i < len - offsetof(struct record, rest); i++)
        CHECK_INT(record->rest[i], (unsigned char)record->number);
    seen[record->writer]++;
}

TEST(each_of_several_writers_is_read_in_order_and_whole)
{
    struct writer writers[WRITERS];
    unsigned seen[WRITERS] = {0}, total = 0, i;
    struct atl_ring r;
    struct record record;
    size_t len;

    atl_ring_init(&r, 1024); /* small, so that it is full all the time */
    for (i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.ring = &r, .id = i};
        pthread_create(&writers[i].thread, NULL, write_all, &writers[i]);
    }
    while (total < WRITERS * RECORDS) {
        if ((len = atl_ring_next(&r)) == 0)
            continue;
        CHECK(len <= sizeof(record));
        atl_ring_pop(&r, &record);
        check_record(&record, len, seen);
        total++;
    }
    for (i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        CHECK_INT(seen[i], RECORDS);
    }
    CHECK_INT(atl_ring_next(&r), 0);
    CHECK_INT(atl_ring_used(&r), 0);
    atl_ring_deinit(&r);
}
