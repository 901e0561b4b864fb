/* json_scratch.h - the memory of a running encode or decode.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. It is owned by a userdata, so that nothing leaks when an error is raised
 *    through its user.
 * 2. A VM keeps one.  Who finds it in use makes another and leaves that to
 *    the VM: the first user is either further out on the C stack and has its
 *    own on its Lua stack, or was left by an error and will never end.
 */
#ifndef ATL_LUA_JSON_SCRATCH_H
#define ATL_LUA_JSON_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lua/vm.h"

/* A key of an object that is being encoded. */
struct atl_json_key {
    uint64_t prefix; /* its first 8 bytes, comparable */
    const char *ptr; /* the string is held by the Lua stack */
    size_t len;
    int slot; /* where the value is found */
};

/* By their bytes, as memcmp() compares them. */
void atl_json_keys_sort(struct atl_json_key *keys, int count);

struct atl_json_scratch {
    struct atl_buf text;
    struct atl_json_key *keys; /* owned; those of the open objects */
    size_t key_count, key_room;
    bool busy;
};

/* Push the userdata, and take what it owns until it is given back, with
 * nothing in it. */
struct atl_json_scratch *atl_json_scratch_take(lua_State *L, struct atl_vm *vm);
void atl_json_scratch_give(struct atl_json_scratch *s);

#endif
