/* query.c - application/x-www-form-urlencoded.  See query.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/query.h"

#include "base/url.h"

void
atl_query_init(struct atl_query *q, struct atl_str text, unsigned max_pairs)
{
    q->at = text.ptr;
    q->end = text.len > 0 ? text.ptr + text.len : text.ptr;
    q->left = max_pairs;
    q->is_truncated = false;
}

static bool
is_coded(struct atl_str s)
{
    return s.len > 0 && (memchr(s.ptr, '%', s.len) != NULL ||
                         memchr(s.ptr, '+', s.len) != NULL);
}

bool
atl_query_next(struct atl_query *q, struct atl_query_pair *out)
{
    const char *end, *equals;
    size_t left;

    while (q->at < q->end && *q->at == '&')
        q->at++;
    if (q->at == q->end)
        return false;
    if (q->left == 0) {
        q->is_truncated = true;
        return false;
    }
    q->left--;
    left = (size_t)(q->end - q->at);
    if ((end = memchr(q->at, '&', left)) == NULL)
        end = q->end;
    if ((equals = memchr(q->at, '=', (size_t)(end - q->at))) == NULL)
        equals = end;
    out->name = (struct atl_str){q->at, (size_t)(equals - q->at)};
    out->value = (struct atl_str){equals, 0};
    if (equals < end)
        out->value = (struct atl_str){equals + 1, (size_t)(end - equals) - 1};
    out->name_coded = is_coded(out->name);
    out->value_coded = is_coded(out->value);
    q->at = end;
    return true;
}

size_t
atl_query_decode(struct atl_str raw, char *out)
{
    size_t i;

    if (raw.len == 0)
        return 0;
    /* First the spaces: a '+' that was encoded is a plus. */
    for (i = 0; i < raw.len; i++)
        out[i] = raw.ptr[i] == '+' ? ' ' : raw.ptr[i];
    return atl_url_decode_loose((struct atl_str){out, raw.len}, out);
}

struct atl_str
atl_query_text(struct atl_str raw, bool coded, struct atl_arena *arena)
{
    char *out;

    if (!coded)
        return raw;
    out = atl_arena_alloc(arena, raw.len);
    return (struct atl_str){out, atl_query_decode(raw, out)};
}

/* Does `raw` decode to `text`?  Byte by byte: nothing is written. */
static bool
decodes_to(struct atl_str raw, struct atl_str text)
{
    size_t i = 0, n = 0;

    while (i < raw.len) {
        size_t step = raw.ptr[i] == '%' && raw.len - i > 2 ? 3 : 1;
        char piece[3];

        /* A '%' that stands for itself leaves all three bytes. */
        if (atl_query_decode((struct atl_str){raw.ptr + i, step}, piece) > 1)
            step = 1;
        if (n == text.len || piece[0] != text.ptr[n++])
            return false;
        i += step;
    }
    return n == text.len;
}

bool
atl_query_find(struct atl_str text, unsigned max_pairs, struct atl_str name,
               unsigned nth, struct atl_query_pair *out)
{
    struct atl_query_pair pair;
    struct atl_query q;

    atl_query_init(&q, text, max_pairs);
    while (atl_query_next(&q, &pair)) {
        if (pair.name_coded ? !decodes_to(pair.name, name)
                            : !atl_str_eq(pair.name, name))
            continue;
        if (nth-- > 0)
            continue;
        *out = pair;
        return true;
    }
    return false;
}

/* Spaces become '+'; what else isn't kept, escapes. */
static int
append_text(struct atl_buf *b, struct atl_str s)
{
    int err = 0;

    while (s.len > 0 && err == 0) {
        const char *space = memchr(s.ptr, ' ', s.len);
        size_t n = space != NULL ? (size_t)(space - s.ptr) : s.len;

        err = atl_url_append(b, (struct atl_str){s.ptr, n}, "*-._");
        if (err == 0 && space != NULL) {
            err = atl_buf_append(b, "+", 1);
            n++;
        }
        s.ptr += n;
        s.len -= n;
    }
    return err;
}

int
atl_query_append(struct atl_buf *b, bool is_first, struct atl_str name,
                 struct atl_str value)
{
    size_t before = b->len;
    int err = is_first ? 0 : atl_buf_append(b, "&", 1);

    if (err == 0)
        err = append_text(b, name);
    if (err == 0)
        err = atl_buf_append(b, "=", 1);
    if (err == 0)
        err = append_text(b, value);
    if (err != 0)
        b->len = before;
    return err;
}
