/* converter.c - what a parameter of a path may be.  See converter.h.
 * SPDX-License-Identifier: MIT
 */
#include "web/converter.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/url.h"

#define MAX_INT ((int64_t)1 << 53) /* up to here doubles are exact */

static const struct atl_converter built_in[] = {
    {.name = ATL_STR("string"), .kind = ATL_CONVERTER_STRING},
    {.name = ATL_STR("int"), .kind = ATL_CONVERTER_INT},
    {.name = ATL_STR("number"), .kind = ATL_CONVERTER_NUMBER},
    {.name = ATL_STR("path"), .kind = ATL_CONVERTER_PATH},
    {.name = ATL_STR("uuid"), .kind = ATL_CONVERTER_UUID},
    {.name = ATL_STR("slug"), .kind = ATL_CONVERTER_SLUG},
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_word(char c)
{
    char lower = atl_lower(c);

    return (lower >= 'a' && lower <= 'z') || is_digit(c) || c == '_';
}

bool
atl_converter_is_identifier(struct atl_str s)
{
    size_t i;

    for (i = 0; i < s.len; i++)
        if (!is_word(s.ptr[i]))
            return false;
    return s.len > 0 && !is_digit(s.ptr[0]);
}

void
atl_converters_init(struct atl_converters *c)
{
    c->custom = NULL;
    c->count = 0;
}

void
atl_converters_deinit(struct atl_converters *c)
{
    struct atl_converter *there, *next;

    for (there = c->custom; there != NULL; there = next) {
        next = there->next;
        atl_free((void *)there->name.ptr);
        atl_free(there);
    }
    atl_converters_init(c);
}

int
atl_converters_add(struct atl_converters *c, struct atl_str name,
                   atl_converter_fn match, void *data)
{
    struct atl_converter *added;

    if (!atl_converter_is_identifier(name) || name.len > ATL_CONVERTER_MAX_NAME)
        return ATL_E_INVALID;
    if (atl_converters_find(c, name) != NULL)
        return ATL_E_STATE;
    added = atl_malloc(sizeof(*added));
    *added = (struct atl_converter){
        .name = {atl_strndup(name.ptr, name.len), name.len},
        .kind = ATL_CONVERTER_CUSTOM,
        .order = c->count,
        .match = match,
        .data = data,
        .next = c->custom,
    };
    c->custom = added;
    c->count++;
    return 0;
}

const struct atl_converter *
atl_converters_find(const struct atl_converters *c, struct atl_str name)
{
    const struct atl_converter *there;
    size_t i;

    for (i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
        if (atl_str_eq(built_in[i].name, name))
            return &built_in[i];
    for (there = c->custom; there != NULL; there = there->next)
        if (atl_str_eq(there->name, name))
            return there;
    return NULL;
}

bool
atl_converter_parse_int(struct atl_str value, int64_t *out)
{
    int64_t n = 0;
    size_t i;

    if (value.len == 0 || value.len > ATL_CONVERTER_MAX_NUMBER)
        return false;
    for (i = 0; i < value.len; i++) {
        if (!is_digit(value.ptr[i]))
            return false;
        n = n * 10 + (value.ptr[i] - '0');
        if (n > MAX_INT)
            return false;
    }
    *out = n;
    return true;
}

/* Digits, then perhaps a point and digits. */
static bool
is_number(struct atl_str value)
{
    const char *point = memchr(value.ptr, '.', value.len);
    const char *end = value.ptr + value.len, *p;
    int64_t unused;

    if (value.len > ATL_CONVERTER_MAX_NUMBER)
        return false;
    if (point == NULL)
        return atl_converter_parse_int(value, &unused);
    for (p = point + 1; p < end; p++)
        if (!is_digit(*p))
            return false;
    value.len = (size_t)(point - value.ptr);
    return end - point > 1 && atl_converter_parse_int(value, &unused);
}

static bool
is_uuid(struct atl_str value)
{
    size_t i;

    if (value.len != ATL_CONVERTER_UUID_LEN)
        return false;
    for (i = 0; i < ATL_CONVERTER_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? value.ptr[i] != '-' : atl_url_hex(value.ptr[i]) < 0)
            return false;
    }
    return true;
}

size_t
atl_converter_slug_len(const char *p, const char *end)
{
    const char *from = p;

    while (p < end && (is_word(*p) || *p == '-'))
        p++;
    return (size_t)(p - from);
}

bool
atl_converter_takes(const struct atl_converter *c, struct atl_str value)
{
    int64_t unused;

    if (value.len == 0)
        return c->kind == ATL_CONVERTER_PATH;
    switch (c->kind) {
    case ATL_CONVERTER_UUID:
        return is_uuid(value);
    case ATL_CONVERTER_INT:
        return atl_converter_parse_int(value, &unused);
    case ATL_CONVERTER_NUMBER:
        return is_number(value);
    case ATL_CONVERTER_SLUG:
        return atl_converter_slug_len(value.ptr, value.ptr + value.len) ==
               value.len;
    case ATL_CONVERTER_CUSTOM:
        return c->match(c->data, value);
    case ATL_CONVERTER_STRING:
    case ATL_CONVERTER_PATH:
        break;
    }
    return true;
}
