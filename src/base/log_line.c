/* log_line.c - how one line of the log is written.  See log_line.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/log_line.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/date.h"
#include "base/request_id.h"

/* Kept for what closes a line: quotes, brackets, the mark of a cut. */
#define RESERVE 64
#define LIMIT (ATL_LOG_LINE_MAX - RESERVE)
#define MAX_WHOLE 9.2e18 /* less than 2^63 */

/* --- bytes --- */

static bool
has_room(struct atl_log_line *l, size_t len)
{
    if (!l->cut && l->len + len <= LIMIT) /* len may be in the reserve */
        return true;
    l->cut = true;
    return false;
}

/* Into the reserve if need be: what must not be missing. */
static void
put_always(struct atl_log_line *l, struct atl_str text)
{
    memcpy(l->data + l->len, text.ptr, text.len);
    l->len += text.len;
}

static bool
put(struct atl_log_line *l, struct atl_str text)
{
    if (!has_room(l, text.len))
        return false;
    put_always(l, text);
    return true;
}

size_t
atl_log_line_digits(uint64_t value, char *out)
{
    char digits[20], *first = digits + sizeof(digits);
    size_t len;

    do
        *--first = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    len = (size_t)(digits + sizeof(digits) - first);
    memcpy(out, first, len);
    return len;
}

/* --- escapes --- */

/* Bytes that stand for themselves everywhere. */
static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* In a word: the high bit of each byte that is 0; perhaps of others above. */
#define ONES (UINT64_MAX / 255)
#define ZEROES(word) (((word)-ONES) & ~(word)&ONES * 0x80)

/* How many bytes from `p` are plain; eight at a time. */
static size_t
count_plain(const unsigned char *p, size_t len)
{
    uint64_t word;
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        memcpy(&word, p + i, 8);
        if (((word | (word - ONES * 0x20) | ZEROES(word ^ ONES * 0x7f) |
              ZEROES(word ^ ONES * '"') | ZEROES(word ^ ONES * '\\')) &
             ONES * 0x80) != 0)
            break;
    }
    while (i < len && is_plain(p[i]))
        i++;
    return i;
}

/*
 * The length of the UTF-8 character at `p` (RFC 3629), and its code point; 0
 * if there is none.
 */
static size_t
decode(const unsigned char *p, size_t left, uint32_t *code_out)
{
    size_t i, len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = p[0] & (0xffu >> (len + 1));

    if (p[0] < 0xc2 || p[0] > 0xf4 || left < len)
        return 0;
    for (i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *code_out = code;
    return len;
}

/* Code points above ASCII that end lines, or turn the direction of text. */
static bool
is_hidden_control(uint32_t code)
{
    return code < 0xa0 || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static bool
put_code(struct atl_log_line *l, const char *format, unsigned code)
{
    char text[8];
    int len = snprintf(text, sizeof(text), format, code);

    return put(l, (struct atl_str){text, (size_t)len});
}

static bool
put_ascii_escape(struct atl_log_line *l, unsigned char c, bool quoted)
{
    char text[2] = {'\\', (char)c};

    switch (c) {
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    case '"':
    case '\\':
        if (!quoted)
            return put(l, (struct atl_str){text + 1, 1});
        break;
    default:
        return put_code(l, l->format == ATL_LOG_JSON ? "\\u%04x" : "\\x%02x",
                        c);
    }
    return put(l, (struct atl_str){text, 2});
}

/* The character at `p`, which is not plain; returns its length, 0: no room. */
static size_t
put_special(struct atl_log_line *l, const unsigned char *p, size_t left,
            bool quoted)
{
    uint32_t code;
    size_t len;

    if (*p < 0x80)
        return put_ascii_escape(l, *p, quoted) ? 1 : 0;
    len = decode(p, left, &code);
    if (len == 0 && l->format == ATL_LOG_JSON)
        return put(l, ATL_STR("\\ufffd")) ? 1 : 0;
    if (len == 0)
        return put_code(l, "\\x%02x", *p) ? 1 : 0;
    if (is_hidden_control(code))
        return put_code(l, "\\u%04x", code) ? len : 0;
    return put(l, (struct atl_str){(const char *)p, len}) ? len : 0;
}

/* As much of `text` as there is room for. */
static void
put_escaped(struct atl_log_line *l, struct atl_str text, bool quoted)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t left = text.len, run, len;

    while (left > 0 && !l->cut) {
        run = count_plain(p, left);
        if (!has_room(l, run)) {
            run = l->len < LIMIT ? LIMIT - l->len : 0;
            put_always(l, (struct atl_str){(const char *)p, run});
            return;
        }
        put_always(l, (struct atl_str){(const char *)p, run});
        p += run;
        left -= run;
        if (left == 0)
            return;
        len = put_special(l, p, left, quoted);
        p += len;
        left -= len;
    }
}

static void
put_string(struct atl_log_line *l, struct atl_str text)
{
    if (!put(l, ATL_STR("\"")))
        return;
    put_escaped(l, text, true);
    put_always(l, ATL_STR("\""));
}

/* Can this stand without quotes, in text? */
static bool
is_bare(struct atl_str s)
{
    size_t i;

    if (s.len == 0 || s.ptr[0] == '{' || s.ptr[0] == '[')
        return false;
    for (i = 0; i < s.len; i++)
        if (!is_plain((unsigned char)s.ptr[i]) || s.ptr[i] == ' ' ||
            s.ptr[i] == '=')
            return false;
    return true;
}

/* --- the line --- */

static const struct {
    struct atl_str text, colour, json;
} levels[] = {
    {{"DEBUG ", 6}, {"\033[2mDEBUG\033[0m ", 14}, {"debug", 5}},
    {{"INFO  ", 6}, {"\033[32mINFO\033[0m  ", 15}, {"info", 4}},
    {{"WARN  ", 6}, {"\033[33mWARN\033[0m  ", 15}, {"warn", 4}},
    {{"ERROR ", 6}, {"\033[31mERROR\033[0m ", 15}, {"error", 5}},
};

/* "2026-11-23T10:11:12.345Z"; the calendar is asked once a second. */
static void
put_time(struct atl_log_line *l)
{
    static __thread int64_t second = -1;
    static __thread char text[ATL_DATE_ISO_LEN];
    struct timespec now;
    unsigned ms;
    char *p = l->data + l->len;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        atl_date_format_iso(now.tv_sec, text);
        second = now.tv_sec;
    }
    ms = (unsigned)now.tv_nsec / 1000000;
    memcpy(p, text, ATL_DATE_ISO_LEN);
    p += ATL_DATE_ISO_LEN;
    p[0] = '.';
    p[1] = (char)('0' + ms / 100);
    p[2] = (char)('0' + ms / 10 % 10);
    p[3] = (char)('0' + ms % 10);
    p[4] = 'Z';
    l->len += ATL_DATE_ISO_LEN + 5;
}

static void
begin_text(struct atl_log_line *l, enum atl_log_level level,
           struct atl_str name, struct atl_str id)
{
    put_time(l);
    put_always(l, ATL_STR(" "));
    put_always(l, l->format == ATL_LOG_COLOUR ? levels[level].colour
                                              : levels[level].text);
    put_escaped(l, name, false);
    if (id.len > 0) {
        put(l, ATL_STR("["));
        put(l, id);
        put(l, ATL_STR("]"));
    }
    put(l, ATL_STR(":"));
}

static void
begin_json(struct atl_log_line *l, enum atl_log_level level,
           struct atl_str name, struct atl_str id)
{
    put_always(l, ATL_STR("{\"time\":\""));
    put_time(l);
    put_always(l, ATL_STR("\",\"level\":\""));
    put_always(l, levels[level].json);
    put_always(l, ATL_STR("\",\"logger\":"));
    put_string(l, name);
    if (id.len > 0) {
        put(l, ATL_STR(",\"request_id\":"));
        put_string(l, id);
    }
}

void
atl_log_line_begin(struct atl_log_line *l, enum atl_log_format format,
                   enum atl_log_level level, struct atl_str name,
                   uint64_t request)
{
    char id[ATL_REQUEST_ID_MAX];
    struct atl_str shown = {id, 0};

    l->len = l->mark = 0;
    l->format = format;
    l->depth = 0;
    l->first = l->cut = false;
    l->in_list[0] = false;
    if (request != 0)
        shown.len = atl_request_id(request, id);
    if (name.len > ATL_LOG_LINE_MAX / 16)
        name.len = ATL_LOG_LINE_MAX / 16; /* the rest must find its place */
    if (format == ATL_LOG_JSON)
        begin_json(l, level, name, shown);
    else
        begin_text(l, level, name, shown);
}

void
atl_log_line_message(struct atl_log_line *l, struct atl_str text)
{
    if (l->format == ATL_LOG_JSON) {
        put(l, ATL_STR(",\"message\":"));
        put_string(l, text);
        return;
    }
    put(l, ATL_STR(" "));
    put_escaped(l, text, false);
}

static void
put_trace_text(struct atl_log_line *l, struct atl_str text)
{
    const char *end = text.ptr + text.len, *p = text.ptr, *stop;

    while (p < end && !l->cut) {
        if (!put(l, ATL_STR("\n    ")))
            return;
        while (p < end && *p == '\t') { /* a traceback's own indentation */
            put(l, ATL_STR("    "));
            p++;
        }
        stop = memchr(p, '\n', (size_t)(end - p));
        if (stop == NULL)
            stop = end;
        put_escaped(l, (struct atl_str){p, (size_t)(stop - p)}, false);
        p = stop + 1;
    }
}

void
atl_log_line_trace(struct atl_log_line *l, struct atl_str text)
{
    if (l->format != ATL_LOG_JSON)
        put_trace_text(l, text);
    else if (atl_log_line_key(l, ATL_STR("trace")))
        atl_log_line_str(l, text);
}

void
atl_log_line_end(struct atl_log_line *l)
{
    bool json = l->format == ATL_LOG_JSON;

    while (l->depth > 0)
        atl_log_line_close(l);
    if (l->cut && json)
        put_always(l, ATL_STR(",\"truncated\":true"));
    else if (l->cut)
        put_always(l, ATL_STR(" truncated=true"));
    put_always(l, json ? ATL_STR("}\n") : ATL_STR("\n"));
}

/* --- fields --- */

/* What stands in front of an item. */
static void
put_separator(struct atl_log_line *l)
{
    if (l->depth == 0 && l->format != ATL_LOG_JSON)
        put(l, ATL_STR(" "));
    else if (!l->first)
        put(l, ATL_STR(","));
    l->first = false;
}

bool
atl_log_line_key(struct atl_log_line *l, struct atl_str key)
{
    bool first = l->first;

    if (l->cut)
        return false;
    l->mark = l->len;
    put_separator(l);
    if (l->depth > 0 || l->format == ATL_LOG_JSON || !is_bare(key))
        put_string(l, key);
    else
        put(l, key);
    put(l, l->depth == 0 && l->format != ATL_LOG_JSON ? ATL_STR("=")
                                                      : ATL_STR(":"));
    if (!l->cut)
        return true;
    l->len = l->mark;
    l->first = first;
    return false;
}

/* In an array a value stands alone; false: there is no room. */
static bool
begin_value(struct atl_log_line *l)
{
    if (!l->cut && l->in_list[l->depth]) {
        l->mark = l->len;
        put_separator(l);
    }
    return !l->cut;
}

/* A value that is there whole, or not at all with its key. */
static void
put_value(struct atl_log_line *l, struct atl_str text)
{
    if (begin_value(l) && !put(l, text))
        l->len = l->mark;
}

void
atl_log_line_str(struct atl_log_line *l, struct atl_str value)
{
    if (!begin_value(l))
        return;
    if (l->depth == 0 && l->format != ATL_LOG_JSON && is_bare(value))
        put_escaped(l, value, false);
    else if (has_room(l, 2))
        put_string(l, value);
    else
        l->len = l->mark;
}

void
atl_log_line_int(struct atl_log_line *l, int64_t value)
{
    char text[21] = "-";
    size_t sign = value < 0;
    uint64_t size = sign ? 0 - (uint64_t)value : (uint64_t)value;

    put_value(l, (struct atl_str){
                     text, sign + atl_log_line_digits(size, text + sign)});
}

void
atl_log_line_thousandths(struct atl_log_line *l, uint64_t value)
{
    char text[24];
    size_t len = atl_log_line_digits(value / 1000, text);
    unsigned rest = (unsigned)(value % 1000);

    text[len++] = '.';
    text[len++] = (char)('0' + rest / 100);
    text[len++] = (char)('0' + rest / 10 % 10);
    text[len++] = (char)('0' + rest % 10);
    put_value(l, (struct atl_str){text, len});
}

void
atl_log_line_number(struct atl_log_line *l, double value)
{
    char text[32];
    int i, len;

    if (!isfinite(value)) { /* JSON has no such numbers */
        atl_log_line_str(l, isnan(value) ? ATL_STR("nan")
                            : value > 0  ? ATL_STR("inf")
                                         : ATL_STR("-inf"));
        return;
    }
    if (value == floor(value) && fabs(value) <= MAX_WHOLE) {
        atl_log_line_int(l, (int64_t)value);
        return;
    }
    len = snprintf(text, sizeof(text), "%.14g", value);
    for (i = 0; i < len; i++) /* the locale's point may be a comma */
        if (text[i] == ',')
            text[i] = '.';
    put_value(l, (struct atl_str){text, (size_t)len});
}

void
atl_log_line_bool(struct atl_log_line *l, bool value)
{
    put_value(l, value ? ATL_STR("true") : ATL_STR("false"));
}

bool
atl_log_line_open(struct atl_log_line *l, bool is_list)
{
    assert(l->depth < ATL_LOG_DEPTH_MAX);
    put_value(l, is_list ? ATL_STR("[") : ATL_STR("{"));
    if (l->cut)
        return false;
    l->depth++;
    l->in_list[l->depth] = is_list;
    l->first = true;
    return true;
}

void
atl_log_line_close(struct atl_log_line *l)
{
    put_always(l, l->in_list[l->depth] ? ATL_STR("]") : ATL_STR("}"));
    l->depth--;
    l->first = false;
}

/* --- other layouts --- */

void
atl_log_line_raw(struct atl_log_line *l, struct atl_str text)
{
    put(l, text);
}

void
atl_log_line_escaped(struct atl_log_line *l, struct atl_str text)
{
    put_escaped(l, text, true);
}
