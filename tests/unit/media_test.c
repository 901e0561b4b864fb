/* media_test.c - media types and the Content-Type field.
 * SPDX-License-Identifier: MIT
 */
#include "web/media.h"

#include "unit/test.h"

static struct atl_arena arena;

__attribute__((constructor)) static void
set_up(void)
{
    atl_arena_init(&arena, NULL, 0);
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_arena_reset(&arena);
}

static const char *
type_of(const char *name)
{
    static char text[128];
    struct atl_str type = atl_media_of_name(atl_str_from(name));

    snprintf(text, sizeof(text), "%.*s", (int)type.len, type.ptr);
    return text;
}

TEST(types_are_found_by_extension)
{
    CHECK_STR(type_of("index.html"), "text/html");
    CHECK_STR(type_of("/a.b/style.CSS"), "text/css");
    CHECK_STR(type_of("app.js"), "text/javascript");
    CHECK_STR(type_of("archive.tar.gz"), "application/gzip");
    CHECK_STR(type_of(".png"), "image/png");
    CHECK_STR(type_of("site.webmanifest"), "application/manifest+json");
}

TEST(other_files_are_octet_streams)
{
    static const char *const names[] = {"",    "a",     "a.",
                                        ".",   "a.b/c", "html",
                                        "x.c", "/.",    "a.unknown_extension"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_STR(type_of(names[i]), "application/octet-stream");
}

/* Each row is found only if the table is sorted. */
TEST(every_extension_is_found)
{
    static const char *const names[] = {
        "7z",   "aac",  "apng", "avi",   "avif",   "bmp",  "bz2",        "css",
        "csv",  "doc",  "docx", "eot",   "epub",   "flac", "gif",        "gz",
        "heic", "htm",  "html", "ico",   "ics",    "jpeg", "jpg",        "js",
        "json", "log",  "lua",  "m3u8",  "m4a",    "map",  "md",         "mjs",
        "mkv",  "mov",  "mp3",  "mp4",   "mpeg",   "odp",  "ods",        "odt",
        "oga",  "ogg",  "ogv",  "opus",  "otf",    "pdf",  "png",        "ppt",
        "pptx", "rss",  "rtf",  "svg",   "tar",    "tif",  "tiff",       "ts",
        "tsv",  "ttf",  "txt",  "vtt",   "wasm",   "wav",  "weba",       "webm",
        "webp", "woff", "xls",  "xlsx",  "xml",    "xz",   "xhtml",      "yaml",
        "yml",  "zip",  "zst",  "woff2", "jsonld", "jxl",  "webmanifest"};
    char name[32];
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "x.%s", names[i]);
        if (strcmp(type_of(name), "application/octet-stream") == 0)
            fail_msg("%s is not found", names[i]);
    }
}

TEST(text_without_a_charset_wants_one)
{
    static const char *const yes[] = {"text/html",
                                      "text/plain; format=flowed",
                                      "TEXT/X",
                                      "application/javascript",
                                      "image/svg+xml",
                                      "application/xml",
                                      "application/RSS+XML"};
    static const char *const no[] = {"text/html; charset=latin1",
                                     "text/html;Charset=\"utf-8\"",
                                     "application/json",
                                     "image/png",
                                     "text",
                                     "",
                                     "text/",
                                     "a/+xml",
                                     "application/octet-stream"};
    size_t i;

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!atl_media_wants_charset(atl_str_from(yes[i])))
            fail_msg("%s", yes[i]);
    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (atl_media_wants_charset(atl_str_from(no[i])))
            fail_msg("%s", no[i]);
}

/* "type/subtype" and each parameter as "|name=value". */
static const char *
parsed(const char *field)
{
    static char got[256];
    struct atl_media_param param;
    struct atl_media m;
    size_t n;

    if (!atl_media_parse(atl_str_from(field), &m))
        return "none";
    n = (size_t)snprintf(got, sizeof(got), "%.*s/%.*s", (int)m.type.len,
                         m.type.ptr, (int)m.subtype.len, m.subtype.ptr);
    while (atl_media_param_next(&m.params, &param)) {
        struct atl_str value = atl_media_text(&param, &arena);

        n += (size_t)snprintf(got + n, sizeof(got) - n, "|%.*s=%.*s",
                              (int)param.name.len, param.name.ptr,
                              (int)value.len, value.ptr);
    }
    return got;
}

TEST(types_and_their_parameters_are_read)
{
    CHECK_STR(parsed("text/html"), "text/html");
    CHECK_STR(parsed(" Text/HTML ; charset=utf-8 "), "Text/HTML|charset=utf-8");
    CHECK_STR(parsed("a/b;c=d;e=f"), "a/b|c=d|e=f");
    CHECK_STR(parsed("multipart/form-data; boundary=\"a;b \\\" c\""),
              "multipart/form-data|boundary=a;b \" c");
    CHECK_STR(parsed("a/b; c=\"\""), "a/b|c=");
}

TEST(what_is_no_type_is_refused)
{
    static const char *const bad[] = {"",      "text",  "/html",    "text/",
                                      "a b/c", "a/b c", "a/b, c/d", "a /b",
                                      "a/ b",  ";a=b"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_STR(parsed(bad[i]), "none");
}

TEST(malformed_parameters_are_left_out)
{
    CHECK_STR(parsed("a/b;;; ;c=d;"), "a/b|c=d");
    CHECK_STR(parsed("a/b; c; d = e; f=; =g; h=i"), "a/b|h=i");
    CHECK_STR(parsed("a/b; c=\"open; d=e"), "a/b");
    CHECK_STR(parsed("a/b; c=\"x;y\"z; d=e"), "a/b|d=e");
    CHECK_STR(parsed("a/b; c=\"\\"), "a/b");
    CHECK_STR(parsed("a/b; c=d e=f; g=h"), "a/b|g=h");
}

TEST(a_parameter_is_found_in_any_case)
{
    struct atl_media_param param;
    struct atl_media m;

    CHECK(atl_media_parse(ATL_STR("a/b; X=1; Charset=u; charset=v"), &m));
    CHECK(atl_media_param_find(&m, ATL_STR("charset"), &param));
    CHECK_MEM(param.value.ptr, param.value.len, "u");
    CHECK(!atl_media_param_find(&m, ATL_STR("y"), &param));
    CHECK(atl_media_is(&m, ATL_STR("a"), ATL_STR("b")));
    CHECK(!atl_media_is(&m, ATL_STR("a"), ATL_STR("c")));
}
