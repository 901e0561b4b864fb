/* buf.h - growable byte buffer with a hard ceiling.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_BUF_H
#define ATL_BASE_BUF_H

#include <stddef.h>

struct atl_buf {
    char *data;   /* owned; NULL until the first append */
    size_t len;   /* bytes in use */
    size_t cap;   /* bytes allocated */
    size_t limit; /* most bytes this buffer may ever hold */
};

/* Make `b` empty, with nothing allocated. */
void atl_buf_init(struct atl_buf *b, size_t limit);

/* Free what `b` owns; it may be initialised again. */
void atl_buf_deinit(struct atl_buf *b);

/*
 * Make room for `need` more bytes at data + len, growing by doubling.
 * Returns 0, or ATL_E_TOOBIG if the result would pass the limit; on error the
 * buffer is unchanged.  Pointers obtained from `b` are invalid after.
 */
int atl_buf_reserve(struct atl_buf *b, size_t need)
    __attribute__((warn_unused_result));

/*
 * Copy `len` bytes from `src`, which isn't in `b`, to the end of `b`; errors
 * and invalidation as for atl_buf_reserve().
 */
int atl_buf_append(struct atl_buf *b, const void *src, size_t len)
    __attribute__((warn_unused_result));

#endif
