/* json_sort.c - the order of an object's keys.  See json_scratch.h.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "lua/json_scratch.h"

#define MAX_INSERTED 24 /* keys that are sorted by insertion */

static int
compare(const void *a, const void *b)
{
    const struct atl_json_key *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    order = memcmp(x->ptr, y->ptr, len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void
atl_json_keys_sort(struct atl_json_key *keys, int count)
{
    int i, k;

    if (count > MAX_INSERTED) {
        qsort(keys, (size_t)count, sizeof(*keys), compare);
        return;
    }
    for (i = 1; i < count; i++) {
        struct atl_json_key key = keys[i];

        for (k = i; k > 0 && (key.prefix < keys[k - 1].prefix ||
                              (key.prefix == keys[k - 1].prefix &&
                               compare(&key, &keys[k - 1]) < 0));
             k--)
            keys[k] = keys[k - 1];
        keys[k] = key;
    }
}
