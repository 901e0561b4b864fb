/* json_string.c - the strings of a JSON text.  See json_string.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_string.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "base/word.h"
#include "lua/json_scan.h"

#define STEP 16 /* bytes that one step of a copy may write */
#define MIN_ROOM 256

/* Where a string's meaning is copied to. */
struct copy {
    char *to, *stop; /* from `stop` on there may be no room for a step */
    struct atl_buf *out;
};

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

/* --- escapes --- */

/* The value of four hex digits, or -1. */
static int32_t
read_hex(const char *p, const char *end)
{
    static const uint8_t above[256] = {
        /* the digit's value and 1 */
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};
    const unsigned char *s = (const unsigned char *)p;
    int32_t a, b, c, d;

    if (end - p < 4)
        return -1;
    a = above[s[0]];
    b = above[s[1]];
    c = above[s[2]];
    d = above[s[3]];
    if (a == 0 || b == 0 || c == 0 || d == 0)
        return -1;
    return (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);
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

/* The escape at `*p`, a backslash; at most 4 bytes are written. */
static inline const char *
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

/* --- copying --- */

/* More room behind the `len` bytes that are there. */
static bool
grow(struct copy *c, size_t len)
{
    c->out->len = len;
    if (atl_buf_reserve(c->out, MIN_ROOM) != 0)
        return false;
    c->to = c->out->data + c->out->len;
    c->stop = c->out->data + c->out->cap - STEP;
    return true;
}

/* The characters at `p` that aren't ASCII; returns what is behind them. */
static inline const char *
copy_characters(struct copy *c, const char *p, const char *end)
{
    char *to = c->to, *stop = c->stop; /* no bytes that are written change */

    do {
        size_t len = atl_utf8_copy(to, p, (size_t)(end - p));

        if (len == 0)
            break;
        to += len;
        p += len;
    } while (p < end && (unsigned char)*p >= 0x80 && to < stop);
    c->to = to;
    return p;
}

/* Whole words, up to the one with a byte that isn't plain. */
static inline const char *
copy_plain(struct copy *c, const char *p, const char *end)
{
    char *to = c->to, *stop = c->stop;
    uint64_t word, mask = 0;
    size_t len = 0;

    while (end - p >= 8 && to < stop) {
        word = atl_word_load(p);
        mask = atl_json_special(word);
        atl_word_store(to, word);
        if (mask != 0) {
            len = atl_word_before(mask);
            break;
        }
        to += 8;
        p += 8;
    }
    c->to = to + len;
    return p + len;
}

/* Up to the quote, or what is wrong; returns where that is. */
static const char *
copy_string(struct copy *c, const char *p, const char *end, const char **fault)
{
    for (;;) {
        const char *at;

        p = at = copy_plain(c, p, end);
        if (c->to >= c->stop) {
            if (!grow(c, (size_t)(c->to - c->out->data))) {
                *fault = "too long a string";
                return p;
            }
            continue;
        }
        if (p == end || *p == '"')
            return p;
        if (*p == '\\')
            *fault = read_escape(&c->to, &p, end);
        else if ((unsigned char)*p >= 0x80)
            p = copy_characters(c, p, end);
        else if ((unsigned char)*p >= 0x20)
            *c->to++ = *p++; /* one of the last seven */
        if (p == at)
            return p;
    }
}

const char *
atl_json_unescape(struct atl_buf *out, const char **p, const char *end)
{
    const char *fault = NULL;
    struct copy c = {.out = out};

    if (!grow(&c, out->len))
        return "too long a string";
    *p = copy_string(&c, *p, end, &fault);
    out->len = (size_t)(c.to - out->data);
    if (fault != NULL)
        return fault;
    return *p < end && **p == '"' ? NULL : atl_json_string_fault(*p, end);
}
