/* json_number.c - the numbers of a JSON text.  See json_number.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_number.h"

#include <math.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/number.h"

#define MAX_QUICK_DIGITS 9

/* An integer, from `start`, that isn't exact as a Lua number. */
static int
push_inexact(lua_State *L, const struct atl_number *n, const char *start,
             enum atl_json_integers integers, struct atl_json_fault *f)
{
    size_t len = (size_t)(n->end - start);

    switch (integers) {
    case ATL_JSON_STRING:
        lua_pushlstring(L, start, len);
        return 0;
    case ATL_JSON_ROUND:
        if (n->kind == ATL_NUMBER_BIG && isinf(n->real))
            return atl_json_fault_set(f, start, ATL_E_INVALID,
                                      "the number is too large");
        lua_pushnumber(L, n->kind == ATL_NUMBER_INTEGER ? (lua_Number)n->integer
                                                        : n->real);
        return 0;
    case ATL_JSON_REFUSE:
        break;
    }
    return atl_json_fault_set(
        f, start, ATL_E_INVALID, "the integer %.*s%s is too large to be exact",
        len < 40 ? (int)len : 40, start, len < 40 ? "" : "...");
}

static inline bool
is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* What follows a number in a compact text. */
static inline bool
is_delimiter(char c)
{
    return c == ',' || c == ']' || c == '}';
}

int
atl_json_number_read(lua_State *L, const char **at, const char *end,
                     enum atl_json_integers integers, struct atl_json_fault *f)
{
    const char *start = *at, *p = start;
    struct atl_number n;
    int64_t sum = 0;

    /* Most are integers of a few digits. */
    while (p < end && is_digit(*p) && p - start < MAX_QUICK_DIGITS)
        sum = 10 * sum + (*p++ - '0');
    if (p > start && p < end && is_delimiter(*p) &&
        (*start != '0' || p == start + 1)) {
        (void)atl_push_exact(L, sum);
        *at = p;
        return 0;
    }
    atl_number_read(&n, start, end);
    *at = n.end;
    switch (n.kind) {
    case ATL_NUMBER_REAL:
        lua_pushnumber(L, n.real);
        return 0;
    case ATL_NUMBER_INTEGER:
        if (atl_push_exact(L, n.integer))
            return 0;
        return push_inexact(L, &n, start, integers, f);
    case ATL_NUMBER_BIG:
        return push_inexact(L, &n, start, integers, f);
    case ATL_NUMBER_HUGE:
        return atl_json_fault_set(f, start, ATL_E_INVALID,
                                  "the number is too large");
    case ATL_NUMBER_BAD:
        break;
    }
    if (n.end < end && is_digit(*n.end))
        return atl_json_fault_set(f, start, ATL_E_INVALID,
                                  "a number with a leading 0");
    return atl_json_fault_expect(f, n.end, end, "a digit");
}
