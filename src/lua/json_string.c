/* json_string.c - the strings of a JSON text.  See json_string.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_string.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "lua/json_scan.h"

#define LONGEST 4 /* bytes of a character */

const char *
atl_json_skip_text(const char *p, const char *end)
{
    for (;;) {
        p = atl_json_skip_plain(p, end);
        for (;;) {
            size_t len;

            if (p == end || (unsigned char)*p < 0x80)
                break;
            len = atl_utf8_len(p, (size_t)(end - p));
            if (len == 0)
                return p;
            p += len;
        }
        /* Plain again behind characters that aren't ASCII? */
        if (p == end || *p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
            return p;
    }
}

const char *
atl_json_string_fault(const char *p, const char *end)
{
    if (p == end)
        return "the string has no end";
    if ((unsigned char)*p < 0x20)
        return "a control character in a string has to be escaped";
    return "invalid UTF-8 in a string";
}

/* The value of four hex digits, or -1. */
static int32_t
read_hex(const char *p, const char *end)
{
    int32_t value = 0;
    int i;

    if (end - p < 4)
        return -1;
    for (i = 0; i < 4; i++) {
        char c = p[i], lower = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* \u, with its second half if it is a surrogate; *p is behind "\u". */
static const char *
read_unicode(uint32_t *code_out, const char **p, const char *end)
{
    int32_t code = read_hex(*p, end), low;

    if (code < 0)
        return "four hex digits expected behind \\u";
    if ((code & 0xf800) == 0xd800) {
        if (code >= 0xdc00 || end - *p < 6 || (*p)[4] != '\\' || (*p)[5] != 'u')
            return "half of a surrogate pair";
        low = read_hex(*p + 6, end);
        if (low < 0xdc00 || low > 0xdfff)
            return "half of a surrogate pair";
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        *p += 6;
    }
    *p += 4;
    *code_out = (uint32_t)code;
    return NULL;
}

/* The escape at `*p`, a backslash; at most LONGEST bytes are written. */
static const char *
read_escape(char **out, const char **p, const char *end)
{
    static const char meaning[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    const char *at = *p + 1;
    uint32_t code;

    if (at == end)
        return "the string has no end";
    if ((unsigned char)*at < 128 && meaning[(unsigned char)*at] != 0) {
        *(*out)++ = meaning[(unsigned char)*at];
        *p = at + 1;
        return NULL;
    }
    if (*at == 'u') {
        const char *fault;

        at++;
        if ((fault = read_unicode(&code, &at, end)) != NULL)
            return fault;
        *out += atl_utf8_put(*out, code);
        *p = at;
        return NULL;
    }
    return "no such escape";
}

const char *
atl_json_unescape(struct atl_buf *out, const char **p, const char *end)
{
    for (;;) {
        const char *run = *p, *fault;
        size_t len;
        char *to;

        *p = atl_json_skip_text(run, end);
        len = (size_t)(*p - run);
        if (*p == end || (**p != '"' && **p != '\\'))
            return atl_json_string_fault(*p, end);
        if (atl_buf_reserve(out, len + LONGEST) != 0)
            return "too long a string";
        to = out->data + out->len;
        memcpy(to, run, len);
        to += len;
        fault = **p == '\\' ? read_escape(&to, p, end) : NULL;
        out->len = (size_t)(to - out->data);
        if (fault != NULL)
            return fault;
        if (*p < end && **p == '"')
            return NULL;
    }
}
