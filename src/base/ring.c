/* ring.c - records from many threads to one reader.  See ring.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/ring.h"

#include <string.h>

#include "base/alloc.h"

#define HEADER 4 /* bytes: the record's length, at a multiple of itself */
#define MIN_SIZE 64

typedef _Atomic uint32_t header;

static header *
header_at(const struct atl_ring *r, unsigned long long at)
{
    return (header *)(void *)(r->data + (at & (r->size - 1)));
}

/* What a record of `len` bytes takes, so that the next header is aligned. */
static size_t
room_for(size_t len)
{
    return (HEADER + len + HEADER - 1) & ~(size_t)(HEADER - 1);
}

void
atl_ring_init(struct atl_ring *r, size_t size)
{
    r->size = MIN_SIZE;
    while (r->size < size)
        r->size *= 2;
    r->data = atl_calloc(1, r->size);
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
}

void
atl_ring_deinit(struct atl_ring *r)
{
    atl_free(r->data);
    r->data = NULL;
}

bool
atl_ring_push(struct atl_ring *r, const void *src, size_t len)
{
    size_t room = room_for(len), offset, first;
    unsigned long long head, tail;

    head = atomic_load_explicit(&r->head, memory_order_relaxed);
    do {
        /* If `head` is stale, so that `tail` has passed it, the exchange
         * fails, whatever the comparison says. */
        tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (room > r->size - (size_t)(head - tail))
            return false;
    } while (!atomic_compare_exchange_weak(&r->head, &head, head + room));
    offset = (size_t)(head + HEADER) & (r->size - 1);
    first = r->size - offset < len ? r->size - offset : len;
    memcpy(r->data + offset, src, first);
    memcpy(r->data, (const char *)src + first, len - first);
    atomic_store_explicit(header_at(r, head), (uint32_t)len,
                          memory_order_release);
    return true;
}

size_t
atl_ring_next(const struct atl_ring *r)
{
    unsigned long long tail =
        atomic_load_explicit(&r->tail, memory_order_relaxed);

    return atomic_load_explicit(header_at(r, tail), memory_order_acquire);
}

void
atl_ring_pop(struct atl_ring *r, void *out)
{
    unsigned long long tail =
        atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t len = atl_ring_next(r), room = room_for(len);
    size_t offset = (size_t)(tail + HEADER) & (r->size - 1);
    size_t first = r->size - offset < len ? r->size - offset : len;

    memcpy(out, r->data + offset, first);
    memcpy((char *)out + first, r->data, len - first);
    offset = (size_t)tail & (r->size - 1);
    first = r->size - offset < room ? r->size - offset : room;
    memset(r->data + offset, 0, first);
    memset(r->data, 0, room - first);
    atomic_store_explicit(&r->tail, tail + room, memory_order_release);
}

size_t
atl_ring_used(const struct atl_ring *r)
{
    unsigned long long tail = atomic_load(&r->tail);

    return (size_t)(atomic_load(&r->head) - tail);
}
