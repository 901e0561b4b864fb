/* cookie_test.c - the Cookie field, read; Set-Cookie, written.
 * SPDX-License-Identifier: MIT
 */
#include "web/cookie.h"

#include "base/err.h"
#include "unit/test.h"

static struct atl_arena arena;
static struct atl_buf out;
static const char *reason;

__attribute__((constructor)) static void
set_up(void)
{
    atl_arena_init(&arena, NULL, 0);
    atl_buf_init(&out, 8192);
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_arena_reset(&arena);
    atl_buf_deinit(&out);
}

static const char *
pairs(struct atl_str field, unsigned max)
{
    static char got[1024];
    struct atl_cookie_pair pair;
    struct atl_cookies c;
    size_t n = 0;

    got[0] = '\0';
    atl_cookies_init(&c, field, max);
    while (atl_cookies_next(&c, &pair)) {
        struct atl_str value = atl_cookie_text(pair.value, pair.coded, &arena);

        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s=%.*s",
                              n > 0 ? "|" : "", (int)pair.name.len,
                              pair.name.ptr, (int)value.len, value.ptr);
    }
    return got;
}

TEST(pairs_come_in_wire_order_with_repeated_names)
{
    CHECK_STR(pairs(ATL_STR("b=1; a=2; b=3"), 9), "b=1|a=2|b=3");
}

TEST(stray_spaces_and_semicolons_are_forgiven)
{
    CHECK_STR(pairs(ATL_STR(" ;; a = 1 ;b=\t2\t;; ;c=3;"), 9), "a=1|b=2|c=3");
    CHECK_STR(pairs((struct atl_str){NULL, 0}, 9), "");
}

TEST(what_has_no_name_is_left_out)
{
    CHECK_STR(pairs(ATL_STR("lonely; =value; =; a=1"), 9), "a=1");
    CHECK_STR(pairs(ATL_STR("=__Host-a=1"), 9), "");
}

TEST(the_first_equals_sign_divides)
{
    CHECK_STR(pairs(ATL_STR("a=b=c; d="), 9), "a=b=c|d=");
}

TEST(values_lose_their_quotes)
{
    CHECK_STR(pairs(ATL_STR("a=\"b c\"; d=\"; e=\"\"; f=\"x"), 9),
              "a=b c|d=\"|e=|f=\"x");
}

TEST(values_are_decoded_and_a_plus_stays_one)
{
    CHECK_STR(pairs(ATL_STR("a=%20%C3%A9+; b=100%; c=%zz"), 9),
              "a= \xc3\xa9+|b=100%|c=%zz");
}

TEST(pairs_beyond_the_limit_are_left_out)
{
    CHECK_STR(pairs(ATL_STR("a=1; b; c=2; d=3"), 2), "a=1|c=2");
}

static const char *
write(struct atl_cookie c)
{
    out.len = 0;
    reason = NULL;
    CHECK_INT(atl_cookie_write(&c, &out, &reason), 0);
    CHECK(reason == NULL);
    CHECK_INT(atl_buf_append(&out, "", 1), 0);
    return out.data;
}

static const char *
refusal(struct atl_cookie c)
{
    out.len = 0;
    CHECK_INT(atl_cookie_write(&c, &out, &reason), ATL_E_INVALID);
    CHECK_INT(out.len, 0);
    return reason;
}

TEST(a_cookie_is_written_with_its_attributes)
{
    CHECK_STR(
        write((struct atl_cookie){.name = ATL_STR("a"), .value = ATL_STR("1")}),
        "a=1");
    CHECK_STR(write((struct atl_cookie){
                  .name = ATL_STR("__Secure-id"),
                  .value = ATL_STR("abc/+="),
                  .path = ATL_STR("/x y"),
                  .domain = ATL_STR(".example.org"),
                  .has_max_age = true,
                  .max_age = 3600,
                  .has_expires = true,
                  .expires = 784111777,
                  .secure = true,
                  .http_only = true,
                  .same_site = ATL_SAME_SITE_NONE,
                  .partitioned = true,
              }),
              "__Secure-id=abc/+=; Path=/x y; Domain=example.org; "
              "Max-Age=3600; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Secure; "
              "HttpOnly; SameSite=None; Partitioned");
    CHECK_STR(write((struct atl_cookie){.name = ATL_STR("a"),
                                        .has_max_age = true,
                                        .max_age = INT64_MIN}),
              "a=; Max-Age=-9223372036854775808");
}

TEST(every_value_comes_back)
{
    char bytes[256];
    struct atl_str value = {bytes, sizeof(bytes)}, got;
    struct atl_cookie c = {.name = ATL_STR("a"), .value = value};
    struct atl_cookie_pair pair;
    struct atl_cookies it;
    size_t i;

    for (i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    out.len = 0;
    CHECK_INT(atl_cookie_write(&c, &out, &reason), 0);
    for (i = 0; i < out.len; i++)
        CHECK(out.data[i] > ' ' && out.data[i] < 0x7f &&
              strchr("\",;\\", out.data[i]) == NULL);
    atl_cookies_init(&it, (struct atl_str){out.data, out.len}, 2);
    CHECK(atl_cookies_next(&it, &pair));
    got = atl_cookie_text(pair.value, pair.coded, &arena);
    CHECK(atl_str_eq(got, value));
    CHECK(!atl_cookies_next(&it, &pair));
}

TEST(a_name_is_a_token)
{
    static const char *const bad[] = {
        "", "a b", "a=b", "a;b", "a\r\nb", "a,b", "\"a\"", "\xc3\xa9", "a\t"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_STR(refusal((struct atl_cookie){.name = atl_str_from(bad[i])}),
                  "a cookie's name must be a token");
}

TEST(attributes_can_not_inject)
{
    static const char *const paths[] = {"/a;Secure", "/a\r\nX: y", "a", "/\x7f",
                                        "/\xc3\xa9"};
    static const char *const domains[] = {
        "a.org;Secure", "a.org\r\nX: y", ".",   "a..b",
        "..a",          "a b",           "a/b", "a."};
    size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        CHECK(strstr(refusal((struct atl_cookie){
                         .name = ATL_STR("a"), .path = atl_str_from(paths[i])}),
                     "a cookie's path"));
    for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
        CHECK_STR(
            refusal((struct atl_cookie){.name = ATL_STR("a"),
                                        .domain = atl_str_from(domains[i])}),
            "a cookie's domain must be a host name");
    CHECK_STR(refusal((struct atl_cookie){.name = ATL_STR("a"),
                                          .path = ATL_STR("/a\0b")}),
              "a cookie's path has no control characters, no ';' and only "
              "ASCII");
}

TEST(sizes_are_limited)
{
    static char bytes[ATL_COOKIE_MAX_SIZE + 1];
    struct atl_cookie c = {.name = ATL_STR("a"),
                           .value = {bytes, ATL_COOKIE_MAX_SIZE - 1}};

    memset(bytes, 'x', sizeof(bytes));
    CHECK_INT(strlen(write(c)), ATL_COOKIE_MAX_SIZE + 1);
    c.value.len++;
    CHECK_STR(refusal(c), "a cookie's name and value have at most 4096 bytes");
    c.value.len = 1;
    bytes[0] = '/';
    c.path = (struct atl_str){bytes, ATL_COOKIE_MAX_ATTRIBUTE};
    write(c);
    c.path.len++;
    CHECK_STR(refusal(c), "a cookie's path and domain have at most 1024 bytes");
}

TEST(what_browsers_drop_for_want_of_secure_is_refused)
{
    struct atl_cookie c = {.name = ATL_STR("a"),
                           .same_site = ATL_SAME_SITE_NONE};

    CHECK_STR(refusal(c), "SameSite=None needs a secure cookie");
    c.secure = true;
    CHECK_STR(write(c), "a=; Secure; SameSite=None");
    c = (struct atl_cookie){.name = ATL_STR("a"), .partitioned = true};
    CHECK_STR(refusal(c), "a partitioned cookie must be secure");
}

TEST(prefixes_keep_their_promises_in_any_case)
{
    struct atl_cookie c = {.name = ATL_STR("__sECURE-a")};

    CHECK_STR(refusal(c), "a cookie with this prefix must be secure");
    c.secure = true;
    write(c);
    c.name = ATL_STR("__host-a");
    CHECK_STR(refusal(c), "a __Host- cookie must have the path \"/\"");
    c.path = ATL_STR("/a");
    CHECK_STR(refusal(c), "a __Host- cookie must have the path \"/\"");
    c.path = ATL_STR("/");
    CHECK_STR(write(c), "__host-a=; Path=/; Secure");
    c.domain = ATL_STR("a.org");
    CHECK_STR(refusal(c), "a __Host- cookie can't have a domain");
    c.domain.len = 0;
    c.name = ATL_STR("__Http-a");
    CHECK_STR(refusal(c), "a cookie with this prefix must be http_only");
    c.name = ATL_STR("__Host-Http-a");
    CHECK_STR(refusal(c), "a cookie with this prefix must be http_only");
    c.http_only = true;
    write(c);
    c.path.len = 0;
    CHECK_STR(refusal(c), "a __Host- cookie must have the path \"/\"");
}

TEST(same_site_is_found_by_name_in_any_case)
{
    enum atl_same_site got;

    CHECK(atl_same_site_find(ATL_STR("LAX"), &got));
    CHECK_INT(got, ATL_SAME_SITE_LAX);
    CHECK(atl_same_site_find(ATL_STR("strict"), &got));
    CHECK_INT(got, ATL_SAME_SITE_STRICT);
    CHECK(atl_same_site_find(ATL_STR("None"), &got));
    CHECK_INT(got, ATL_SAME_SITE_NONE);
    CHECK(!atl_same_site_find(ATL_STR(""), &got));
}

TEST(a_full_buffer_is_left_as_it_was)
{
    struct atl_cookie c = {
        .name = ATL_STR("a"), .value = ATL_STR("b"), .path = ATL_STR("/")};
    struct atl_buf small;

    atl_buf_init(&small, 8);
    CHECK_INT(atl_cookie_write(&c, &small, &reason), ATL_E_TOOBIG);
    CHECK_INT(small.len, 0);
    atl_buf_deinit(&small);
}
