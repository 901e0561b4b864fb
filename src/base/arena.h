/* arena.h - bump allocator for memory that dies together.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Nothing is freed by itself; atl_arena_reset() frees all at once.
 * 2. The first block is lent by the owner and survives a reset, so that an
 *    arena that stays small never allocates.
 */
#ifndef ATL_BASE_ARENA_H
#define ATL_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct atl_arena_block;

struct atl_arena {
    char *ptr; /* next free byte */
    char *end; /* one past the present block */
    char *first;
    size_t first_size;
    struct atl_arena_block *blocks; /* owned, newest first */
};

/* Use `size` bytes at `first` (lent; may be NULL with 0) before allocating. */
void atl_arena_init(struct atl_arena *a, void *first, size_t size);

/* Free all but the first block; what was given out is invalid after. */
void atl_arena_reset(struct atl_arena *a);

/* `size` bytes, aligned to 16; never NULL. */
void *atl_arena_alloc(struct atl_arena *a, size_t size)
    __attribute__((returns_nonnull));

/* A copy of `s` in `a`, followed by a NUL that its length doesn't count. */
struct atl_str atl_arena_dup(struct atl_arena *a, struct atl_str s);

#endif
