/* json_keys.h - the keys of decoded objects: seen again, and repeated.
 * SPDX-License-Identifier: MIT
 *
 * Objects in an array have the same keys, so each key of a text is looked up
 * here before it becomes a Lua string, which costs a hash and a search in
 * the VM.  The same tells whether an object repeats a key.
 *
 * Laws:
 * 1. Objects are numbered in the order in which they begin.  A key notes the
 *    number of the last object that it was seen in.
 * 2. A key noted with less than the present object's number is new in that
 *    object; with the same, repeated.  With more it was seen in an object
 *    inside the present one, which may have covered the present one's note.
 * 3. A key that isn't here is new, unless one with at least the present
 *    object's number was thrown out.
 */
#ifndef ATL_LUA_JSON_KEYS_H
#define ATL_LUA_JSON_KEYS_H

#include <stdint.h>
#include <string.h>

#include "lua/json_scan.h"

#define ATL_JSON_KEYS 64

enum atl_json_seen {
    ATL_JSON_NEW,
    ATL_JSON_REPEATED,
    ATL_JSON_UNSURE,
};

struct atl_json_keys {
    uint64_t used;   /* a bit for each entry */
    uint64_t pushed; /* those whose string is on the Lua stack */
    uint32_t thrown; /* highest number of an object thrown out; from 1 */
    struct {
        const char *ptr; /* in the text */
        uint32_t len;
        uint32_t object;
    } entries[ATL_JSON_KEYS];
};

static inline void
atl_json_keys_init(struct atl_json_keys *keys)
{
    keys->used = keys->pushed = 0;
    keys->thrown = 0;
}

/* Which entry is for these bytes, whether or not they are there. */
static inline unsigned
atl_json_keys_index(const char *ptr, size_t len)
{
    uint64_t w = 0;

    if (len >= 8)
        w = atl_json_load(ptr) ^ atl_json_load(ptr + len - 8) << 1;
    else if (len > 0)
        w = atl_json_load_few(ptr, len);
    return (unsigned)(((w + len) * 0x9e3779b97f4a7c15u) >> 58);
}

/* Note that the key is in object number `object`.  *known_out tells whether
 * the entry at `i` was already this key's. */
static inline enum atl_json_seen
atl_json_keys_note(struct atl_json_keys *keys, unsigned i, const char *ptr,
                   size_t len, uint32_t object, bool *known_out)
{
    uint64_t bit = (uint64_t)1 << i;
    uint32_t last = 0;

    *known_out = (keys->used & bit) != 0 && keys->entries[i].len == len &&
                 memcmp(keys->entries[i].ptr, ptr, len) == 0;
    if (*known_out) {
        last = keys->entries[i].object;
        keys->entries[i].object = object;
        if (last == object)
            return ATL_JSON_REPEATED;
        return last < object ? ATL_JSON_NEW : ATL_JSON_UNSURE;
    }
    if ((keys->used & bit) != 0 && keys->entries[i].object > keys->thrown)
        keys->thrown = keys->entries[i].object;
    keys->used |= bit;
    keys->pushed &= ~bit;
    keys->entries[i].ptr = ptr;
    keys->entries[i].len = (uint32_t)len;
    keys->entries[i].object = object;
    return keys->thrown >= object ? ATL_JSON_UNSURE : ATL_JSON_NEW;
}

#endif
