/* router_test.c - from host, path and method to a route.
 * SPDX-License-Identifier: MIT
 */
#include "web/router.h"

#include "base/err.h"
#include "unit/test.h"

#define MAX_PATTERNS 20100

static struct atl_converters converters;
static struct atl_pattern_error error;
static struct atl_pattern *patterns[MAX_PATTERNS];
static unsigned pattern_count;
static struct atl_router *router;
static struct atl_arena arena;
static struct atl_match match;

__attribute__((constructor)) static void
set_up(void)
{
    atl_converters_init(&converters);
    atl_arena_init(&arena, NULL, 0);
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_router_free(router);
    while (pattern_count > 0)
        atl_pattern_free(patterns[--pattern_count]);
    atl_converters_deinit(&converters);
    atl_arena_reset(&arena);
}

/* Each test begins with no routes. */
static void
clear(void)
{
    tear_down();
    set_up();
    router = atl_router_new();
}

static const struct atl_pattern *
make(const char *source, enum atl_pattern_kind kind)
{
    CHECK(pattern_count < MAX_PATTERNS);
    if (atl_pattern_new(atl_str_from(source), kind, &converters,
                        &patterns[pattern_count], &error) != 0)
        fail_msg("%s", error.text);
    return patterns[pattern_count++];
}

/* `source` is "/path" or "host/path"; the data is `name`. */
static int
try_add(uint64_t methods, const char *source, const char *name)
{
    const char *slash = strchr(source, '/');
    const struct atl_pattern *host = NULL;
    char text[256];

    if (slash != source) {
        snprintf(text, sizeof(text), "%.*s", (int)(slash - source), source);
        host = make(text, ATL_PATTERN_HOST);
    }
    if (methods == 0)
        return atl_router_mount(router, host, make(slash, ATL_PATTERN_PATH),
                                (void *)name, NULL, &error);
    return atl_router_add(router, host, make(slash, ATL_PATTERN_PATH), methods,
                          (void *)name, NULL, &error);
}

static void
add(uint64_t methods, const char *source)
{
    if (try_add(methods, source, source) != 0)
        fail_msg("%s", error.text);
}

static void
add_mount(const char *source)
{
    add(0, source);
}

#define GET ATL_METHOD_GET
#define POST ATL_METHOD_POST

/* What is found: its data, and its values as "source a|b"; "none", "405". */
static const char *
find_on(const char *host, uint64_t method, const char *path)
{
    static char got[1024];
    struct atl_target t = {method, atl_str_from(host), atl_str_from(path),
                           strchr(path, '%') == NULL};
    size_t n;
    unsigned i;

    atl_router_find(router, &t, &arena, &match);
    if (match.outcome == ATL_OUTCOME_NONE)
        return "none";
    if (match.outcome == ATL_OUTCOME_WRONG_METHOD)
        return "405";
    n = (size_t)snprintf(got, sizeof(got), "%s", (char *)match.route->data);
    for (i = 0; i < match.value_count; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s",
                              i > 0 ? "|" : " ", (int)match.values[i].len,
                              match.values[i].ptr);
    return got;
}

static const char *
find(uint64_t method, const char *path)
{
    return find_on("", method, path);
}

static const char *
allowed(void)
{
    static char text[512];
    struct atl_buf out;

    atl_buf_init(&out, sizeof(text));
    CHECK_INT(atl_router_allow(router, match.allowed, &out), 0);
    snprintf(text, sizeof(text), "%.*s", (int)out.len, out.data);
    atl_buf_deinit(&out);
    return text;
}

/* ---- paths ---- */

TEST(an_empty_router_finds_nothing)
{
    clear();
    CHECK_STR(find(GET, "/"), "none");
    CHECK_INT(atl_router_count(router), 0);
}

TEST(text_routes_are_found)
{
    clear();
    add(GET, "/");
    add(GET, "/users");
    add(GET, "/users/");
    add(GET, "/users/me");
    add(GET, "/users/me//x");
    CHECK_STR(find(GET, "/"), "/");
    CHECK_STR(find(GET, ""), "/");
    CHECK_STR(find(GET, "/users"), "/users");
    CHECK_STR(find(GET, "/users/"), "/users/");
    CHECK_STR(find(GET, "/users/me"), "/users/me");
    CHECK_STR(find(GET, "/users/me//x"), "/users/me//x");
    CHECK_STR(find(GET, "/user"), "none");
    CHECK_STR(find(GET, "/users/m"), "none");
    CHECK_STR(find(GET, "/users/me/"), "none");
    CHECK_STR(find(GET, "//"), "none");
    CHECK_INT(atl_router_count(router), 5);
}

/* Segments of all lengths: the hash takes eight bytes a step. */
TEST(segments_of_every_length_are_told_apart)
{
    static char paths[40][48];
    size_t n;

    clear();
    for (n = 0; n < 40; n++) {
        memset(paths[n], 'a', n + 1);
        paths[n][0] = '/';
        snprintf(paths[n] + n + 1, 4, "/b");
        add(GET, paths[n]);
    }
    for (n = 0; n < 40; n++) {
        char path[48];

        CHECK_STR(find(GET, paths[n]), paths[n]);
        snprintf(path, sizeof(path), "%s", paths[n]);
        path[n / 2 + 1] = 'x';
        if (n > 0)
            CHECK_STR(find(GET, path), "none");
    }
}

TEST(what_is_no_path_is_found_nowhere)
{
    clear();
    add(GET, "/{x:path}");
    CHECK_STR(find(GET, "*"), "none");
    CHECK_STR(find(GET, "a"), "none");
    CHECK_STR(find(GET, "/%zz"), "none");
    CHECK_STR(find(GET, "/a%00"), "none");
}

TEST(text_precedes_parameters_which_precede_paths)
{
    clear();
    add(GET, "/{rest:path}");
    add(GET, "/{x}");
    add(GET, "/{n:int}");
    add(GET, "/{n:number}");
    add(GET, "/{s:slug}");
    add(GET, "/{u:uuid}");
    add(GET, "/me");
    add(GET, "/x{y}");
    add(GET, "/{x}.txt");
    add(GET, "/{x}.min.txt");
    CHECK_STR(find(GET, "/me"), "/me");
    CHECK_STR(find(GET, "/xe"), "/x{y} e");
    CHECK_STR(find(GET, "/5"), "/{n:int} 5");
    CHECK_STR(find(GET, "/5.5"), "/{n:number} 5.5");
    CHECK_STR(find(GET, "/a-b"), "/{s:slug} a-b");
    CHECK_STR(find(GET, "/a!b"), "/{x} a!b");
    CHECK_STR(find(GET, "/a.txt"), "/{x}.txt a");
    CHECK_STR(find(GET, "/a.min.txt"), "/{x}.min.txt a");
    CHECK_STR(find(GET, "/123e4567-e89b-12d3-a456-426614174000"),
              "/{u:uuid} 123e4567-e89b-12d3-a456-426614174000");
    CHECK_STR(find(GET, "/a/b"), "/{rest:path} a/b");
    CHECK_STR(find(GET, "/"), "/{rest:path} ");
}

TEST(the_search_goes_back_where_the_preferred_way_ends)
{
    clear();
    add(GET, "/a/{x}/c");
    add(GET, "/a/b/d");
    add(GET, "/a/{n:int}/e");
    add(GET, "/{p:path}/f");
    CHECK_STR(find(GET, "/a/b/c"), "/a/{x}/c b");
    CHECK_STR(find(GET, "/a/b/d"), "/a/b/d");
    CHECK_STR(find(GET, "/a/5/e"), "/a/{n:int}/e 5");
    CHECK_STR(find(GET, "/a/5/c"), "/a/{x}/c 5");
    CHECK_STR(find(GET, "/a/b/f"), "/{p:path}/f a/b");
    CHECK_STR(find(GET, "/a/b/g"), "none");
}

TEST(the_order_of_adding_does_not_matter)
{
    static const char *const sources[] = {"/{p:path}", "/{x}",     "/{n:int}",
                                          "/5",        "/{x}-{y}", "/a{x}"};
    static const char *const paths[] = {"/5",   "/6", "/a",  "/a-b",
                                        "/b-c", "/q", "/a/b"};
    char first[7][64];
    int turn;
    size_t i;

    for (turn = 0; turn < 6; turn++) {
        clear();
        for (i = 0; i < 6; i++)
            add(GET, sources[(i * 5 + (size_t)turn) % 6]);
        for (i = 0; i < 7; i++) {
            if (turn == 0)
                snprintf(first[i], sizeof(first[i]), "%s", find(GET, paths[i]));
            CHECK_STR(find(GET, paths[i]), first[i]);
        }
    }
}

TEST(values_are_slices_of_the_path_unless_it_is_encoded)
{
    struct atl_target t = {
        .method = GET, .path = ATL_STR("/users/me"), .is_plain = true};

    clear();
    add(GET, "/users/{id}");
    atl_router_find(router, &t, NULL, &match);
    CHECK(match.values[0].ptr == t.path.ptr + 7);
    CHECK_STR(find(GET, "/users/a%2Fb%20c"), "/users/{id} a/b c");
    CHECK_STR(find(GET, "/u%73ers/me"), "/users/{id} me");
    CHECK_STR(find(GET, "/users%2Fme"), "none");
}

TEST(names_of_values_come_from_the_route_that_was_found)
{
    clear();
    add(GET, "{tenant}.org/users/{id}");
    add(POST, "{t}.org/users/{name:string}");
    CHECK_STR(find_on("a.org", POST, "/users/x"),
              "{t}.org/users/{name:string} a|x");
    CHECK_MEM(atl_route_param(match.route, 0)->text.ptr,
              atl_route_param(match.route, 0)->text.len, "t");
    CHECK_MEM(atl_route_param(match.route, 1)->text.ptr,
              atl_route_param(match.route, 1)->text.len, "name");
    CHECK(atl_route_param(match.route, 2) == NULL);
}

/* ---- methods ---- */

TEST(a_path_that_exists_for_other_methods_lists_them)
{
    clear();
    add(GET, "/a");
    add(POST | ATL_METHOD_PUT, "/a");
    add(ATL_METHOD_DELETE, "/{x}");
    CHECK_STR(find(ATL_METHOD_PATCH, "/a"), "405");
    CHECK_STR(allowed(), "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    CHECK_STR(find(ATL_METHOD_OPTIONS, "/a"), "405");
    CHECK_STR(find(GET, "/b"), "405");
    CHECK_STR(allowed(), "DELETE, OPTIONS");
    CHECK_STR(find(GET, "/a/b"), "none");
}

TEST(a_route_that_serves_the_method_precedes_one_that_does_not)
{
    clear();
    add(GET, "/users/me");
    add(POST, "/users/{id}");
    CHECK_STR(find(POST, "/users/me"), "/users/{id} me");
}

TEST(head_is_served_by_get_unless_it_has_a_route)
{
    clear();
    add(GET, "/a");
    add(GET, "/b");
    CHECK_INT(try_add(ATL_METHOD_HEAD, "/b", "head"), 0);
    CHECK_INT(try_add(ATL_METHOD_ANY, "/a", "any"), 0);
    CHECK_STR(find(ATL_METHOD_HEAD, "/a"), "/a");
    CHECK_STR(find(ATL_METHOD_HEAD, "/b"), "head");
    CHECK_STR(find(POST, "/a"), "any");
    CHECK_STR(find(0, "/a"), "any");
}

TEST(options_may_have_its_own_route)
{
    clear();
    add(ATL_METHOD_OPTIONS, "/a");
    CHECK_STR(find(ATL_METHOD_OPTIONS, "/a"), "/a");
}

TEST(methods_of_extensions_get_bits)
{
    uint64_t report, bit;
    char name[16];
    int i;

    clear();
    report = atl_router_add_method(router, ATL_STR("REPORT"));
    CHECK(report != 0 &&
          atl_router_add_method(router, ATL_STR("REPORT")) == report);
    CHECK(atl_router_method(router, ATL_STR("REPORT")) == report);
    CHECK(atl_router_method(router, ATL_STR("GET")) == GET);
    CHECK_INT(atl_router_method(router, ATL_STR("get")), 0);
    CHECK_INT(atl_router_method(router, ATL_STR("PURGE")), 0);
    CHECK_INT(atl_router_add_method(router, ATL_STR("purge")), 0);
    CHECK_INT(atl_router_add_method(router, ATL_STR("A B")), 0);
    CHECK_INT(atl_router_add_method(router, ATL_STR("")), 0);
    add(report, "/a");
    CHECK_STR(find(report, "/a"), "/a");
    CHECK_STR(find(GET, "/a"), "405");
    CHECK_STR(allowed(), "OPTIONS, REPORT");
    for (i = 1; i < 48; i++) {
        snprintf(name, sizeof(name), "M%d", i);
        bit = atl_router_add_method(router, atl_str_from(name));
        CHECK(bit != 0 && bit < ATL_METHOD_ANY);
    }
    CHECK_INT(atl_router_add_method(router, ATL_STR("M48")), 0);
}

TEST(websockets_have_routes_of_their_own)
{
    clear();
    add(ATL_METHOD_WEBSOCKET, "/ws");
    add(GET, "/page");
    CHECK_STR(find(ATL_METHOD_WEBSOCKET, "/ws"), "/ws");
    CHECK_STR(find(GET, "/ws"), "none");
    CHECK_STR(find(ATL_METHOD_WEBSOCKET, "/page"), "none");
    CHECK_INT(try_add(GET, "/ws", "get"), 0);
    CHECK_STR(find(GET, "/ws"), "get");
}

/* ---- refusals ---- */

TEST(a_method_can_be_taken_once_for_the_same_patterns)
{
    clear();
    add(GET | POST, "/users/{id}");
    CHECK_INT(try_add(POST, "/users/{name:string}", ""), ATL_E_STATE);
    CHECK_STR(error.text, "POST /users/{name:string}: taken by /users/{id}");
    CHECK_INT(try_add(POST, "/users/{id:int}", ""), 0);
    CHECK_INT(try_add(GET, "a.org/users/{id}", ""), 0);
    CHECK_INT(try_add(GET, "A.org/users/{x}", ""), ATL_E_STATE);
    CHECK_STR(error.text, "GET a.org/users/{x}: taken by a.org/users/{id}");
    add_mount("/m");
    CHECK_INT(try_add(0, "/m/", ""), ATL_E_STATE);
    CHECK_STR(error.text, "mount /m/: taken by /m");
    add(ATL_METHOD_ANY, "/any");
    CHECK_INT(try_add(ATL_METHOD_ANY, "/any", ""), ATL_E_STATE);
    CHECK_STR(error.text, "any method /any: taken by /any");
    CHECK_INT(atl_router_count(router), 5);
}

/* ---- mounts ---- */

TEST(a_mount_takes_what_lies_below_it)
{
    clear();
    add_mount("/admin");
    add(GET, "/admin/own");
    CHECK_STR(find(GET, "/admin"), "/admin");
    CHECK_INT(match.prefix_len, 6);
    CHECK_STR(find(POST, "/admin/"), "/admin");
    CHECK_INT(match.prefix_len, 6);
    CHECK_STR(find(ATL_METHOD_WEBSOCKET, "/admin/a/b"), "/admin");
    CHECK_MEM(match.prefix.ptr, match.prefix.len, "/admin");
    CHECK(match.route->is_mount);
    CHECK_STR(find(GET, "/administrator"), "none");
    CHECK_STR(find(GET, "/admin/own"), "/admin/own");
    CHECK_INT(match.prefix_len, 0);
    CHECK_STR(find(POST, "/admin/own"), "/admin");
}

TEST(a_mounts_prefix_is_told_raw_and_decoded)
{
    clear();
    add_mount("/{tenant}/caf\xc3\xa9");
    CHECK_STR(find(GET, "/a%2Fb/caf%C3%A9/x%20y"), "/{tenant}/caf\xc3\xa9 a/b");
    CHECK_INT(match.prefix_len, strlen("/a%2Fb/caf%C3%A9"));
    CHECK_MEM(match.prefix.ptr, match.prefix.len, "/a/b/caf\xc3\xa9");
}

TEST(a_mount_at_the_root_takes_the_rest)
{
    clear();
    add_mount("/");
    add_mount("/a/");
    CHECK_STR(find(GET, "/x/y"), "/");
    CHECK_INT(match.prefix_len, 0);
    CHECK_STR(find(GET, ""), "/");
    CHECK_STR(find(GET, "/a"), "/a/");
    CHECK_INT(match.prefix_len, 2);
}

TEST(a_mount_has_no_path_parameter)
{
    clear();
    CHECK_INT(try_add(0, "/a/{x:path}", ""), ATL_E_INVALID);
    CHECK_STR(error.text,
              "mount /a/{x:path}: the rest of the path is the mounted "
              "application's: no {x:path}");
}

static long
cut_root(const char *path, const char *root)
{
    size_t len;

    if (!atl_router_skip_root(atl_str_from(path), strchr(path, '%') == NULL,
                              atl_str_from(root), &len))
        return -1;
    return (long)len;
}

TEST(a_root_path_is_cut_off_decoded)
{
    CHECK_INT(cut_root("/a/b", ""), 0);
    CHECK_INT(cut_root("/a/b", "/a"), 2);
    CHECK_INT(cut_root("/a", "/a"), 2);
    CHECK_INT(cut_root("/ab", "/a"), -1);
    CHECK_INT(cut_root("/a", "/a/b"), -1);
    CHECK_INT(cut_root("/%61%2Fb/c", "/a/b"), 8);
    CHECK_INT(cut_root("/a%2Fb", "/a"), -1);
    CHECK_INT(cut_root("/%6", "/a"), -1);
}

/* ---- hosts ---- */

TEST(hosts_have_their_own_routes_before_those_of_any)
{
    clear();
    add(GET, "/");
    add(GET, "/common");
    add(GET, "api.example.org/");
    add(GET, "{sub}.example.org/");
    add(GET, "{any:path}.org/deep");
    add(GET, "{sub}.example.org/{x}");
    CHECK_STR(find_on("API.example.ORG:8080", GET, "/"), "api.example.org/");
    CHECK_STR(find_on("Www.example.org", GET, "/"), "{sub}.example.org/ www");
    CHECK_STR(find_on("api.example.org", GET, "/page"),
              "{sub}.example.org/{x} api|page");
    CHECK_STR(find_on("a.b.org", GET, "/deep"), "{any:path}.org/deep a.b");
    CHECK_STR(find_on("a.b.net", GET, "/"), "/");
    CHECK_STR(find_on("api.example.org", GET, "/common"),
              "{sub}.example.org/{x} api|common");
    CHECK_STR(find_on("a.b.net", GET, "/common"), "/common");
    CHECK_STR(find_on("", GET, "/"), "/");
    CHECK_STR(find_on("a.b.net", GET, "/page"), "none");
}

TEST(methods_of_all_hosts_that_match_are_allowed)
{
    clear();
    add(GET, "a.org/x");
    add(POST, "/x");
    CHECK_STR(find_on("a.org", ATL_METHOD_PUT, "/x"), "405");
    CHECK_STR(allowed(), "GET, HEAD, POST, OPTIONS");
    CHECK_STR(find_on("b.org", ATL_METHOD_PUT, "/x"), "405");
    CHECK_STR(allowed(), "POST, OPTIONS");
}

/* ---- slashes ---- */

static const char *
find_slash(const char *path)
{
    static char text[128];
    struct atl_target t = {
        GET, {"", 0}, atl_str_from(path), strchr(path, '%') == NULL};
    struct atl_str other;

    if (!atl_router_find_slash(router, &t, &arena, &other))
        return "no";
    snprintf(text, sizeof(text), "%.*s", (int)other.len, other.ptr);
    return text;
}

TEST(a_slash_more_or_less_is_suggested)
{
    clear();
    add(GET, "/a");
    add(GET, "/b/");
    add(GET, "/{x}/c");
    add(POST, "/d");
    CHECK_STR(find_slash("/a/"), "/a");
    CHECK_STR(find_slash("/b"), "/b/");
    CHECK_STR(find_slash("/%20/c/"), "/%20/c");
    CHECK_STR(find_slash("/d/"), "no");
    CHECK_STR(find_slash("/e"), "no");
    CHECK_STR(find_slash("/"), "no");
    CHECK_STR(find_slash(""), "no");
}

TEST(no_slash_is_suggested_where_it_leads_to_another_host)
{
    clear();
    add(GET, "/{x:path}/end");
    CHECK_STR(find_slash("/evil/end/"), "/evil/end");
    CHECK_STR(find_slash("//evil/end/"), "no");
    CHECK_STR(find_slash("/\\evil/end/"), "no");
}

/* ---- one route ---- */

TEST(a_single_route_fits_fully_partly_or_not)
{
    const struct atl_pattern *p;

    clear();
    p = make("/users/{id:int}", ATL_PATTERN_PATH);
    CHECK_INT(atl_route_fit(p, GET, GET, ATL_STR("/users/5")), ATL_FIT_FULL);
    CHECK_INT(atl_route_fit(p, GET, ATL_METHOD_HEAD, ATL_STR("/users/5")),
              ATL_FIT_FULL);
    CHECK_INT(atl_route_fit(p, GET, POST, ATL_STR("/users/5")),
              ATL_FIT_PARTIAL);
    CHECK_INT(atl_route_fit(p, GET, 0, ATL_STR("/users/5")), ATL_FIT_PARTIAL);
    CHECK_INT(atl_route_fit(p, ATL_METHOD_ANY, 0, ATL_STR("/users/5")),
              ATL_FIT_FULL);
    CHECK_INT(atl_route_fit(p, GET, GET, ATL_STR("/users/x")), ATL_FIT_NONE);
}

/* ---- many ---- */

TEST(ten_thousand_routes_are_all_found)
{
    char source[64], path[64], want[64];
    unsigned i;

    clear();
    for (i = 0; i < 10000; i++) {
        snprintf(source, sizeof(source), "/api/v%u/res%u/{id:int}", i % 7, i);
        CHECK_INT(try_add(GET, source, "r"), 0);
    }
    for (i = 0; i < 10000; i++) {
        snprintf(path, sizeof(path), "/api/v%u/res%u/%u", i % 7, i, i);
        snprintf(want, sizeof(want), "r %u", i);
        CHECK_STR(find(GET, path), want);
        CHECK(match.route->path == patterns[i]);
        snprintf(path, sizeof(path), "/api/v%u/res%u/%u", (i + 1) % 7, i, i);
        CHECK_STR(find(GET, path), "none");
    }
}

/* A pattern of 1,024 slashes is as deep as a path can lead the search. */
TEST(the_deepest_pattern_is_found_and_freed)
{
    static char source[ATL_PATTERN_MAX + 1];
    static char path[65536];

    clear();
    memset(source, '/', sizeof(source) - 1);
    CHECK_INT(try_add(GET, source, "deep"), 0);
    CHECK_STR(find(GET, source), "deep");
    memset(path, '/', sizeof(path) - 1);
    CHECK_STR(find(GET, path), "none");
}
