/* json_keys.h - the keys of decoded objects: seen again, and repeated.
 * SPDX-License-Identifier: MIT
 *
 * The objects of an array have the same keys in the same order, so a key is
 * first compared with the one that came after the present one the last time;
 * then its end needn't even be searched for.  Keys that are known don't
 * become Lua strings again, which would cost a hash and a search in the VM.
 * The same tells whether an object repeats a key.
 *
 * Laws:
 * 1. Objects are numbered in the order in which they begin, from 1.  A key
 *    notes the number of the last object that it was seen in.
 * 2. A key noted with less than the present object's number is new in that
 *    object; with the same, repeated.  With more it was seen in an object
 *    inside the present one, which may have covered the present one's note.
 * 3. A key that isn't here is new, unless one with at least the present
 *    object's number was thrown out.
 */
#ifndef ATL_LUA_JSON_KEYS_H
#define ATL_LUA_JSON_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lua/json_scan.h"

#define ATL_JSON_KEYS 64 /* two for each hash: i, i ^ 1 */

enum atl_json_seen {
    ATL_JSON_NEW,
    ATL_JSON_REPEATED,
    ATL_JSON_UNSURE,
};

struct atl_json_keys {
    uint64_t used;   /* a bit for each entry */
    uint64_t pushed; /* those whose string is on the Lua stack */
    uint32_t thrown; /* highest number of an object thrown out */
    unsigned last;   /* the present key */
    struct atl_json_entry {
        const char *ptr; /* in the text */
        uint32_t len;
        uint32_t object;
        unsigned next; /* the key that came after it */
    } entries[ATL_JSON_KEYS];
};

static inline void
atl_json_keys_init(struct atl_json_keys *keys)
{
    keys->used = keys->pushed = 0;
    keys->thrown = 0;
    keys->last = 0;
    keys->entries[0].next = 0;
}

static inline bool
atl_json_keys_equal(const struct atl_json_entry *entry, const char *ptr,
                    size_t len)
{
    return entry->len == len && memcmp(entry->ptr, ptr, len) == 0;
}

/*
 * If the text up to `end` goes on with the key that is expected, and its
 * quote, make that the present one and return true.
 */
static inline bool
atl_json_keys_expect(struct atl_json_keys *keys, const char *ptr,
                     const char *end)
{
    unsigned i = keys->entries[keys->last].next;
    const struct atl_json_entry *entry = &keys->entries[i];
    size_t len;

    if ((keys->used >> i & 1) == 0)
        return false;
    len = entry->len;
    if ((size_t)(end - ptr) <= len || ptr[len] != '"')
        return false;
    if (len <= 8 && end - ptr >= 8) {
        /* Both have eight bytes, for the entry's are further in front. */
        uint64_t differ = atl_word_load(ptr) ^ atl_word_load(entry->ptr);

        if (len < 8)
            differ &= ((uint64_t)1 << 8 * len) - 1;
        if (differ != 0)
            return false;
    } else if (memcmp(entry->ptr, ptr, len) != 0) {
        return false;
    }
    keys->last = i;
    return true;
}

/* Find these bytes, or put them in, and make them the present key; false if
 * they are new. */
static inline bool
atl_json_keys_find(struct atl_json_keys *keys, const char *ptr, size_t len)
{
    struct atl_json_entry *entry;
    uint64_t word = len;
    unsigned i, previous = keys->last;

    if (len >= 8)
        word += atl_word_load(ptr) ^ atl_word_load(ptr + len - 8) << 1;
    else if (len > 0)
        word += atl_word_load_few(ptr, len);
    i = (unsigned)((word * 0x9e3779b97f4a7c15u) >> 58);
    if ((keys->used >> i & 1) != 0 &&
        !atl_json_keys_equal(&keys->entries[i], ptr, len))
        i ^= 1;
    keys->last = i;
    keys->entries[previous].next = i;
    entry = &keys->entries[i];
    if ((keys->used >> i & 1) != 0) {
        if (atl_json_keys_equal(entry, ptr, len))
            return true;
        if (entry->object > keys->thrown)
            keys->thrown = entry->object;
    }
    keys->used |= (uint64_t)1 << i;
    keys->pushed &= ~((uint64_t)1 << i);
    *entry = (struct atl_json_entry){ptr, (uint32_t)len, 0, i};
    return false;
}

/* Note that the present key is in object number `object`; `is_known` is what
 * atl_json_keys_find() said of it. */
static inline enum atl_json_seen
atl_json_keys_note(struct atl_json_keys *keys, uint32_t object, bool is_known)
{
    struct atl_json_entry *entry = &keys->entries[keys->last];
    uint32_t last = is_known ? entry->object : keys->thrown;

    entry->object = object;
    if (last < object)
        return ATL_JSON_NEW;
    return is_known && last == object ? ATL_JSON_REPEATED : ATL_JSON_UNSURE;
}

#endif
