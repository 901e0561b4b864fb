/* json_fault.h - what is wrong in a JSON text, and where.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_LUA_JSON_FAULT_H
#define ATL_LUA_JSON_FAULT_H

#include "lua/vm.h"

#define ATL_JSON_FAULT_ROOM 160

struct atl_json_fault {
    const char *at; /* in the text */
    char words[ATL_JSON_FAULT_ROOM];
};

/* Note what is wrong at `at`; returns `code`. */
int atl_json_fault_set(struct atl_json_fault *f, const char *at, int code,
                       const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

/* Note that something else than `wanted` is at `at`, before `end`; returns
 * ATL_E_INVALID. */
int atl_json_fault_expect(struct atl_json_fault *f, const char *at,
                          const char *end, const char *wanted)
    __attribute__((cold));

/* Push the error object, with its place in the text that starts at `start`. */
void atl_json_fault_push(lua_State *L, struct atl_vm *vm,
                         const struct atl_json_fault *f, int code,
                         const char *start);

#endif
