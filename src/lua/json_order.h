/* json_order.h - the keys of an object that is being encoded, by their bytes.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_ORDER_H
#define ATL_LUA_JSON_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/word.h"

struct atl_json_key {
    uint64_t prefix; /* its first 8 bytes, comparable */
    const char *ptr; /* the string is held by the Lua stack */
    size_t len;
    int slot; /* where the value is found */
};

static inline struct atl_json_key
atl_json_key(const char *ptr, size_t len, int slot)
{
    uint64_t word = 0;

    if (len >= 8)
        word = atl_word_load(ptr);
    else if (len > 0)
        word = atl_word_load_few(ptr, len);
    return (struct atl_json_key){__builtin_bswap64(word), ptr, len, slot};
}

void atl_json_keys_sort(struct atl_json_key *keys, int count);

#endif
