/* location_test.c - redirect targets.
 * SPDX-License-Identifier: MIT
 */
#include "web/location.h"

#include "base/err.h"
#include "unit/test.h"

static void
check_kind(const char *const *targets, size_t count, enum atl_location want)
{
    size_t i;

    for (i = 0; i < count; i++) {
        enum atl_location got =
            atl_location_classify(atl_str_from(targets[i]), NULL);

        if (got != want)
            fail_msg("\"%s\" is %d, not %d", targets[i], got, want);
    }
}

#define CHECK_KIND(targets, want) \
    check_kind(targets, sizeof(targets) / sizeof((targets)[0]), want)

TEST(local_targets_stay_on_the_host)
{
    static const char *const targets[] = {
        "",          "/",      "/a//b", "a/b",
        "../a",      "?q=//x", "#f",    "/a?u=http://b",
        "/\xc3\xa9", "a b",    "./a:b", "/javascript:x",
        "1a:b",      "/a\\b",  "\\a"};

    CHECK_KIND(targets, ATL_LOCATION_LOCAL);
}

TEST(other_hosts_in_disguise_are_seen)
{
    static const char *const targets[] = {"//evil.example", "/\\evil.example",
                                          "\\/evil",        "\\\\evil",
                                          "///evil",        "//",
                                          "/\\/evil",       "//user@evil"};

    CHECK_KIND(targets, ATL_LOCATION_NETWORK);
}

TEST(other_schemes_are_seen)
{
    static const char *const targets[] = {
        "javascript:alert(1)", "JavaScript:x",  "data:text/html,x",
        "mailto:a@b",          "ftp://a",       "a.b+c-1:x",
        "vbscript:",           "localhost:80/x"};

    CHECK_KIND(targets, ATL_LOCATION_SCHEME);
}

/* Browsers leave tabs and line feeds out, and spaces at the ends. */
TEST(what_readers_disagree_about_is_invalid)
{
    static const char *const targets[] = {"/\t/evil",
                                          "java\nscript:x",
                                          "\x01//evil",
                                          "/a\r\nX: y",
                                          "/\x7f",
                                          " //evil",
                                          "//evil ",
                                          " /a",
                                          "http:/evil",
                                          "http:evil",
                                          "https:",
                                          "http:\\\\evil",
                                          "http://",
                                          "http:///evil",
                                          "https://?x",
                                          "http://good@evil",
                                          "http://good:80:90/",
                                          "http://a:99999/",
                                          "http://a b/",
                                          "http://good\\@evil/x@",
                                          "http://%65vil/",
                                          "http://[::1",
                                          "http://[x]/",
                                          "http://:80/",
                                          "http://a<b/"};

    CHECK_KIND(targets, ATL_LOCATION_INVALID);
}

TEST(absolute_targets_tell_their_host)
{
    static const struct {
        const char *target;
        const char *host;
    } cases[] = {
        {"http://example.org", "example.org"},
        {"HTTPS://Example.org:8443/a?b#c", "Example.org:8443"},
        {"https://[::1]:80/", "[::1]:80"},
        {"http://a?x@y", "a"},
        {"http://a#@y", "a"},
        {"http://b\xc3\xbc"
         "cher.example/",
         "b\xc3\xbc"
         "cher.example"},
    };
    struct atl_str host;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_INT(atl_location_classify(atl_str_from(cases[i].target), &host),
                  ATL_LOCATION_ABSOLUTE);
        CHECK(atl_str_eq(host, atl_str_from(cases[i].host)));
    }
    CHECK_INT(atl_location_classify(ATL_STR("http://u@h"), &host),
              ATL_LOCATION_INVALID);
    CHECK_INT(host.len, 0);
}

TEST(targets_are_encoded_where_they_must_be)
{
    static const struct {
        const char *target;
        const char *want;
    } cases[] = {
        {"/a b", "/a%20b"},
        {"/caf\xc3\xa9?x=\"y\"#<z>", "/caf%C3%A9?x=%22y%22#%3Cz%3E"},
        {"/a%20b%2f%zz%", "/a%20b%2f%25zz%25"},
        {"/%41%41", "/%41%41"},
        {"/%%41%4", "/%25%41%254"},
        {"/a\\b", "/a%5Cb"},
        {"http://good/\\@evil/", "http://good/%5C@evil/"},
        {"/-._~!$&'()*+,;=:@/?#[]", "/-._~!$&'()*+,;=:@/?#[]"},
        {"", ""},
    };
    const char *reason;
    struct atl_buf out;
    size_t i;

    atl_buf_init(&out, 256);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out.len = 0;
        CHECK_INT(
            atl_location_write(atl_str_from(cases[i].target), &out, &reason),
            0);
        CHECK(atl_str_eq((struct atl_str){out.data, out.len},
                         atl_str_from(cases[i].want)));
    }
    atl_buf_deinit(&out);
}

TEST(only_safe_targets_are_written)
{
    static const char *const targets[] = {"//evil", "/\\evil", "data:x",
                                          "/a\r\nb", "http:evil"};
    const char *reason;
    struct atl_buf out;
    size_t i;

    atl_buf_init(&out, 256);
    for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        reason = NULL;
        CHECK_INT(atl_location_write(atl_str_from(targets[i]), &out, &reason),
                  ATL_E_INVALID);
        CHECK(reason != NULL && out.len == 0);
    }
    atl_buf_deinit(&out);
    atl_buf_init(&out, 4);
    CHECK_INT(atl_location_write(ATL_STR("/a%20b"), &out, &reason),
              ATL_E_TOOBIG);
    CHECK_INT(out.len, 0);
    atl_buf_deinit(&out);
}
