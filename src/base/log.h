/* log.h - lines for people, to standard error.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_LOG_H
#define ATL_BASE_LOG_H

#include <stdbool.h>

enum atl_log_level {
    ATL_LOG_DEBUG,
    ATL_LOG_INFO,
    ATL_LOG_WARN,
    ATL_LOG_ERROR,
};

/* Lines below this level are not written; ATL_LOG_INFO at first. */
void atl_log_set_level(enum atl_log_level level);

/* "debug", "info", "warning" or "error"; false if it is none of these. */
bool atl_log_find_level(const char *name, enum atl_log_level *level_out);

/*
 * Write "atlas: level: text" and a line feed, in one write(2) as long as it
 * is short.  A text of several lines (a traceback) is written as it is; other
 * control characters become '?', so that a peer's bytes can't play terminal.
 */
void atl_log(enum atl_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
