/* err.c - names and texts of the error codes.  See err.h.
 * SPDX-License-Identifier: MIT
 *
 * Libuv's own functions allocate for a code that they don't know and never
 * free it, so its codes are looked up in its table instead.
 */
#include "base/err.h"

#include <uv.h>

const char *
atl_err_name(int code)
{
    switch (code) {
#define X(name, value, text) \
    case value:              \
        return "E" #name;
        ATL_ERROR_MAP(X)
#undef X
#define X(name, text) \
    case UV_##name:   \
        return #name;
        UV_ERRNO_MAP(X)
#undef X
    default:
        return "EUNKNOWN";
    }
}

const char *
atl_err_text(int code)
{
    if (code == UV_ETIMEDOUT) /* libuv's text speaks of a connection */
        return "timed out";
    switch (code) {
#define X(name, value, text) \
    case value:              \
        return text;
        ATL_ERROR_MAP(X)
#undef X
#define X(name, text) \
    case UV_##name:   \
        return text;
        UV_ERRNO_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}
