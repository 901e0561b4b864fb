/* alloc.h - the only file that calls malloc; running out of memory aborts.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_ALLOC_H
#define ATL_BASE_ALLOC_H

#include <stddef.h>

/*
 * Like their namesakes, but they never return NULL: when memory is short they
 * print one line and abort.  Therefore all that a peer can grow has a limit.
 * Free with atl_free().  A size of 0 gives a unique pointer.
 */
void *atl_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *atl_calloc(size_t items, size_t size)
    __attribute__((malloc, returns_nonnull));
void *atl_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void atl_free(void *ptr);

/*
 * Blocks that are allocated and not freed, of all threads: for tests, which ask
 * whether everything has been given back.  Only debug builds count; else 0.
 */
size_t atl_alloc_live(void);

/* A NUL-terminated copy of `len` bytes; free with atl_free(). */
char *atl_strndup(const char *ptr, size_t len) __attribute__((returns_nonnull));

#endif
