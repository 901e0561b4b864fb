/* log_fields.h - Lua values as the message and the fields of a log line.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_BASE_LOG_FIELDS_H
#define ATL_BIND_BASE_LOG_FIELDS_H

#include "base/log_line.h"
#include "lua/compat.h"

/* The value at `index`, whatever it is, as the message. */
void atl_log_fields_message(lua_State *L, struct atl_log_line *l, int index);

/*
 * The table at `index` as fields, in the order of their names.  Tables in it
 * become objects, or arrays if they begin with [1]; a value with __tostring
 * becomes that text.  Bounded: ATL_LOG_FIELDS items a table, ATL_LOG_NESTED
 * tables in each other, and the length of the line.  Raises nothing; calls no
 * metamethod but __tostring.
 */
void atl_log_fields_put(lua_State *L, struct atl_log_line *l, int index);

#define ATL_LOG_FIELDS 64
#define ATL_LOG_NESTED 4

#endif
