/* buf.c - growable byte buffer with a hard ceiling.  See buf.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

#define FIRST_ALLOC 64

void
atl_buf_init(struct atl_buf *b, size_t limit)
{
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    b->limit = limit;
}

void
atl_buf_deinit(struct atl_buf *b)
{
    atl_free(b->data);
    atl_buf_init(b, b->limit);
}

/* The capacity for `want` bytes, which is within the limit. */
static size_t
next_cap(const struct atl_buf *b, size_t want)
{
    size_t cap = b->cap > 0 ? b->cap : FIRST_ALLOC;

    while (cap < want) {
        if (cap > b->limit / 2)
            return b->limit;
        cap *= 2;
    }
    return cap < b->limit ? cap : b->limit;
}

int
atl_buf_reserve(struct atl_buf *b, size_t need)
{
    /* Subtract instead of add: `len + need` could wrap. */
    if (need > b->limit - b->len)
        return ATL_E_TOOBIG;
    if (need > b->cap - b->len) {
        b->cap = next_cap(b, b->len + need);
        b->data = atl_realloc(b->data, b->cap);
    }
    return 0;
}

int
atl_buf_append(struct atl_buf *b, const void *src, size_t len)
{
    int err;

    if (len == 0) /* `data` and `src` may be NULL, which memcpy doesn't take */
        return 0;
    if ((err = atl_buf_reserve(b, len)) != 0)
        return err;
    memcpy(b->data + b->len, src, len);
    b->len += len;
    return 0;
}
