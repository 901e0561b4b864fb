/* json.h - JSON (RFC 8259) between Lua values and bytes.
 * SPDX-License-Identifier: MIT
 *
 *   object   a table whose keys are strings; an empty table
 *   array    a table whose keys are 1..n; a table marked as an array
 *   null     a sentinel, a userdata
 *   number   an integer without a fraction, wherever the value has none
 *
 * Decoded arrays are marked, so that they stay arrays when they are empty.
 */
#ifndef ATL_LUA_JSON_H
#define ATL_LUA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lua/vm.h"

#define ATL_JSON_MAX_DEPTH 1000 /* that can be asked for */

/* What to do with an integer that a Lua number can't hold: beyond 64 bits,
 * or beyond 2^53 where numbers are doubles. */
enum atl_json_integers {
    ATL_JSON_REFUSE,
    ATL_JSON_STRING, /* its digits */
    ATL_JSON_ROUND,  /* the nearest double */
};

struct atl_json_decode_options {
    int max_depth;       /* of arrays and objects in each other */
    uint32_t max_values; /* values, of whatever type */
    size_t max_bytes;    /* of the text */
    enum atl_json_integers integers;
    bool unique_keys; /* refuse a key that is repeated; or the last one wins */
};
extern const struct atl_json_decode_options atl_json_decode_defaults;

struct atl_json_encode_options {
    int max_depth;
    size_t max_bytes; /* of the text */
};
extern const struct atl_json_encode_options atl_json_encode_defaults;

/*
 * Push the value of the JSON text `ptr`, which holds nothing else; `options`
 * may be NULL.  Returns 0; or, with an error object pushed instead (code,
 * message, line, column, offset), ATL_E_INVALID for what is no JSON and
 * ATL_E_TOOBIG for what passes a limit.  Calls no Lua function; raises only
 * when memory is short.
 */
int atl_json_decode(lua_State *L, struct atl_vm *vm, const char *ptr,
                    size_t len, const struct atl_json_decode_options *options)
    __attribute__((warn_unused_result));

/*
 * Append the JSON text of the value at `index` to `out`; `options` may be
 * NULL.  The same value gives the same bytes always: keys are sorted.
 * Returns 0; or, with an error object pushed and `out` as it was,
 * ATL_E_INVALID for a value that has no text and ATL_E_TOOBIG for one that
 * passes a limit.
 *
 * Near the limit of `out` itself, up to 32 bytes of it may be left unused.
 *
 * Tables are read raw.  Only a __tojson of the value's runs Lua code: what it
 * raises goes through, so `out` has to outlive a raised error; it cannot wait.
 */
int atl_json_encode(lua_State *L, struct atl_vm *vm, int index,
                    struct atl_buf *out,
                    const struct atl_json_encode_options *options)
    __attribute__((warn_unused_result));

/* The same, with the text pushed as a string. */
int atl_json_push_text(lua_State *L, struct atl_vm *vm, int index,
                       const struct atl_json_encode_options *options)
    __attribute__((warn_unused_result));

void atl_json_push_null(lua_State *L, struct atl_vm *vm);
bool atl_json_is_null(lua_State *L, const struct atl_vm *vm, int index);

/* Mark the table at `index`, which has no metatable, as an array. */
void atl_json_mark_array(lua_State *L, struct atl_vm *vm, int index);
bool atl_json_is_array(lua_State *L, const struct atl_vm *vm, int index);

/* Make what the above need; once, when the VM is made. */
void atl_json_open(struct atl_vm *vm);

#endif
