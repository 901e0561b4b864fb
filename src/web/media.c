/* media.c - media types.  See media.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/media.h"

#include <stdlib.h>

#define MAX_EXTENSION 11 /* bytes; the longest below is "webmanifest" */

/* Sorted by extension: it is searched in halves. */
static const struct row {
    const char *extension;
    struct atl_str type;
} table[] = {
    {"7z", ATL_STR("application/x-7z-compressed")},
    {"aac", ATL_STR("audio/aac")},
    {"apng", ATL_STR("image/apng")},
    {"avi", ATL_STR("video/x-msvideo")},
    {"avif", ATL_STR("image/avif")},
    {"bin", ATL_STR("application/octet-stream")},
    {"bmp", ATL_STR("image/bmp")},
    {"bz2", ATL_STR("application/x-bzip2")},
    {"css", ATL_STR("text/css")},
    {"csv", ATL_STR("text/csv")},
    {"doc", ATL_STR("application/msword")},
    {"docx", ATL_STR("application/vnd.openxmlformats-officedocument."
                     "wordprocessingml.document")},
    {"eot", ATL_STR("application/vnd.ms-fontobject")},
    {"epub", ATL_STR("application/epub+zip")},
    {"flac", ATL_STR("audio/flac")},
    {"gif", ATL_STR("image/gif")},
    {"gz", ATL_STR("application/gzip")},
    {"heic", ATL_STR("image/heic")},
    {"htm", ATL_STR("text/html")},
    {"html", ATL_STR("text/html")},
    {"ico", ATL_STR("image/vnd.microsoft.icon")},
    {"ics", ATL_STR("text/calendar")},
    {"jpeg", ATL_STR("image/jpeg")},
    {"jpg", ATL_STR("image/jpeg")},
    {"js", ATL_STR("text/javascript")}, /* RFC 9239 6 */
    {"json", ATL_STR("application/json")},
    {"jsonld", ATL_STR("application/ld+json")},
    {"jxl", ATL_STR("image/jxl")},
    {"log", ATL_STR("text/plain")},
    {"lua", ATL_STR("text/x-lua")},
    {"m3u8", ATL_STR("application/vnd.apple.mpegurl")},
    {"m4a", ATL_STR("audio/mp4")},
    {"map", ATL_STR("application/json")},
    {"md", ATL_STR("text/markdown")},
    {"mjs", ATL_STR("text/javascript")},
    {"mkv", ATL_STR("video/x-matroska")},
    {"mov", ATL_STR("video/quicktime")},
    {"mp3", ATL_STR("audio/mpeg")},
    {"mp4", ATL_STR("video/mp4")},
    {"mpeg", ATL_STR("video/mpeg")},
    {"odp", ATL_STR("application/vnd.oasis.opendocument.presentation")},
    {"ods", ATL_STR("application/vnd.oasis.opendocument.spreadsheet")},
    {"odt", ATL_STR("application/vnd.oasis.opendocument.text")},
    {"oga", ATL_STR("audio/ogg")},
    {"ogg", ATL_STR("audio/ogg")},
    {"ogv", ATL_STR("video/ogg")},
    {"opus", ATL_STR("audio/ogg")},
    {"otf", ATL_STR("font/otf")},
    {"pdf", ATL_STR("application/pdf")},
    {"png", ATL_STR("image/png")},
    {"ppt", ATL_STR("application/vnd.ms-powerpoint")},
    {"pptx", ATL_STR("application/vnd.openxmlformats-officedocument."
                     "presentationml.presentation")},
    {"rss", ATL_STR("application/rss+xml")},
    {"rtf", ATL_STR("application/rtf")},
    {"svg", ATL_STR("image/svg+xml")},
    {"tar", ATL_STR("application/x-tar")},
    {"tif", ATL_STR("image/tiff")},
    {"tiff", ATL_STR("image/tiff")},
    {"ts", ATL_STR("video/mp2t")},
    {"tsv", ATL_STR("text/tab-separated-values")},
    {"ttf", ATL_STR("font/ttf")},
    {"txt", ATL_STR("text/plain")},
    {"vtt", ATL_STR("text/vtt")},
    {"wasm", ATL_STR("application/wasm")},
    {"wav", ATL_STR("audio/wav")},
    {"weba", ATL_STR("audio/webm")},
    {"webm", ATL_STR("video/webm")},
    {"webmanifest", ATL_STR("application/manifest+json")},
    {"webp", ATL_STR("image/webp")},
    {"woff", ATL_STR("font/woff")},
    {"woff2", ATL_STR("font/woff2")},
    {"xhtml", ATL_STR("application/xhtml+xml")},
    {"xls", ATL_STR("application/vnd.ms-excel")},
    {"xlsx", ATL_STR("application/vnd.openxmlformats-officedocument."
                     "spreadsheetml.sheet")},
    {"xml", ATL_STR("application/xml")},
    {"xz", ATL_STR("application/x-xz")},
    {"yaml", ATL_STR("application/yaml")}, /* RFC 9512 2.1 */
    {"yml", ATL_STR("application/yaml")},
    {"zip", ATL_STR("application/zip")},
    {"zst", ATL_STR("application/zstd")},
};

static int
compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct row *)row)->extension);
}

struct atl_str
atl_media_of_name(struct atl_str name)
{
    char extension[MAX_EXTENSION + 1];
    const struct row *row = NULL;
    size_t n = 0, i;

    while (n < name.len && name.ptr[name.len - n - 1] != '.' &&
           name.ptr[name.len - n - 1] != '/')
        n++;
    if (n < name.len && name.ptr[name.len - n - 1] == '.' &&
        n <= MAX_EXTENSION) {
        for (i = 0; i < n; i++)
            extension[i] = atl_lower(name.ptr[name.len - n + i]);
        extension[n] = '\0';
        row = bsearch(extension, table, sizeof(table) / sizeof(table[0]),
                      sizeof(table[0]), compare);
    }
    return row != NULL ? row->type : ATL_STR("application/octet-stream");
}

bool
atl_media_wants_charset(struct atl_str type)
{
    static const struct atl_str suffix = ATL_STR("+xml");
    struct atl_media_param unused;
    struct atl_media m;

    if (!atl_media_parse(type, &m) ||
        atl_media_param_find(&m, ATL_STR("charset"), &unused))
        return false;
    if (atl_str_eq_nocase(m.type, ATL_STR("text")))
        return true;
    if (m.subtype.len > suffix.len &&
        atl_str_eq_nocase(
            (struct atl_str){m.subtype.ptr + m.subtype.len - suffix.len,
                             suffix.len},
            suffix))
        return true;
    return atl_media_is(&m, ATL_STR("application"), ATL_STR("javascript")) ||
           atl_media_is(&m, ATL_STR("application"), ATL_STR("xml"));
}

/* ---- the Content-Type field (RFC 9110 8.3.1, 5.6) ---- */

static bool
is_tchar(char c)
{
    char lower = atl_lower(c);

    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* Take a token off *s; empty if there is none. */
static struct atl_str
take_token(struct atl_str *s)
{
    struct atl_str token = {s->ptr, 0};

    while (token.len < s->len && is_tchar(s->ptr[token.len]))
        token.len++;
    s->ptr += token.len;
    s->len -= token.len;
    return token;
}

static void
skip_blanks(struct atl_str *s)
{
    while (s->len > 0 && (*s->ptr == ' ' || *s->ptr == '\t')) {
        s->ptr++;
        s->len--;
    }
}

/* Take `c` off *s, if it stands there. */
static bool
take_byte(struct atl_str *s, char c)
{
    if (s->len == 0 || *s->ptr != c)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

bool
atl_media_parse(struct atl_str field, struct atl_media *out)
{
    skip_blanks(&field);
    out->type = take_token(&field);
    if (out->type.len == 0 || !take_byte(&field, '/'))
        return false;
    out->subtype = take_token(&field);
    if (out->subtype.len == 0)
        return false;
    skip_blanks(&field);
    out->params = field;
    return field.len == 0 || *field.ptr == ';';
}

bool
atl_media_is(const struct atl_media *m, struct atl_str type,
             struct atl_str subtype)
{
    return atl_str_eq_nocase(m->type, type) &&
           atl_str_eq_nocase(m->subtype, subtype);
}

/* quoted-string (RFC 9110 5.6.4) behind its first quote; false if it has no
 * end. */
static bool
take_quoted(struct atl_str *s, struct atl_media_param *out)
{
    size_t n = 0;

    out->quoted = false;
    for (; n < s->len && s->ptr[n] != '"'; n++)
        if (s->ptr[n] == '\\') {
            out->quoted = true;
            if (++n == s->len)
                return false;
        }
    if (n == s->len)
        return false;
    out->value = (struct atl_str){s->ptr, n};
    s->ptr += n + 1;
    s->len -= n + 1;
    return true;
}

/* name=value at the start of *s, up to a ';' or the end. */
static bool
take_param(struct atl_str *s, struct atl_media_param *out)
{
    out->name = take_token(s);
    if (out->name.len == 0 || !take_byte(s, '='))
        return false;
    if (take_byte(s, '"')) {
        if (!take_quoted(s, out))
            return false;
    } else {
        out->quoted = false;
        out->value = take_token(s);
        if (out->value.len == 0)
            return false;
    }
    skip_blanks(s);
    return s->len == 0 || *s->ptr == ';';
}

/* Go to the next ';' that stands in no quotes, or to the end. */
static void
skip_to_semicolon(struct atl_str *s)
{
    bool quoted = false;

    while (s->len > 0 && (quoted || *s->ptr != ';')) {
        if (*s->ptr == '"')
            quoted = !quoted;
        else if (quoted && *s->ptr == '\\' && s->len > 1)
            take_byte(s, '\\');
        s->ptr++;
        s->len--;
    }
}

bool
atl_media_param_next(struct atl_str *params, struct atl_media_param *out)
{
    while (params->len > 0) {
        struct atl_str from;

        if (take_byte(params, ';') || *params->ptr == ' ' ||
            *params->ptr == '\t') {
            skip_blanks(params);
            continue;
        }
        from = *params;
        if (take_param(params, out))
            return true;
        *params = from;
        skip_to_semicolon(params);
    }
    return false;
}

bool
atl_media_param_find(const struct atl_media *m, struct atl_str name,
                     struct atl_media_param *out)
{
    struct atl_str params = m->params;

    while (atl_media_param_next(&params, out))
        if (atl_str_eq_nocase(out->name, name))
            return true;
    return false;
}

struct atl_str
atl_media_text(const struct atl_media_param *param, struct atl_arena *arena)
{
    size_t i, n = 0;
    char *out;

    if (!param->quoted)
        return param->value;
    out = atl_arena_alloc(arena, param->value.len);
    for (i = 0; i < param->value.len; i++) {
        if (param->value.ptr[i] == '\\')
            i++; /* one follows: take_quoted() saw to it */
        out[n++] = param->value.ptr[i];
    }
    return (struct atl_str){out, n};
}
