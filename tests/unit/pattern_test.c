/* pattern_test.c - patterns of paths and hosts.
 * SPDX-License-Identifier: MIT
 */
#include "web/pattern.h"

#include "base/err.h"
#include "unit/test.h"

#include <time.h>

static struct atl_converters converters;
static struct atl_pattern_error error;
static struct atl_arena arena;
static struct atl_str values[ATL_PATTERN_MAX_PARAMS];
static unsigned calls;

/* Letters a to f and digits; counts how often it is asked. */
static bool
is_hex(void *data, struct atl_str value)
{
    size_t i;

    CHECK(data == &calls);
    CHECK(value.len > 0);
    calls++;
    for (i = 0; i < value.len; i++)
        if (strchr("0123456789abcdef", value.ptr[i]) == NULL)
            return false;
    return true;
}

static bool
has_slash(void *data, struct atl_str value)
{
    (void)data;
    return memchr(value.ptr, '/', value.len) != NULL &&
           memchr(value.ptr, '\0', value.len) == NULL;
}

__attribute__((constructor)) static void
set_up(void)
{
    atl_converters_init(&converters);
    atl_arena_init(&arena, NULL, 0);
    if (atl_converters_add(&converters, ATL_STR("hex"), is_hex, &calls) != 0 ||
        atl_converters_add(&converters, ATL_STR("slashed"), has_slash, NULL))
        abort();
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_converters_deinit(&converters);
    atl_arena_reset(&arena);
}

static struct atl_pattern *
make(const char *source, enum atl_pattern_kind kind)
{
    struct atl_pattern *p;
    int err =
        atl_pattern_new(atl_str_from(source), kind, &converters, &p, &error);

    if (err != 0)
        fail_msg("%s", error.text);
    return p;
}

/* Does `path` match?  If so, the values as "a|b|c" are `want`. */
static bool
matches(const char *source, const char *path, const char *want)
{
    enum atl_pattern_kind kind =
        source[0] == '/' ? ATL_PATTERN_PATH : ATL_PATTERN_HOST;
    struct atl_pattern *p = make(source, kind);
    bool is_plain = strchr(path, '%') == NULL;
    bool found =
        atl_pattern_match(p, atl_str_from(path), is_plain, &arena, values);
    char got[4096];
    size_t n = 0;
    unsigned i;

    for (i = 0; found && i < p->param_count; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s",
                              i > 0 ? "|" : "", (int)values[i].len,
                              values[i].ptr);
    got[n] = '\0';
    atl_pattern_free(p);
    if (found)
        CHECK_STR(got, want);
    return found;
}

static const char *
refusal(const char *source, enum atl_pattern_kind kind)
{
    struct atl_pattern *p;

    CHECK_INT(
        atl_pattern_new(atl_str_from(source), kind, &converters, &p, &error),
        ATL_E_INVALID);
    return error.text;
}

/* ---- parsing ---- */

TEST(a_pattern_keeps_its_source_and_names)
{
    char source[] = "/users/{id:int}/posts/{slug}";
    struct atl_pattern *p = make(source, ATL_PATTERN_PATH);

    memset(source, 'x', sizeof(source));
    CHECK_MEM(p->source.ptr, p->source.len, "/users/{id:int}/posts/{slug}");
    CHECK_INT(p->param_count, 2);
    CHECK_INT(p->part_count, 4);
    CHECK_MEM(atl_pattern_param(p, 0)->text.ptr,
              atl_pattern_param(p, 0)->text.len, "id");
    CHECK_INT(atl_pattern_param(p, 0)->converter->kind, ATL_CONVERTER_INT);
    CHECK_MEM(atl_pattern_param(p, 1)->text.ptr,
              atl_pattern_param(p, 1)->text.len, "slug");
    CHECK_INT(atl_pattern_param(p, 1)->converter->kind, ATL_CONVERTER_STRING);
    CHECK(atl_pattern_param(p, 2) == NULL);
    atl_pattern_free(p);
}

TEST(refusals_name_the_pattern_and_the_fault)
{
    static const struct {
        const char *source;
        const char *want;
    } cases[] = {
        {"users", "pattern \"users\": a path begins with a slash"},
        {"", "pattern \"\": a path begins with a slash"},
        {"/{id", "pattern \"/{id\": a '{' without its '}'"},
        {"/{a{b}}", "pattern \"/{a{b}}\": a '{' without its '}'"},
        {"/id}", "pattern \"/id}\": a '}' without its '{'"},
        {"/{a}}", "pattern \"/{a}}\": a '}' without its '{'"},
        {"/{}", "pattern \"/{}\": a parameter has no name"},
        {"/{:int}", "pattern \"/{:int}\": a parameter has no name"},
        {"/{1a}", "pattern \"/{1a}\": \"1a\" is no name for a parameter"},
        {"/{a b}", "pattern \"/{a b}\": \"a b\" is no name for a parameter"},
        {"/{a}/{a:int}",
         "pattern \"/{a}/{a:int}\": parameter \"a\" stands there twice"},
        {"/{a:integer}",
         "pattern \"/{a:integer}\": unknown converter \"integer\""},
        {"/{a:}", "pattern \"/{a:}\": unknown converter \"\""},
        {"/{a}{b}", "pattern \"/{a}{b}\": no text between two parameters"},
        {"/a?b", "pattern \"/a?b\": a path has no query and no fragment"},
        {"/a#b", "pattern \"/a#b\": a path has no query and no fragment"},
        {"/a\nb", "pattern \"/a?b\": a control character"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(refusal(cases[i].source, ATL_PATTERN_PATH), cases[i].want);
}

TEST(refusals_of_hosts)
{
    CHECK_STR(refusal("", ATL_PATTERN_HOST),
              "pattern \"\": a host is not empty");
    CHECK_STR(refusal("a.org:80", ATL_PATTERN_HOST),
              "pattern \"a.org:80\": a host pattern has no port");
    CHECK_STR(refusal("a.org/x", ATL_PATTERN_HOST),
              "pattern \"a.org/x\": '/' is not for a host");
}

TEST(limits_are_kept)
{
    char source[ATL_PATTERN_MAX + 2];
    struct atl_pattern *p;
    size_t n = 0;
    int i;

    for (i = 0; i < ATL_PATTERN_MAX_PARAMS; i++)
        n += (size_t)snprintf(source + n, sizeof(source) - n, "/{p%d}", i);
    p = make(source, ATL_PATTERN_PATH);
    CHECK_INT(p->param_count, ATL_PATTERN_MAX_PARAMS);
    atl_pattern_free(p);
    snprintf(source + n, sizeof(source) - n, "/{more}");
    CHECK(strstr(refusal(source, ATL_PATTERN_PATH), "more than 16 parameters"));
    memset(source, '/', sizeof(source) - 1);
    source[ATL_PATTERN_MAX + 1] = '\0';
    CHECK(strstr(refusal(source, ATL_PATTERN_PATH), "longer than 1024 bytes"));
    source[ATL_PATTERN_MAX] = '\0';
    atl_pattern_free(make(source, ATL_PATTERN_PATH));
}

TEST(a_name_for_a_converter_is_an_identifier_and_free)
{
    struct atl_converters c;

    atl_converters_init(&c);
    CHECK_INT(atl_converters_add(&c, ATL_STR("int"), is_hex, NULL),
              ATL_E_STATE);
    CHECK_INT(atl_converters_add(&c, ATL_STR("a-b"), is_hex, NULL),
              ATL_E_INVALID);
    CHECK_INT(atl_converters_add(&c, ATL_STR(""), is_hex, NULL), ATL_E_INVALID);
    CHECK_INT(atl_converters_add(&c, ATL_STR("a"), is_hex, NULL), 0);
    CHECK_INT(atl_converters_add(&c, ATL_STR("a"), is_hex, NULL), ATL_E_STATE);
    CHECK_INT(atl_converters_find(&c, ATL_STR("a"))->order, 0);
    CHECK(atl_converters_find(&c, ATL_STR("b")) == NULL);
    atl_converters_deinit(&c);
}

/* ---- matching ---- */

TEST(text_matches_itself)
{
    CHECK(matches("/", "/", ""));
    CHECK(matches("/a/b", "/a/b", ""));
    CHECK(!matches("/a/b", "/a/b/", ""));
    CHECK(!matches("/a/b", "/a", ""));
    CHECK(!matches("/a", "/A", ""));
    CHECK(matches("/caf\xc3\xa9", "/caf%C3%A9", ""));
    CHECK(matches("/100%", "/100%25", ""));
}

TEST(a_string_is_one_segment_and_not_empty)
{
    CHECK(matches("/users/{id}", "/users/me", "me"));
    CHECK(!matches("/users/{id}", "/users/", ""));
    CHECK(!matches("/users/{id}", "/users/a/b", ""));
    CHECK(matches("/{a}/{b}", "/x/y", "x|y"));
    CHECK(!matches("/{a}/{b}", "/x/", ""));
    CHECK(!matches("/{a}/{b}", "//y", ""));
}

TEST(values_are_decoded_and_an_encoded_slash_divides_nothing)
{
    CHECK(matches("/{a}/{b}", "/x%2Fy/z", "x/y|z"));
    CHECK(matches("/{a}", "/%2f", "/"));
    CHECK(!matches("/a/b", "/a%2Fb", ""));
    CHECK(matches("/{a}", "/%252F", "%2F"));
    CHECK(matches("/{a}", "/a%20b", "a b"));
    CHECK(matches("/{a}-{b}", "/1%2D2", "1|2"));
    CHECK(matches("/{a:path}", "/x%2Fy/z", "x/y/z"));
}

TEST(bad_escapes_match_nothing)
{
    CHECK(!matches("/{a:path}", "/%", ""));
    CHECK(!matches("/{a:path}", "/%4", ""));
    CHECK(!matches("/{a:path}", "/%zz", ""));
    CHECK(!matches("/{a:path}", "/a%00b", ""));
}

TEST(a_plain_path_is_not_decoded_again)
{
    struct atl_pattern *p = make("/{a}", ATL_PATTERN_PATH);

    CHECK(atl_pattern_match(p, ATL_STR("/a%2Fb%00%"), true, NULL, values));
    CHECK_MEM(values[0].ptr, values[0].len, "a%2Fb%00%");
    atl_pattern_free(p);
}

TEST(a_segment_may_hold_text_and_parameters)
{
    CHECK(matches("/files/{name}.txt", "/files/a.txt", "a"));
    CHECK(matches("/files/{name}.txt", "/files/a.txt.txt", "a.txt"));
    CHECK(!matches("/files/{name}.txt", "/files/.txt", ""));
    CHECK(matches("/@{user}", "/@me", "me"));
    CHECK(!matches("/@{user}", "/@", ""));
    CHECK(matches("/{a}-{b}", "/x-y", "x|y"));
    CHECK(matches("/{a}...{b}", "/x...y", "x|y"));
    CHECK(!matches("/{a}-{b}", "/xy", ""));
    CHECK(!matches("/{a}-{b}", "/x/-y", ""));
}

TEST(the_left_parameter_takes_what_it_can)
{
    CHECK(matches("/{name}.{ext}", "/a.tar.gz", "a.tar|gz"));
    CHECK(matches("/{a}-{b}", "/x-y-z", "x-y|z"));
    CHECK(matches("/{a}-{b}", "/x--", "x|-"));
    CHECK(matches("/{slug:slug}-{id:int}", "/my-post-12", "my-post|12"));
    CHECK(matches("/{a}-{id:int}x{b}", "/q-1x2-3x", "q|1|2-3x"));
    CHECK(matches("/{p:path}/edit/{q:path}", "/a/edit/b/edit/c", "a/edit/b|c"));
}

TEST(integers_are_digits_up_to_2_53)
{
    CHECK(matches("/{n:int}", "/0", "0"));
    CHECK(matches("/{n:int}", "/9007199254740992", "9007199254740992"));
    CHECK(!matches("/{n:int}", "/9007199254740993", ""));
    CHECK(!matches("/{n:int}", "/99999999999999999999999999", ""));
    CHECK(!matches("/{n:int}", "/-1", ""));
    CHECK(!matches("/{n:int}", "/+1", ""));
    CHECK(!matches("/{n:int}", "/1.0", ""));
    CHECK(!matches("/{n:int}", "/0x10", ""));
    CHECK(!matches("/{n:int}", "/1%00", ""));
    CHECK(matches("/{n:int}", "/%31%32", "12"));
    CHECK(matches("/{n:int}0", "/100", "10"));
}

TEST(digits_have_the_value_that_they_spell)
{
    int64_t n;

    CHECK(atl_converter_parse_int(ATL_STR("9007199254740992"), &n));
    CHECK(n == 9007199254740992);
    CHECK(atl_converter_parse_int(ATL_STR("007"), &n));
    CHECK_INT(n, 7);
    CHECK(!atl_converter_parse_int(ATL_STR(""), &n));
    CHECK(!atl_converter_parse_int(ATL_STR("9007199254740993"), &n));
}

TEST(numbers_have_digits_on_both_sides_of_their_point)
{
    CHECK(matches("/{n:number}", "/3.14", "3.14"));
    CHECK(matches("/{n:number}", "/3", "3"));
    CHECK(!matches("/{n:number}", "/3.", ""));
    CHECK(!matches("/{n:number}", "/.5", ""));
    CHECK(!matches("/{n:number}", "/1.2.3", ""));
    CHECK(!matches("/{n:number}", "/1e5", ""));
    CHECK(!matches("/{n:number}", "/9007199254740993.5", ""));
    CHECK(matches("/{a:number}.{b:number}", "/1.5.5", "1.5|5"));
    CHECK(matches("/{a}1{b:number}x{c}", "/q1.5x1.5xz", "q1.5x|.5xz") == false);
    CHECK(matches("/{a}:{b:number}x{c}", "/1:2.5x3", "1|2.5|3"));
}

TEST(uuids_have_their_form)
{
    CHECK(matches("/{u:uuid}", "/123e4567-E89B-12d3-a456-426614174000",
                  "123e4567-E89B-12d3-a456-426614174000"));
    CHECK(!matches("/{u:uuid}", "/123e4567-e89b-12d3-a456-42661417400", ""));
    CHECK(!matches("/{u:uuid}", "/123e4567-e89b-12d3-a456-4266141740000", ""));
    CHECK(!matches("/{u:uuid}", "/123e4567-e89b-12d3-a456-42661417400g", ""));
    CHECK(!matches("/{u:uuid}", "/123e45670e89b-12d3-a456-426614174000", ""));
    CHECK(matches("/{a}-{u:uuid}-{b}",
                  "/x-123e4567-e89b-12d3-a456-426614174000-y",
                  "x|123e4567-e89b-12d3-a456-426614174000|y"));
}

TEST(slugs_are_words_and_dashes)
{
    CHECK(matches("/{s:slug}", "/How-to_1", "How-to_1"));
    CHECK(!matches("/{s:slug}", "/a.b", ""));
    CHECK(!matches("/{s:slug}", "/a%20b", ""));
    CHECK(!matches("/{s:slug}", "/\xc3\xa9", ""));
}

TEST(a_path_takes_slashes_and_nothing)
{
    CHECK(matches("/files/{rest:path}", "/files/a/b/c", "a/b/c"));
    CHECK(matches("/files/{rest:path}", "/files/", ""));
    CHECK(!matches("/files/{rest:path}", "/files", ""));
    CHECK(matches("/{p:path}/edit", "/a/b/edit", "a/b"));
    CHECK(matches("/{p:path}/edit", "/edit/edit", "edit"));
    CHECK(matches("/{p:path}/edit", "//edit", ""));
    CHECK(!matches("/{p:path}/edit", "/edit", ""));
    CHECK(matches("/{p:path}.{ext}", "/a/b.c/d.tar.gz", "a/b.c/d.tar|gz"));
    CHECK(matches("/{o:path}/-/blob/{ref}/{f:path}", "/g/s/-/blob/main/a/b",
                  "g/s|main|a/b"));
}

TEST(a_registered_converter_decides)
{
    CHECK(matches("/{c:hex}", "/c0ffee", "c0ffee"));
    CHECK(!matches("/{c:hex}", "/tea", ""));
    CHECK(!matches("/{c:hex}", "/", ""));
    CHECK(matches("/{c:hex}.{d:hex}.x", "/a.b.x", "a|b"));
    CHECK(matches("/{a}-{c:hex}-{b}", "/q-z-ab-cd", "q-z|ab|cd"));
}

TEST(a_registered_converter_sees_encoded_slashes_as_slashes)
{
    CHECK(matches("/{a:slashed}/{b:slashed}", "/x%2Fy/z%2F", "x/y|z/"));
    CHECK(!matches("/{a:slashed}/{b:slashed}", "/x%2Fy/z", ""));
}

TEST(a_registered_converter_is_asked_a_limited_number_of_times)
{
    char path[4000];

    memset(path, '-', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    calls = 0;
    CHECK(!matches("/{a}-{b:hex}-{c}-{d:hex}-{e}", path, ""));
    CHECK_INT(calls, ATL_CONVERTER_MAX_CALLS);
}

TEST(hosts_match_by_label_without_case_or_port)
{
    CHECK(matches("api.example.org", "API.Example.org:8080", ""));
    CHECK(matches("api.example.org", "api.example.org.", ""));
    CHECK(matches("API.example.org", "api.example.org", ""));
    CHECK(!matches("api.example.org", "example.org", ""));
    CHECK(matches("{sub}.example.org", "Www.example.org:80", "www"));
    CHECK(!matches("{sub}.example.org", "a.b.example.org", ""));
    CHECK(!matches("{sub}.example.org", ".example.org", ""));
    CHECK(matches("{sub:path}.example.org", "a.b.example.org", "a.b"));
    CHECK(matches("{any:path}", "[::1]:80", "[::1]"));
    CHECK(!matches("{any:path}", ":80", ""));
    CHECK(!matches("{any:path}", "", ""));
}

/*
 * Each would take hours by plain backtracking: (number of dashes) over
 * (parameters) ways.  The clock is no judge here: it ends or it doesn't.
 */
TEST(no_path_makes_matching_explode)
{
    static const char *const sources[] = {
        "/{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}-{i}.",
        "/{a:slug}-{b:slug}-{c:slug}-{d:slug}-{e:slug}-{f:slug}.",
        "/{a:path}-{b:path}-{c:path}-{d:path}-{e:path}-{f:path}.",
        "/{a:path}-{b}-{c:path}-{d}-{e:path}-{f}-{g:path}-{h}.",
        "/{a:int}1{b:int}1{c:int}1{d:int}1{e:int}1{f:int}.",
        "/{a:path}1{b:number}1{c:path}1{d:number}1{e:path}1{f:int}.",
        "/{a}-{b:uuid}-{c}-{d:uuid}-{e}-{f:uuid}-{g}.",
    };
    static const char *const fills[] = {"-", "1", "1-", "-/", "1.1-"};
    static char path[16384];
    size_t i, k, n;

    for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        for (k = 0; k < sizeof(fills) / sizeof(fills[0]); k++) {
            for (n = 0; n < sizeof(path); n++)
                path[n] = fills[k][n % strlen(fills[k])];
            path[0] = '/';
            path[sizeof(path) - 1] = '\0';
            CHECK(!matches(sources[i], path, ""));
        }
}

/* ---- filling in ---- */

static struct atl_buf out;

static int
format(const char *source, unsigned count, ...)
{
    enum atl_pattern_kind kind =
        source[0] == '/' ? ATL_PATTERN_PATH : ATL_PATTERN_HOST;
    struct atl_pattern *p = make(source, kind);
    struct atl_str given[4];
    va_list args;
    unsigned i;
    int err;

    va_start(args, count);
    for (i = 0; i < count; i++)
        given[i] = atl_str_from(va_arg(args, const char *));
    va_end(args);
    atl_buf_deinit(&out);
    atl_buf_init(&out, 4096);
    err = atl_pattern_format(p, given, count, &out, &error);
    atl_pattern_free(p);
    return err;
}

TEST(values_are_filled_in)
{
    CHECK_INT(format("/users/{id:int}/{x}", 2, "5", "me"), 0);
    CHECK_MEM(out.data, out.len, "/users/5/me");
    CHECK_INT(format("/", 0), 0);
    CHECK_MEM(out.data, out.len, "/");
    CHECK_INT(format("{t}.example.org", 1, "acme"), 0);
    CHECK_MEM(out.data, out.len, "acme.example.org");
}

TEST(values_are_encoded_by_what_their_converter_allows)
{
    CHECK_INT(format("/{x}", 1, "a/b c?d#e%f\xc3\xa9"), 0);
    CHECK_MEM(out.data, out.len, "/a%2Fb%20c%3Fd%23e%25f%C3%A9");
    CHECK_INT(format("/{x:path}", 1, "a/b c?"), 0);
    CHECK_MEM(out.data, out.len, "/a/b%20c%3F");
    CHECK_INT(format("/{x}", 1, "~a-b_c.d!$&'()*+,;=:@"), 0);
    CHECK_MEM(out.data, out.len, "/~a-b_c.d!$&'()*+,;=:@");
    CHECK_INT(format("/caf\xc3\xa9 100%/{x}", 1, "a"), 0);
    CHECK_MEM(out.data, out.len, "/caf%C3%A9%20100%25/a");
}

TEST(values_that_dont_fit_are_refused)
{
    CHECK_INT(format("/{x}/{y}", 1, "a"), ATL_E_INVALID);
    CHECK_STR(error.text, "pattern \"/{x}/{y}\": 1 values for 2 parameters");
    CHECK_INT(format("/{x}", 2, "a", "b"), ATL_E_INVALID);
    CHECK_INT(format("/{x:int}", 1, "abc"), ATL_E_INVALID);
    CHECK_STR(error.text, "pattern \"/{x:int}\": \"abc\" is not of the "
                          "converter \"int\"");
    CHECK_INT(format("/{x:int}", 1, "9007199254740993"), ATL_E_INVALID);
    CHECK_INT(format("/{x:hex}", 1, "tea"), ATL_E_INVALID);
    CHECK_INT(format("/{x}", 1, ""), ATL_E_INVALID);
    CHECK_STR(error.text, "pattern \"/{x}\": the value for \"x\" is empty");
    CHECK_INT(format("{x}.org", 1, "a/b"), ATL_E_INVALID);
    CHECK_INT(format("{x}.org", 1, "a.b"), ATL_E_INVALID);
    CHECK_INT(out.len, 0);
}

/* Browsers resolve them, encoded dots too; and "//x" is another host. */
TEST(paths_that_clients_would_read_differently_are_refused)
{
    CHECK_INT(format("/a/{x}", 1, ".."), ATL_E_INVALID);
    CHECK_STR(error.text, "pattern \"/a/{x}\": the path would have a segment "
                          "\"..\"");
    CHECK_INT(format("/a/{x}", 1, "."), ATL_E_INVALID);
    CHECK_INT(format("/a/.{x}", 1, "."), ATL_E_INVALID);
    CHECK_INT(format("/a/{x:path}", 1, "b/../c"), ATL_E_INVALID);
    CHECK_INT(format("/{x:path}", 1, "/evil.example"), ATL_E_INVALID);
    CHECK_STR(error.text, "pattern \"/{x:path}\": the path would begin with "
                          "two slashes");
    CHECK_INT(format("/a/{x}", 1, "..."), 0);
    CHECK_INT(format("/a/{x:path}", 1, "b/..c"), 0);
}

TEST(a_full_buffer_is_left_as_it_was)
{
    struct atl_pattern *p = make("/abc/{x}", ATL_PATTERN_PATH);
    struct atl_str value = ATL_STR("defgh");

    atl_buf_deinit(&out);
    atl_buf_init(&out, 12);
    CHECK_INT(atl_buf_append(&out, "1234", 4), 0);
    CHECK_INT(atl_pattern_format(p, &value, 1, &out, &error), ATL_E_TOOBIG);
    CHECK_MEM(out.data, out.len, "1234");
    atl_pattern_free(p);
    atl_buf_deinit(&out);
}
