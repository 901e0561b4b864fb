/* json_fault.h - what is wrong in a JSON text, and where.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_FAULT_H
#define ATL_LUA_JSON_FAULT_H

#include <stddef.h>

#include "lua/vm.h"

#define ATL_JSON_FAULT_ROOM 160 /* bytes of a message, without the place */

/* Write that something else than `wanted` is at `p`, or the text's end. */
void atl_json_fault_expected(char *out, size_t room, const char *wanted,
                             const char *p, const char *end);

/*
 * Push the error object: the code, the message with the place, and the line,
 * column and offset of `at` in the text that starts at `start`.
 */
void atl_json_fault_push(lua_State *L, struct atl_vm *vm, int code,
                         const char *message, const char *start,
                         const char *at);

#endif
