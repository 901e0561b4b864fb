/* json_fault.c - what is wrong in a JSON text.  See json_fault.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "lua/error.h"

int
atl_json_fault_set(struct atl_json_fault *f, const char *at, int code,
                   const char *format, ...)
{
    va_list args;

    f->at = at;
    va_start(args, format);
    vsnprintf(f->words, sizeof(f->words), format, args);
    va_end(args);
    return code;
}

int
atl_json_fault_expect(struct atl_json_fault *f, const char *at, const char *end,
                      const char *wanted)
{
    unsigned char c;

    if (at == end)
        return atl_json_fault_set(f, at, ATL_E_INVALID,
                                  "%s expected, got the end", wanted);
    c = (unsigned char)*at;
    return atl_json_fault_set(f, at, ATL_E_INVALID,
                              c > ' ' && c < 0x7f
                                  ? "%s expected, got '%c'"
                                  : "%s expected, got the byte 0x%02X",
                              wanted, c);
}

void
atl_json_fault_push(lua_State *L, struct atl_vm *vm,
                    const struct atl_json_fault *f, int code, const char *start)
{
    char message[ATL_JSON_FAULT_ROOM + 64];
    lua_Integer line = 1, column = 1;
    const char *p;

    for (p = start; p < f->at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) { /* characters, not bytes */
            column++;
        }
    }
    snprintf(message, sizeof(message), "line %lld, column %lld: %s",
             (long long)line, (long long)column, f->words);
    atl_push_error_object(L, vm, code, message);
    lua_pushinteger(L, line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, column);
    lua_setfield(L, -2, "column");
    lua_pushinteger(L, f->at - start + 1);
    lua_setfield(L, -2, "offset");
}
