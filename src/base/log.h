/* log.h - log lines: levels by name, and what C code logs with.
 * SPDX-License-Identifier: MIT
 *
 * A logger is a name such as "atlas.http"; its level is that of the longest
 * rule for it or for a name above it ("atlas"), else the general one, which is
 * info at first.  How a line looks: log_line.h; where it goes: log_writer.h.
 */
#ifndef ATL_BASE_LOG_H
#define ATL_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log_line.h"
#include "base/log_writer.h"

struct atl_logger {
    struct atl_str name;    /* lent as long as the logger lives */
    _Atomic uint32_t known; /* its level, and since which change of levels */
};

/* The initial value of a logger with the name of a literal. */
#define ATL_LOGGER(literal)                  \
    {                                        \
        {"" literal, sizeof(literal) - 1}, 0 \
    }

/* Is there anybody for a line of this level?  A few nanoseconds; any thread. */
bool atl_log_is_on(struct atl_logger *logger, enum atl_log_level level);

/*
 * Log a line of "atlas".  The first line of the text is the message; what
 * follows it, such as a traceback, is its trace.  Any thread, but no signal
 * handler; neither waits nor allocates.
 */
void atl_log(enum atl_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same of another logger, and about a request (its serial number; or 0). */
void atl_log_to(struct atl_logger *logger, enum atl_log_level level,
                uint64_t request, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void atl_log_request(enum atl_log_level level, uint64_t request,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Begin a line whose fields follow, if the level is on; then commit it. */
bool atl_log_begin(struct atl_log_line *l, struct atl_logger *logger,
                   enum atl_log_level level, uint64_t request)
    __attribute__((warn_unused_result));
void atl_log_commit(struct atl_log_line *l);

/* "debug", "info", "warn" or "warning", "error", "off"; false: none of them. */
bool atl_log_find_level(struct atl_str name, enum atl_log_level *level_out);

/*
 * Set levels: "debug" for all that has no rule of its own, "atlas.http=debug"
 * for this name and those below it; several with commas between.  Returns 0,
 * ATL_E_INVALID (nothing has changed), or ATL_E_TOOBIG if there are more than
 * ATL_LOG_RULES_MAX rules, or a name is longer than ATL_LOG_NAME_MAX.
 */
int atl_log_set_levels(struct atl_str spec) __attribute__((warn_unused_result));

#define ATL_LOG_RULES_MAX 64
#define ATL_LOG_NAME_MAX 64 /* bytes */

/* Is it a text that atl_log_set_levels() takes? */
bool atl_log_are_levels(struct atl_str spec);

#endif
