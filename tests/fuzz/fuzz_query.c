/* fuzz_query.c - forms: nothing is lost, and what is written comes back.
 * SPDX-License-Identifier: MIT
 */
#include "fuzz/fuzz.h"
#include "web/query.h"

#include <string.h>

static int
naive_hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) % 16 : -1;
}

static size_t
naive_decode(struct atl_str raw, char *out)
{
    size_t i, n = 0;

    for (i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '%' && i + 2 < raw.len &&
            naive_hex(raw.ptr[i + 1]) >= 0 && naive_hex(raw.ptr[i + 2]) >= 0) {
            out[n++] = (char)(naive_hex(raw.ptr[i + 1]) * 16 +
                              naive_hex(raw.ptr[i + 2]));
            i += 2;
        } else {
            out[n++] = raw.ptr[i] == '+' ? ' ' : raw.ptr[i];
        }
    }
    return n;
}

static void
check_text(struct atl_str raw, bool coded, struct atl_str text)
{
    char *want = malloc(raw.len + 1), *place = malloc(raw.len + 1);
    size_t n = naive_decode(raw, want);

    FUZZ_CHECK(text.len == n && (n == 0 || memcmp(text.ptr, want, n) == 0));
    FUZZ_CHECK(coded || text.ptr == raw.ptr);
    if (raw.len > 0)
        memcpy(place, raw.ptr, raw.len);
    FUZZ_CHECK(atl_query_decode((struct atl_str){place, raw.len}, place) == n);
    FUZZ_CHECK(memcmp(place, want, n) == 0);
    free(place);
    free(want);
}

/* The pair is the one that is found by its name. */
static void
check_find(struct atl_str all, struct atl_str name,
           const struct atl_query_pair *pair, struct atl_arena *arena)
{
    struct atl_query_pair found;
    unsigned nth = 0;

    do {
        FUZZ_CHECK(
            atl_query_find(all, ATL_QUERY_MAX_PAIRS, name, nth++, &found));
        FUZZ_CHECK(atl_str_eq(
            atl_query_text(found.name, found.name_coded, arena), name));
    } while (found.name.ptr != pair->name.ptr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atl_str all = {(const char *)data, size};
    struct atl_query_pair pair, again;
    struct atl_query q, written;
    struct atl_arena arena;
    struct atl_buf out;
    unsigned count = 0;

    atl_arena_init(&arena, NULL, 0);
    atl_buf_init(&out, 8 * size + 16);
    atl_query_init(&q, all, ATL_QUERY_MAX_PAIRS);
    while (atl_query_next(&q, &pair)) {
        struct atl_str name =
            atl_query_text(pair.name, pair.name_coded, &arena);
        struct atl_str value =
            atl_query_text(pair.value, pair.value_coded, &arena);

        check_text(pair.name, pair.name_coded, name);
        check_text(pair.value, pair.value_coded, value);
        if (count < 16)
            check_find(all, name, &pair, &arena);
        FUZZ_CHECK(atl_query_append(&out, count == 0, name, value) == 0);
        count++;
    }
    FUZZ_CHECK(count <= ATL_QUERY_MAX_PAIRS);
    FUZZ_CHECK(!q.is_truncated || count == ATL_QUERY_MAX_PAIRS);
    /* What was written reads as what was read. */
    atl_query_init(&q, all, ATL_QUERY_MAX_PAIRS);
    atl_query_init(&written, (struct atl_str){out.data, out.len}, count);
    while (atl_query_next(&written, &again)) {
        FUZZ_CHECK(atl_query_next(&q, &pair));
        FUZZ_CHECK(
            atl_str_eq(atl_query_text(pair.name, pair.name_coded, &arena),
                       atl_query_text(again.name, again.name_coded, &arena)));
        FUZZ_CHECK(
            atl_str_eq(atl_query_text(pair.value, pair.value_coded, &arena),
                       atl_query_text(again.value, again.value_coded, &arena)));
        count--;
    }
    FUZZ_CHECK(count == 0 && !written.is_truncated);
    atl_buf_deinit(&out);
    atl_arena_reset(&arena);
    return 0;
}
