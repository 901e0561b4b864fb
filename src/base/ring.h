/* ring.h - records from many threads to one reader, through a ring of bytes.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A push takes no lock and makes no system call; it fails when there is no
 *    room, and never overwrites.
 * 2. Records come out whole, in the order in which their room was taken.
 * 3. One thread reads at a time; whoever uses the ring sees to that.
 * 4. What has been read is zeroed before its room is given back, so that a
 *    header is 0 until its record has been written to the end.
 */
#ifndef ATL_BASE_RING_H
#define ATL_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atl_ring {
    _Alignas(64) atomic_ullong head; /* bytes ever taken by writers */
    unsigned char *data;             /* owned */
    size_t size;                     /* bytes, a power of two */
    _Alignas(64) atomic_ullong tail; /* bytes ever read */
};

/* `size` bytes, rounded up to a power of two; at least 64. */
void atl_ring_init(struct atl_ring *r, size_t size);
void atl_ring_deinit(struct atl_ring *r);

/*
 * Append a record of `len` bytes (1 to 2^31), from any thread.  Returns false
 * if there is no room for it: then nothing has changed.
 */
bool atl_ring_push(struct atl_ring *r, const void *src, size_t len)
    __attribute__((warn_unused_result));

/*
 * The length of the oldest record; 0 if there is none, or if it is still being
 * written.
 */
size_t atl_ring_next(const struct atl_ring *r);

/* Copy that record to `out` and give its room back. */
void atl_ring_pop(struct atl_ring *r, void *out);

/* Bytes in use, headers too; records that are being written count. */
size_t atl_ring_used(const struct atl_ring *r);

#endif
