/* url.c - percent-coding.  See url.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/url.h"

#include "base/err.h"

/* The value of a hex digit of either case (RFC 3986 2.1), or -1. */
static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = atl_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode from `in` to `out`, which may trail it in the same memory. */
static int
decode_rest(const char *in, const char *end, char *out, char **end_out)
{
    while (in < end) {
        int high, low;

        if (*in != '%') {
            *out++ = *in++;
            continue;
        }
        if (end - in < 3)
            return ATL_E_INVALID;
        high = hex_value(in[1]);
        low = hex_value(in[2]);
        /* A NUL would end the text early for whoever reads it as C's. */
        if (high < 0 || low < 0 || (high | low) == 0)
            return ATL_E_INVALID;
        *out++ = (char)(high << 4 | low);
        in += 3;
    }
    *end_out = out;
    return 0;
}

int
atl_url_decode(struct atl_str in, char *out, size_t *len_out)
{
    const char *first = in.len > 0 ? memchr(in.ptr, '%', in.len) : NULL;
    size_t plain = first != NULL ? (size_t)(first - in.ptr) : in.len;
    char *end;
    int err;

    if (plain > 0 && out != in.ptr)
        memcpy(out, in.ptr, plain);
    if (first == NULL) {
        *len_out = plain;
        return 0;
    }
    err = decode_rest(first, in.ptr + in.len, out + plain, &end);
    if (err != 0)
        return err;
    *len_out = (size_t)(end - out);
    return 0;
}
