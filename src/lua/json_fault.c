/* json_fault.c - what is wrong in a JSON text.  See json_fault.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_fault.h"

#include <stdio.h>

#include "lua/error.h"

void
atl_json_fault_expected(char *out, size_t room, const char *wanted,
                        const char *p, const char *end)
{
    unsigned char c;

    if (p == end) {
        snprintf(out, room, "%s expected, got the end", wanted);
        return;
    }
    c = (unsigned char)*p;
    snprintf(out, room,
             c > ' ' && c < 0x7f ? "%s expected, got '%c'"
                                 : "%s expected, got the byte 0x%02X",
             wanted, c);
}

void
atl_json_fault_push(lua_State *L, struct atl_vm *vm, int code,
                    const char *message, const char *start, const char *at)
{
    char text[ATL_JSON_FAULT_ROOM + 64];
    lua_Integer line = 1, column = 1;
    const char *p;

    for (p = start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) { /* characters, not bytes */
            column++;
        }
    }
    snprintf(text, sizeof(text), "line %lld, column %lld: %s", (long long)line,
             (long long)column, message);
    atl_push_error_object(L, vm, code, text);
    lua_pushinteger(L, line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, column);
    lua_setfield(L, -2, "column");
    lua_pushinteger(L, at - start + 1);
    lua_setfield(L, -2, "offset");
}
