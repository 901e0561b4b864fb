/* json_writer.c - the bytes of a JSON text.  See json_writer.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_writer.h"

#include <string.h>

#include "base/utf8.h"
#include "lua/json_scan.h"

#define LONGEST_ESCAPE 6 /* \u001f */
#define SPARE 16 /* a word written past the end, quotes, what is behind */

_Static_assert(LONGEST_ESCAPE + SPARE <= ATL_JSON_SPARE, "law 3");

void
atl_json_writer_init(struct atl_json_writer *w, struct atl_buf *out,
                     size_t max_bytes)
{
    size_t room = out->limit - out->len;

    w->out = out;
    w->limit = out->limit;
    if (room > ATL_JSON_SPARE && room - ATL_JSON_SPARE > max_bytes)
        w->limit = out->len + max_bytes + ATL_JSON_SPARE;
    w->p = out->data + out->len;
    w->end = out->data + (out->cap < w->limit ? out->cap : w->limit);
}

size_t
atl_json_writer_len(const struct atl_json_writer *w)
{
    return (size_t)(w->p - w->out->data) - w->out->len;
}

void
atl_json_writer_end(struct atl_json_writer *w)
{
    w->out->len += atl_json_writer_len(w);
}

bool
atl_json_writer_grow(struct atl_json_writer *w, size_t need)
{
    size_t len = atl_json_writer_len(w);

    if (need > w->limit - w->out->len - len ||
        atl_buf_reserve(w->out, len + need) != 0)
        return false;
    w->p = w->out->data + w->out->len + len;
    w->end = w->out->data + w->out->cap;
    if (w->out->cap > w->limit)
        w->end = w->out->data + w->limit;
    return true;
}

/* Write what stands for the plain-less byte `c`. */
static char *
write_escape(char *out, unsigned char c)
{
    static const char letters[0x60] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};

    *out++ = '\\';
    if (letters[c] != 0) {
        *out++ = letters[c];
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = (char)('0' + (c >> 4));
    out[4] = "0123456789abcdef"[c & 15];
    return out + 5;
}

/*
 * Copy from [ptr, end) to `p`, which has that much room and SPARE, up to the
 * first byte that isn't plain; returns where that is in the copy.
 */
static inline char *
copy_plain(char *p, const char *ptr, const char *end)
{
    uint64_t word, mask;
    size_t len;

    for (;;) {
        len = (size_t)(end - ptr);
        if (len < 8)
            break;
        word = atl_word_load(ptr);
        atl_word_store(p, word);
        mask = atl_json_special(word);
        if (mask != 0)
            return p + atl_word_before(mask);
        p += 8;
        ptr += 8;
    }
    if (len == 0)
        return p;
    /* The bytes behind the last are none that have to be escaped. */
    word = atl_word_load_few(ptr, len) | ATL_WORD_EACH(' ') << 8 * len;
    atl_word_store(p, word);
    mask = atl_json_special(word);
    return p + (mask != 0 ? atl_word_before(mask) : len);
}

/* From the first byte on that isn't plain; the rest of write_text(). */
static enum atl_json_written
write_rest(struct atl_json_writer *w, const char *ptr, const char *end)
{
    while (ptr < end) {
        char *p, *from;

        if (!atl_json_writer_room(w,
                                  (size_t)(end - ptr) + LONGEST_ESCAPE + SPARE))
            return ATL_JSON_FULL;
        p = w->p;
        if ((unsigned char)*ptr < 0x80)
            p = write_escape(p, (unsigned char)*ptr++);
        /* Characters take here what they take there. */
        while (ptr < end && (unsigned char)*ptr >= 0x80) {
            size_t len = atl_utf8_copy(p, ptr, (size_t)(end - ptr));

            if (len == 0)
                return ATL_JSON_NOT_UTF8;
            p += len;
            ptr += len;
        }
        from = p;
        p = copy_plain(p, ptr, end);
        ptr += p - from;
        w->p = p;
    }
    return ATL_JSON_WRITTEN;
}

/* What stands between the quotes.  There is room for a plain text, and SPARE
 * bytes, of which it leaves enough for what comes behind it. */
static inline enum atl_json_written
write_text(struct atl_json_writer *w, const char *ptr, size_t len)
{
    const char *end = ptr + len;
    char *p = w->p, *stop = copy_plain(p, ptr, end);

    w->p = stop;
    ptr += stop - p;
    return ptr == end ? ATL_JSON_WRITTEN : write_rest(w, ptr, end);
}

enum atl_json_written
atl_json_write_string(struct atl_json_writer *w, const char *ptr, size_t len)
{
    enum atl_json_written written;

    if (!atl_json_writer_room(w, len + SPARE))
        return ATL_JSON_FULL;
    *w->p++ = '"';
    written = write_text(w, ptr, len);
    *w->p++ = '"';
    return written;
}

enum atl_json_written
atl_json_write_key(struct atl_json_writer *w, char before, const char *ptr,
                   size_t len)
{
    enum atl_json_written written;

    if (!atl_json_writer_room(w, len + SPARE))
        return ATL_JSON_FULL;
    w->p[0] = before;
    w->p[1] = '"';
    w->p += 2;
    written = write_text(w, ptr, len);
    w->p[0] = '"';
    w->p[1] = ':';
    w->p += 2;
    return written;
}
