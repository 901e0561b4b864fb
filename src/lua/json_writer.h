/* json_writer.h - the bytes of a JSON text, as it is encoded.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Between `p` and `end` there is room that need not be asked for again.
 * 2. out->len stays as it was until atl_json_writer_end().
 * 3. A write asks for at most ATL_JSON_SPARE bytes more than it leaves behind.
 */
#ifndef ATL_LUA_JSON_WRITER_H
#define ATL_LUA_JSON_WRITER_H

#include <stdbool.h>

#include "base/buf.h"

#define ATL_JSON_SPARE 32

struct atl_json_writer {
    char *p, *end;
    struct atl_buf *out;
    size_t limit; /* that out->len may reach */
};

/* At most `max_bytes` are to be written; up to ATL_JSON_SPARE more may be. */
void atl_json_writer_init(struct atl_json_writer *w, struct atl_buf *out,
                          size_t max_bytes);

/* How many bytes have been written. */
size_t atl_json_writer_len(const struct atl_json_writer *w);

/* They belong to `out` from now on. */
void atl_json_writer_end(struct atl_json_writer *w);

/* Make room for `need` bytes; false: a limit is reached. */
bool atl_json_writer_grow(struct atl_json_writer *w, size_t need);

static inline bool
atl_json_writer_room(struct atl_json_writer *w, size_t need)
{
    return (size_t)(w->end - w->p) >= need || atl_json_writer_grow(w, need);
}

/* Write one byte; false: as above. */
static inline bool
atl_json_write_byte(struct atl_json_writer *w, char c)
{
    if (!atl_json_writer_room(w, 1))
        return false;
    *w->p++ = c;
    return true;
}

enum atl_json_written {
    ATL_JSON_WRITTEN,
    ATL_JSON_FULL,
    ATL_JSON_NOT_UTF8,
};

/* Write a string, in quotes and escaped. */
enum atl_json_written atl_json_write_string(struct atl_json_writer *w,
                                            const char *ptr, size_t len);

/* The same between the bytes `before` and ':', as a key stands. */
enum atl_json_written atl_json_write_key(struct atl_json_writer *w, char before,
                                         const char *ptr, size_t len);

#endif
