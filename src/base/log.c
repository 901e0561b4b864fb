/* log.c - lines for people.  See log.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static enum atl_log_level threshold = ATL_LOG_INFO;

static const char *const names[] = {"debug", "info", "warning", "error"};

void
atl_log_set_level(enum atl_log_level level)
{
    threshold = level;
}

bool
atl_log_find_level(const char *name, enum atl_log_level *level_out)
{
    int i;

    for (i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(names[i], name) == 0) {
            *level_out = (enum atl_log_level)i;
            return true;
        }
    }
    return false;
}

static void
write_all(const char *data, size_t len)
{
    ssize_t n;

    while (len > 0) {
        n = write(STDERR_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* there is nobody left to tell */
        data += n;
        len -= (size_t)n;
    }
}

void
atl_log(enum atl_log_level level, const char *format, ...)
{
    va_list args, again;
    char *line;
    int head, body, i;

    if (level < threshold)
        return;
    va_start(args, format);
    va_copy(again, args);
    body = vsnprintf(NULL, 0, format, args);
    va_end(args);
    line = atl_malloc((size_t)body + 32);
    head = snprintf(line, 32, "atlas: %s: ", names[level]);
    vsnprintf(line + head, (size_t)body + 1, format, again);
    va_end(again);
    for (i = 0; i < head + body; i++)
        if ((unsigned char)line[i] < 0x20 && line[i] != '\n' && line[i] != '\t')
            line[i] = '?';
    line[head + body] = '\n';
    write_all(line, (size_t)(head + body) + 1);
    atl_free(line);
}
