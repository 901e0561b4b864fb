/* alloc.c - the only file that calls malloc.  See alloc.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef ATL_COUNT_ALLOCS
#include <stdatomic.h>

static _Atomic size_t live;

static void
count(int blocks)
{
    atomic_fetch_add_explicit(&live, (size_t)blocks, memory_order_relaxed);
}

size_t
atl_alloc_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
#else
static inline void
count(int blocks)
{
    (void)blocks;
}

size_t
atl_alloc_live(void)
{
    return 0;
}
#endif

/* The one place where Atlas ends for want of memory: nothing here allocates. */
static _Noreturn void
die(size_t size)
{
    static const char head[] = "atlas: out of memory (wanted ";
    static const char tail[] = " bytes)\n";
    char line[sizeof(head) + sizeof(tail) + 20]; /* 2^64 has 20 digits */
    char *end = line + sizeof(line);
    char *p = end - (sizeof(tail) - 1);

    memcpy(p, tail, sizeof(tail) - 1);
    do
        *--p = (char)('0' + size % 10);
    while ((size /= 10) > 0);
    p -= sizeof(head) - 1;
    memcpy(p, head, sizeof(head) - 1);
    if (write(STDERR_FILENO, p, (size_t)(end - p)) < 0)
        abort(); /* nobody is left to be told */
    abort();
}

void *
atl_malloc(size_t size)
{
    /* C lets malloc(0) return NULL. */
    void *ptr = malloc(size > 0 ? size : 1);

    if (ptr == NULL)
        die(size);
    count(1);
    return ptr;
}

void *
atl_calloc(size_t items, size_t size)
{
    void *ptr;

    if (items == 0 || size == 0)
        items = size = 1; /* as for malloc(0) */
    if ((ptr = calloc(items, size)) == NULL)
        die(items > SIZE_MAX / size ? SIZE_MAX : items * size);
    count(1);
    return ptr;
}

void *
atl_realloc(void *ptr, size_t size)
{
    /* realloc(ptr, 0) may free `ptr` and return NULL. */
    void *moved = realloc(ptr, size > 0 ? size : 1);

    if (moved == NULL)
        die(size);
    count(ptr == NULL);
    return moved;
}

void
atl_free(void *ptr)
{
    count(-(ptr != NULL));
    free(ptr);
}

char *
atl_strndup(const char *ptr, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        die(len);
    copy = atl_malloc(len + 1);
    if (len > 0) /* `ptr` may be NULL then, which memcpy doesn't take */
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}
