/* pattern.c - patterns of paths and hosts.  See pattern.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/pattern.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/url.h"
#include "web/parts.h"

/* ---- parsing ---- */

/* The parts while they are found: slices of the text that was given. */
struct parse {
    struct atl_str source;
    enum atl_pattern_kind kind;
    const struct atl_converters *converters;
    struct atl_pattern_error *error;
    unsigned part_count;
    unsigned param_count;
    struct atl_pattern_part parts[ATL_PATTERN_MAX_PARTS];
};

/* A line may go to a terminal: no control characters of others. */
static void
make_printable(char *p)
{
    for (; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

static int refuse(const struct parse *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `pattern "...": why`; the pattern is cut where it is too long to be read. */
static int
refuse(const struct parse *p, const char *format, ...)
{
    int shown = p->source.len > 200 ? 200 : (int)p->source.len;
    char *text = p->error->text;
    size_t size = sizeof(p->error->text), len;
    va_list args;

    snprintf(text, size, "pattern \"%.*s%s\": ", shown, p->source.ptr,
             p->source.len > 200 ? "..." : "");
    /* A NUL in it ended what snprintf() saw of it. */
    len = strlen(text);
    va_start(args, format);
    vsnprintf(text + len, size - len, format, args);
    va_end(args);
    make_printable(text);
    return ATL_E_INVALID;
}

#define SHOWN(s) ((s).len > 64 ? 64 : (int)(s).len), (s).ptr

static int
check_name(const struct parse *p, struct atl_str name)
{
    unsigned i;

    if (name.len == 0)
        return refuse(p, "a parameter has no name");
    if (!atl_converter_is_identifier(name))
        return refuse(p, "\"%.*s\" is no name for a parameter", SHOWN(name));
    for (i = 0; i < p->part_count; i++)
        if (p->parts[i].converter != NULL && atl_str_eq(p->parts[i].text, name))
            return refuse(p, "parameter \"%.*s\" stands there twice",
                          SHOWN(name));
    if (p->param_count == ATL_PATTERN_MAX_PARAMS)
        return refuse(p, "more than %d parameters", ATL_PATTERN_MAX_PARAMS);
    return 0;
}

/* `inside` is what stands between the braces. */
static int
add_param(struct parse *p, struct atl_str inside)
{
    const char *colon =
        inside.len > 0 ? memchr(inside.ptr, ':', inside.len) : NULL;
    struct atl_str name = inside, type = ATL_STR("string");
    const struct atl_converter *converter;
    int err;

    if (colon != NULL) {
        name.len = (size_t)(colon - inside.ptr);
        type = (struct atl_str){colon + 1, inside.len - name.len - 1};
    }
    if ((err = check_name(p, name)) != 0)
        return err;
    if ((converter = atl_converters_find(p->converters, type)) == NULL)
        return refuse(p, "unknown converter \"%.*s\"", SHOWN(type));
    if (p->part_count > 0 && p->parts[p->part_count - 1].converter != NULL)
        return refuse(p, "no text between two parameters");
    p->parts[p->part_count++] = (struct atl_pattern_part){name, converter};
    p->param_count++;
    return 0;
}

/* A byte of text that must be a mistake. */
static int
check_text(const struct parse *p, struct atl_str text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '}')
            return refuse(p, "a '}' without its '{'");
        if (c < ' ' || c == 0x7f)
            return refuse(p, "a control character");
        if (p->kind == ATL_PATTERN_PATH && (c == '?' || c == '#'))
            return refuse(p, "a path has no query and no fragment");
        if (p->kind == ATL_PATTERN_HOST && c == ':')
            return refuse(p, "a host pattern has no port");
        if (p->kind == ATL_PATTERN_HOST && (c == '/' || c <= ' '))
            return refuse(p, "'%c' is not for a host", c);
    }
    return 0;
}

static int
parse_parts(struct parse *p)
{
    const char *at = p->source.ptr, *end = at + p->source.len;
    int err;

    while (at < end) {
        size_t left = (size_t)(end - at);
        const char *open = memchr(at, '{', left), *close;
        struct atl_str text = {at, open != NULL ? (size_t)(open - at) : left};

        if ((err = check_text(p, text)) != 0)
            return err;
        if (text.len > 0)
            p->parts[p->part_count++] = (struct atl_pattern_part){text, NULL};
        if (open == NULL)
            return 0;
        close = memchr(open, '}', (size_t)(end - open));
        if (close == NULL || memchr(open + 1, '{', (size_t)(close - open) - 1))
            return refuse(p, "a '{' without its '}'");
        err = add_param(p,
                        (struct atl_str){open + 1, (size_t)(close - open) - 1});
        if (err != 0)
            return err;
        at = close + 1;
    }
    return 0;
}

/* One block: the struct, its parts, the text that their slices show. */
static struct atl_pattern *
build(const struct parse *p)
{
    size_t parts_size = p->part_count * sizeof(p->parts[0]);
    struct atl_pattern *made =
        atl_malloc(sizeof(*made) + parts_size + p->source.len);
    char *text = (char *)made + sizeof(*made) + parts_size;
    unsigned i;
    size_t k;

    memcpy(text, p->source.ptr, p->source.len);
    made->source = (struct atl_str){text, p->source.len};
    made->kind = p->kind;
    made->param_count = p->param_count;
    made->part_count = p->part_count;
    for (i = 0; i < p->part_count; i++) {
        const struct atl_pattern_part *part = &p->parts[i];
        char *at = text + (part->text.ptr - p->source.ptr);

        made->parts[i] =
            (struct atl_pattern_part){{at, part->text.len}, part->converter};
        if (p->kind == ATL_PATTERN_HOST && part->converter == NULL)
            for (k = 0; k < part->text.len; k++)
                at[k] = atl_lower(at[k]);
    }
    return made;
}

int
atl_pattern_new(struct atl_str source, enum atl_pattern_kind kind,
                const struct atl_converters *c, struct atl_pattern **out,
                struct atl_pattern_error *error_out)
{
    struct parse p = {
        .source = source, .kind = kind, .converters = c, .error = error_out};
    int err;

    if (source.len > ATL_PATTERN_MAX)
        return refuse(&p, "longer than %d bytes", ATL_PATTERN_MAX);
    if (kind == ATL_PATTERN_PATH && (source.len == 0 || source.ptr[0] != '/'))
        return refuse(&p, "a path begins with a slash");
    if (source.len == 0)
        return refuse(&p, "a host is not empty");
    if ((err = parse_parts(&p)) != 0)
        return err;
    *out = build(&p);
    return 0;
}

void
atl_pattern_free(struct atl_pattern *p)
{
    atl_free(p);
}

const struct atl_pattern_part *
atl_pattern_param(const struct atl_pattern *p, unsigned i)
{
    unsigned k;

    for (k = 0; k < p->part_count; k++)
        if (p->parts[k].converter != NULL && i-- == 0)
            return &p->parts[k];
    return NULL;
}

/* ---- matching ---- */

bool
atl_pattern_match(const struct atl_pattern *p, struct atl_str path,
                  bool is_plain, struct atl_arena *arena,
                  struct atl_str *values)
{
    struct atl_parts_text t;
    bool found;

    if (p->kind == ATL_PATTERN_HOST) {
        if (!atl_parts_text_host(&t, path, arena))
            return false;
    } else if (!atl_parts_text_path(&t, path, is_plain, arena)) {
        return false;
    }
    found = atl_parts_match(&t, p->parts, p->part_count, t.text, values);
    atl_parts_text_finish(&t);
    return found;
}

/* ---- filling in ---- */

static int
refuse_value(struct atl_pattern_error *error, const struct atl_pattern *p,
             const struct atl_pattern_part *param, const char *why)
{
    struct parse shown = {.source = p->source, .error = error};

    return refuse(&shown, "the value for \"%.*s\" %s", SHOWN(param->text), why);
}

/* Letters, digits and '-' (RFC 1123 2.1), '_' as it occurs; with `dots` too. */
static bool
is_host_text(struct atl_str s, bool dots)
{
    const char *p = s.ptr, *end = p + s.len;

    while (p < end) {
        p += atl_converter_slug_len(p, end);
        if (p < end && (!dots || *p++ != '.'))
            return false;
    }
    return true;
}

static int
append_value(const struct atl_pattern *p, const struct atl_pattern_part *param,
             struct atl_str value, struct atl_buf *out,
             struct atl_pattern_error *error)
{
    bool is_path = param->converter->kind == ATL_CONVERTER_PATH;

    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)
        return refuse_value(error, p, param, "has a NUL");
    if (value.len == 0 && !is_path)
        return refuse_value(error, p, param, "is empty");
    if (!atl_converter_takes(param->converter, value)) {
        struct parse shown = {.source = p->source, .error = error};

        return refuse(&shown, "\"%.*s\" is not of the converter \"%.*s\"",
                      SHOWN(value), SHOWN(param->converter->name));
    }
    if (p->kind == ATL_PATTERN_PATH)
        return atl_url_append(out, value,
                              is_path ? ATL_URL_PATH : ATL_URL_SEGMENT);
    if (!is_host_text(value, is_path))
        return refuse_value(error, p, param, "can't stand in a host");
    return atl_buf_append(out, value.ptr, value.len);
}

/* A client would resolve "." and ".." away, or read "//host" as a host. */
static int
check_made(const struct atl_pattern *p, const char *made, size_t len,
           struct atl_pattern_error *error)
{
    struct parse shown = {.source = p->source, .error = error};
    const char *at = made, *end = made + len;

    if (len > 1 && made[1] == '/')
        return refuse(&shown, "the path would begin with two slashes");
    while (at < end) {
        const char *from = ++at; /* behind a slash */

        while (at < end && *at != '/')
            at++;
        if ((at - from == 1 && *from == '.') ||
            (at - from == 2 && memcmp(from, "..", 2) == 0))
            return refuse(&shown, "the path would have a segment \"%.*s\"",
                          (int)(at - from), from);
    }
    return 0;
}

int
atl_pattern_format(const struct atl_pattern *p, const struct atl_str *values,
                   unsigned count, struct atl_buf *out,
                   struct atl_pattern_error *error_out)
{
    struct parse shown = {.source = p->source, .error = error_out};
    size_t before = out->len;
    unsigned i;
    int err = 0;

    if (count != p->param_count)
        return refuse(&shown, "%u values for %u parameters", count,
                      p->param_count);
    for (i = 0; i < p->part_count && err == 0; i++) {
        const struct atl_pattern_part *part = &p->parts[i];

        if (part->converter != NULL)
            err = append_value(p, part, *values++, out, error_out);
        else if (p->kind == ATL_PATTERN_PATH)
            err = atl_url_append(out, part->text, ATL_URL_PATH);
        else
            err = atl_buf_append(out, part->text.ptr, part->text.len);
    }
    if (err == 0 && p->kind == ATL_PATTERN_PATH)
        err = check_made(p, out->data + before, out->len - before, error_out);
    if (err != 0)
        out->len = before;
    return err;
}
