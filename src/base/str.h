/* str.h - slices: a pointer and a length, which never own what they show.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_STR_H
#define ATL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct atl_str {
    const char *ptr; /* lent; not NUL-terminated */
    size_t len;      /* bytes */
};

/* A slice of a string literal. */
#define ATL_STR(literal) ((struct atl_str){("" literal), sizeof(literal) - 1})

static inline struct atl_str
atl_str_from(const char *text)
{
    return (struct atl_str){text, strlen(text)};
}

static inline bool
atl_str_eq(struct atl_str a, struct atl_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII lower case of one byte; other bytes as they are. */
static inline char
atl_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Equal but for ASCII case (RFC 9110 5.1: field names, many tokens). */
static inline bool
atl_str_eq_nocase(struct atl_str a, struct atl_str b)
{
    size_t i;

    if (a.len != b.len)
        return false;
    for (i = 0; i < a.len; i++)
        if (atl_lower(a.ptr[i]) != atl_lower(b.ptr[i]))
            return false;
    return true;
}

#endif
