/* copy.h - Lua values as bytes, to be made again in another VM.
 * SPDX-License-Identifier: MIT
 *
 *   nil, booleans, numbers, strings   as they are; integers stay integers
 *   tables         read raw, with whatever they hold; one that is met again is
 *                  the same table in the copy too, so that circles are kept
 *   metatables     those of JSON's arrays and of atl_copy_classes(); a table
 *                  with another one is copied without it
 *   json.null, NULL as light userdata   as they are
 *   functions, coroutines, other userdata   refused
 *
 * The bytes are for this process only.
 */
#ifndef ATL_LUA_COPY_H
#define ATL_LUA_COPY_H

#include <stddef.h>

#include "base/buf.h"
#include "lua/vm.h"

#define ATL_COPY_MAX_DEPTH 200 /* tables in each other */
#define ATL_COPY_MAX_CLASSES 200

/* Why values can't be copied. */
struct atl_copy_fault {
    int value;      /* which of them, from 1 */
    char text[256]; /* ".items[3].fn is a function, which cannot be copied" */
};

/*
 * Append the `count` values from stack index `first` to `out`.  Returns 0;
 * ATL_E_INVALID or ATL_E_TOOBIG, with `fault` set and any bytes in `out`.
 * Runs no Lua code.  Raises only when memory is short: `out` has to outlive
 * that.
 */
int atl_copy_write(lua_State *L, struct atl_vm *vm, int first, int count,
                   struct atl_buf *out, struct atl_copy_fault *fault)
    __attribute__((warn_unused_result));

/*
 * Push the values that atl_copy_write() has written; returns how many.  Raises
 * when memory, or the stack, is short.
 */
int atl_copy_read(lua_State *L, struct atl_vm *vm, const char *bytes);

/*
 * The list of metatables at `index` is of classes that every VM has in this
 * order: their objects stay what they are.
 */
void atl_copy_classes(lua_State *L, struct atl_vm *vm, int index);

#endif
