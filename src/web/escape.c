/* escape.c - text into HTML.  See escape.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/escape.h"

#include <stdbool.h>

#include "base/word.h"

static const struct atl_str replacements[256] = {
    ['&'] = ATL_STR("&amp;"),  ['<'] = ATL_STR("&lt;"),
    ['>'] = ATL_STR("&gt;"),   ['"'] = ATL_STR("&quot;"),
    ['\''] = ATL_STR("&#39;"),
};

static inline struct atl_str
replacement(char c)
{
    return replacements[(unsigned char)c];
}

/*
 * Where `word` may hold one of the five: '&' and '\'' differ in the lowest
 * bit, '<' and '>' in the second one, and '"' stands alone.  The lowest hit
 * is a true one.
 */
static inline uint64_t
find_hits(uint64_t word)
{
    return atl_word_find(word | ATL_WORD_EACH(1), '\'') |
           atl_word_find(word | ATL_WORD_EACH(2), '>') |
           atl_word_find(word, '"');
}

/* The first byte from `p` on that is to be escaped, or `end`. */
static const char *
find_special(const char *p, const char *end)
{
    while (end - p >= 16) {
        uint64_t low = find_hits(atl_word_load(p));
        uint64_t high = find_hits(atl_word_load(p + 8));

        if ((low | high) == 0) {
            p += 16;
            continue;
        }
        return p +
               (low != 0 ? atl_word_before(low) : 8 + atl_word_before(high));
    }
    if (end - p >= 8) {
        uint64_t hits = find_hits(atl_word_load(p));

        if (hits != 0)
            return p + atl_word_before(hits);
        p += 8;
    }
    while (p < end && replacement(*p).len == 0)
        p++;
    return p;
}

size_t
atl_escape_plain_len(struct atl_str s)
{
    if (s.len == 0)
        return 0;
    return (size_t)(find_special(s.ptr, s.ptr + s.len) - s.ptr);
}

/* How many bytes `s` has once it is escaped. */
static size_t
measure(struct atl_str s)
{
    const char *p = s.ptr, *end = p + s.len;
    size_t size = s.len;

    while ((p = find_special(p, end)) < end)
        size += replacement(*p++).len - 1;
    return size;
}

/* Escape to `out`, which has room for measure(s). */
static void
escape(struct atl_str s, char *out)
{
    const char *p = s.ptr, *end = p + s.len;

    while (p < end) {
        const char *special = find_special(p, end);
        struct atl_str text;

        memcpy(out, p, (size_t)(special - p));
        out += special - p;
        if (special == end)
            return;
        text = replacement(*special);
        memcpy(out, text.ptr, text.len);
        out += text.len;
        p = special + 1;
    }
}

struct atl_str
atl_escape_html(struct atl_str s, struct atl_arena *arena)
{
    struct atl_str escaped;
    char *out;

    if (atl_escape_plain_len(s) == s.len)
        return s;
    escaped.len = measure(s);
    out = atl_arena_alloc(arena, escaped.len);
    escape(s, out);
    escaped.ptr = out;
    return escaped;
}

int
atl_escape_html_append(struct atl_buf *out, struct atl_str s)
{
    size_t size;
    int err;

    if (s.len == 0)
        return 0;
    size = measure(s);
    if ((err = atl_buf_reserve(out, size)) != 0)
        return err;
    escape(s, out->data + out->len);
    out->len += size;
    return 0;
}
