/* arena.c - bump allocator for memory that dies together.  See arena.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define ALIGN 16
#define BLOCK_SIZE 8192

struct atl_arena_block {
    struct atl_arena_block *next;
    alignas(ALIGN) char bytes[];
};

#define BLOCK_ROOM (BLOCK_SIZE - sizeof(struct atl_arena_block))

_Static_assert(alignof(max_align_t) >= ALIGN, "malloc aligns to less");

/* Begin again in the lent block. */
static void
rewind_first(struct atl_arena *a)
{
    a->ptr = a->first;
    a->end = a->first_size > 0 ? a->first + a->first_size : a->first;
}

void
atl_arena_init(struct atl_arena *a, void *first, size_t size)
{
    a->first = first;
    a->first_size = size;
    a->blocks = NULL;
    rewind_first(a);
}

void
atl_arena_reset(struct atl_arena *a)
{
    struct atl_arena_block *block, *next;

    for (block = a->blocks; block != NULL; block = next) {
        next = block->next;
        atl_free(block);
    }
    a->blocks = NULL;
    rewind_first(a);
}

static struct atl_arena_block *
add_block(struct atl_arena *a, size_t room)
{
    struct atl_arena_block *block;
    size_t size = sizeof(*block) + room;

    /* A sum that wrapped is a size that no memory has: let it fail as such. */
    block = atl_malloc(size < room ? SIZE_MAX : size);
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

/* `size` (> 0) bytes from a new block: the present one hasn't got them. */
static char *
take_from_new(struct atl_arena *a, size_t size)
{
    struct atl_arena_block *block;

    /* A big one gets its own block; what the present one still has is kept. */
    if (size > BLOCK_ROOM / 4)
        return add_block(a, size)->bytes;
    block = add_block(a, BLOCK_ROOM);
    a->ptr = block->bytes + size;
    a->end = block->bytes + BLOCK_ROOM;
    return block->bytes;
}

/* `size` (> 0) bytes, aligned to `align`, a power of two up to ALIGN. */
static inline char *
take(struct atl_arena *a, size_t size, size_t align)
{
    size_t left = (size_t)(a->end - a->ptr);
    size_t pad = -(uintptr_t)a->ptr & (align - 1);
    char *got;

    if (size > left || pad > left - size)
        return take_from_new(a, size);
    got = a->ptr + pad;
    a->ptr = got + size;
    return got;
}

void *
atl_arena_alloc(struct atl_arena *a, size_t size)
{
    return take(a, size > 0 ? size : 1, ALIGN);
}

struct atl_str
atl_arena_dup(struct atl_arena *a, struct atl_str s)
{
    char *copy = take(a, s.len + 1, 1);

    if (s.len > 0) /* s.ptr may be NULL then, which memcpy doesn't take */
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct atl_str){copy, s.len};
}
