/* fuzz_cookie.c - cookies: reading never fails, writing never injects.
 * SPDX-License-Identifier: MIT
 *
 * The input is a Cookie field; each of its pairs is then set as a cookie.
 */
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "web/cookie.h"

#include <string.h>

static void
check_pair(const struct atl_cookie_pair *pair, const char *end)
{
    FUZZ_CHECK(pair->name.len > 0);
    FUZZ_CHECK(memchr(pair->name.ptr, '=', pair->name.len) == NULL);
    FUZZ_CHECK(memchr(pair->name.ptr, ';', pair->name.len) == NULL);
    FUZZ_CHECK(pair->value.ptr + pair->value.len <= end);
    if (pair->value.len > 0)
        FUZZ_CHECK(memchr(pair->value.ptr, ';', pair->value.len) == NULL);
}

/* One line, and no more attributes than were asked for. */
static void
check_written(const struct atl_cookie *c, struct atl_str line,
              struct atl_arena *arena)
{
    unsigned semicolons = 0, want = 0;
    struct atl_cookie_pair pair;
    struct atl_cookies it;
    struct atl_str value;
    size_t i;

    for (i = 0; i < line.len; i++) {
        FUZZ_CHECK(line.ptr[i] >= ' ' && line.ptr[i] < 0x7f);
        semicolons += line.ptr[i] == ';';
    }
    want += c->path.len > 0;
    want += c->domain.len > 0;
    want += c->has_max_age;
    want += c->has_expires;
    want += c->secure;
    want += c->http_only;
    want += c->same_site != ATL_SAME_SITE_UNSET;
    want += c->partitioned;
    FUZZ_CHECK(semicolons == want);
    atl_cookies_init(&it, line, 1);
    FUZZ_CHECK(atl_cookies_next(&it, &pair));
    FUZZ_CHECK(atl_str_eq(pair.name, c->name));
    value = atl_cookie_text(pair.value, pair.coded, arena);
    FUZZ_CHECK(atl_str_eq(value, c->value));
}

static void
set(const struct atl_cookie_pair *pair, struct atl_str other, uint64_t random,
    struct atl_arena *arena)
{
    struct atl_cookie c = {
        .name = pair->name,
        .value = atl_cookie_text(pair->value, pair->coded, arena),
        .has_max_age = random & 1,
        .max_age = (int64_t)random,
        .has_expires = random & 2,
        .expires = (int64_t)(random << 7),
        .same_site = (enum atl_same_site)(random >> 2 & 3),
        .secure = random & 16,
        .http_only = random & 32,
        .partitioned = random & 64,
    };
    const char *reason = NULL;
    struct atl_buf out;
    int err;

    if (random & 128)
        c.path = other;
    if (random & 256)
        c.domain = other;
    if (random & 512)
        c.path = ATL_STR("/");
    atl_buf_init(&out, 65536);
    err = atl_cookie_write(&c, &out, &reason);
    if (err == 0)
        check_written(&c, (struct atl_str){out.data, out.len}, arena);
    else
        FUZZ_CHECK(out.len == 0);
    FUZZ_CHECK((reason != NULL) == (err == ATL_E_INVALID));
    atl_buf_deinit(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atl_str all = {(const char *)data, size}, last = {"", 0};
    uint64_t random = fuzz_seed(data, size);
    struct atl_cookie_pair pair;
    struct atl_cookies c;
    struct atl_arena arena;
    unsigned count = 0;

    atl_arena_init(&arena, NULL, 0);
    atl_cookies_init(&c, all, ATL_COOKIE_MAX_PAIRS);
    while (atl_cookies_next(&c, &pair)) {
        check_pair(&pair, all.ptr + all.len);
        set(&pair, last, fuzz_random(&random), &arena);
        last = atl_cookie_text(pair.value, pair.coded, &arena);
        count++;
    }
    FUZZ_CHECK(count <= ATL_COOKIE_MAX_PAIRS);
    atl_arena_reset(&arena);
    return 0;
}
