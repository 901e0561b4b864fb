/* log.c - levels by name, and lines from C.  See log.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

static struct atl_logger atlas = ATL_LOGGER("atlas");

/* --- levels --- */

struct rule {
    char name[ATL_LOG_NAME_MAX];
    size_t len;
    enum atl_log_level level;
};

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[ATL_LOG_RULES_MAX];
static size_t rule_count;
static enum atl_log_level general = ATL_LOG_INFO;
static _Atomic uint32_t changes = 1; /* a logger that knows 0 knows nothing */

bool
atl_log_find_level(struct atl_str name, enum atl_log_level *level_out)
{
    static const struct {
        struct atl_str name;
        enum atl_log_level level;
    } names[] = {
        {{"debug", 5}, ATL_LOG_DEBUG}, {{"info", 4}, ATL_LOG_INFO},
        {{"warn", 4}, ATL_LOG_WARN},   {{"warning", 7}, ATL_LOG_WARN},
        {{"error", 5}, ATL_LOG_ERROR}, {{"off", 3}, ATL_LOG_OFF},
    };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (atl_str_eq(name, names[i].name)) {
            *level_out = names[i].level;
            return true;
        }
    }
    return false;
}

static bool
is_at_or_below(struct atl_str name, const struct rule *r)
{
    return name.len >= r->len && memcmp(name.ptr, r->name, r->len) == 0 &&
           (name.len == r->len || name.ptr[r->len] == '.');
}

static enum atl_log_level
find_threshold(struct atl_str name)
{
    enum atl_log_level level = general;
    size_t i, best = 0;

    for (i = 0; i < rule_count; i++) {
        if (rules[i].len > best && is_at_or_below(name, &rules[i])) {
            best = rules[i].len;
            level = rules[i].level;
        }
    }
    return level;
}

/* `known` is changes * 8 + threshold. */
static uint32_t
learn(struct atl_logger *logger)
{
    uint32_t known;

    pthread_mutex_lock(&changing);
    known = atomic_load(&changes) << 3 | find_threshold(logger->name);
    pthread_mutex_unlock(&changing);
    atomic_store_explicit(&logger->known, known, memory_order_relaxed);
    return known;
}

bool
atl_log_is_on(struct atl_logger *logger, enum atl_log_level level)
{
    uint32_t known = atomic_load_explicit(&logger->known, memory_order_relaxed);
    uint32_t now = atomic_load_explicit(&changes, memory_order_relaxed);

    if (known >> 3 != (now & UINT32_MAX >> 3))
        known = learn(logger);
    return level >= (known & 7);
}

/* The next part of a list with commas, without the blanks around it. */
static struct atl_str
next_part(struct atl_str *rest)
{
    const char *comma = memchr(rest->ptr, ',', rest->len);
    struct atl_str part = *rest;

    if (comma != NULL)
        part.len = (size_t)(comma - rest->ptr);
    rest->ptr += part.len + (comma != NULL);
    rest->len -= part.len + (comma != NULL);
    while (part.len > 0 && part.ptr[0] == ' ') {
        part.ptr++;
        part.len--;
    }
    while (part.len > 0 && part.ptr[part.len - 1] == ' ')
        part.len--;
    return part;
}

/* "NAME=LEVEL", or "LEVEL", whose name is empty. */
static int
parse_rule(struct atl_str part, struct rule *out)
{
    const char *equals = memchr(part.ptr, '=', part.len);
    struct atl_str level = part;

    out->len = 0;
    if (equals != NULL) {
        out->len = (size_t)(equals - part.ptr);
        level.ptr = equals + 1;
        level.len = part.len - out->len - 1;
        if (out->len == 0)
            return ATL_E_INVALID;
    }
    if (out->len > ATL_LOG_NAME_MAX)
        return ATL_E_TOOBIG;
    memcpy(out->name, part.ptr, out->len);
    return atl_log_find_level(level, &out->level) ? 0 : ATL_E_INVALID;
}

/* Add or replace; `made` are the rules as they will be. */
static int
apply_rule(const struct rule *r, struct rule *made, size_t *count)
{
    size_t i;

    for (i = 0; i < *count; i++)
        if (made[i].len == r->len && memcmp(made[i].name, r->name, r->len) == 0)
            break;
    if (i == ATL_LOG_RULES_MAX)
        return ATL_E_TOOBIG;
    made[i] = *r;
    *count += i == *count;
    return 0;
}

/* Parse all of `spec` into rules, and the level without a name. */
static int
parse_spec(struct atl_str spec, struct rule *made, size_t *count,
           enum atl_log_level *all)
{
    struct rule r;
    int err;

    if (spec.len == 0)
        return ATL_E_INVALID;
    while (spec.len > 0) {
        if ((err = parse_rule(next_part(&spec), &r)) != 0)
            return err;
        if (r.len == 0)
            *all = r.level;
        else if ((err = apply_rule(&r, made, count)) != 0)
            return err;
    }
    return 0;
}

bool
atl_log_are_levels(struct atl_str spec)
{
    struct rule made[ATL_LOG_RULES_MAX];
    enum atl_log_level all;
    size_t count = 0;

    return parse_spec(spec, made, &count, &all) == 0;
}

int
atl_log_set_levels(struct atl_str spec)
{
    struct rule made[ATL_LOG_RULES_MAX];
    enum atl_log_level all;
    size_t count;
    int err;

    pthread_mutex_lock(&changing);
    all = general;
    count = rule_count;
    memcpy(made, rules, sizeof(rules));
    err = parse_spec(spec, made, &count, &all);
    if (err == 0) {
        memcpy(rules, made, sizeof(rules));
        rule_count = count;
        general = all;
        atomic_fetch_add(&changes, 1);
    }
    pthread_mutex_unlock(&changing);
    return err;
}

/* --- lines --- */

bool
atl_log_begin(struct atl_log_line *l, struct atl_logger *logger,
              enum atl_log_level level, uint64_t request)
{
    if (!atl_log_is_on(logger, level))
        return false;
    atl_log_line_begin(l, atl_log_writer_format(), level, logger->name,
                       request);
    return true;
}

void
atl_log_commit(struct atl_log_line *l)
{
    atl_log_line_end(l);
    atl_log_writer_put(l->data, l->len);
}

static void
log_format(struct atl_logger *logger, enum atl_log_level level,
           uint64_t request, const char *format, va_list args)
{
    char text[ATL_LOG_LINE_MAX];
    struct atl_log_line l;
    struct atl_str message = {text, 0}, trace;
    const char *end;
    int len;

    if (!atl_log_begin(&l, logger, level, request))
        return;
    len = vsnprintf(text, sizeof(text), format, args);
    /* What vsnprintf cut, the line will cut as well, and say so. */
    message.len = len < 0                      ? 0
                  : (size_t)len < sizeof(text) ? (size_t)len
                                               : sizeof(text) - 1;
    trace = (struct atl_str){text + message.len, 0};
    end = memchr(text, '\n', message.len);
    if (end != NULL) {
        trace.len = message.len - (size_t)(end - text) - 1;
        trace.ptr = end + 1;
        message.len = (size_t)(end - text);
    }
    atl_log_line_message(&l, message);
    if (trace.len > 0)
        atl_log_line_trace(&l, trace);
    atl_log_commit(&l);
}

void
atl_log(enum atl_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_format(&atlas, level, 0, format, args);
    va_end(args);
}

void
atl_log_request(enum atl_log_level level, uint64_t request, const char *format,
                ...)
{
    va_list args;

    va_start(args, format);
    log_format(&atlas, level, request, format, args);
    va_end(args);
}

void
atl_log_to(struct atl_logger *logger, enum atl_log_level level,
           uint64_t request, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_format(logger, level, request, format, args);
    va_end(args);
}
