/* url.c - percent-coding.  See url.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/url.h"

#include "base/err.h"

int
atl_url_hex(char c)
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
        high = atl_url_hex(in[1]);
        low = atl_url_hex(in[2]);
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

size_t
atl_url_decode_loose(struct atl_str in, char *out)
{
    size_t i, n = 0;

    for (i = 0; i < in.len; i++) {
        char c = in.ptr[i];

        if (c == '%' && in.len - i > 2) {
            int high = atl_url_hex(in.ptr[i + 1]);
            int low = atl_url_hex(in.ptr[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        out[n++] = c;
    }
    return n;
}

static bool
is_kept(char c, const char *keep)
{
    char lower = atl_lower(c);

    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr(keep, c) != NULL;
}

int
atl_url_append(struct atl_buf *out, struct atl_str in, const char *keep)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t i, need = in.len;
    int err;
    char *p;

    if (in.len == 0)
        return 0;
    for (i = 0; i < in.len; i++)
        need += is_kept(in.ptr[i], keep) ? 0 : 2;
    if ((err = atl_buf_reserve(out, need)) != 0)
        return err;
    p = out->data + out->len;
    for (i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];

        if (is_kept(in.ptr[i], keep)) {
            *p++ = in.ptr[i];
            continue;
        }
        *p++ = '%';
        *p++ = digits[c >> 4];
        *p++ = digits[c & 15];
    }
    out->len += need;
    return 0;
}
