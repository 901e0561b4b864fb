/* log_line.h - how one line of the log is written: as text or as JSON.
 * SPDX-License-Identifier: MIT
 *
 *     TIME LEVEL NAME[REQUEST]: message key=value key="two words" key={"a":1}
 *     {"time":...,"level":...,"logger":...,"request_id":...,"message":...,...}
 *
 * Laws:
 * 1. No byte that was given can begin a line, or move the cursor of a
 *    terminal: control characters and bytes that are not UTF-8 are escaped,
 *    in names and keys too.  Only a trace has lines of its own; each of them
 *    begins with blanks.
 * 2. A line that grows too long is cut and says so; as JSON it stays whole.
 */
#ifndef ATL_BASE_LOG_LINE_H
#define ATL_BASE_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum atl_log_level {
    ATL_LOG_DEBUG,
    ATL_LOG_INFO,
    ATL_LOG_WARN,
    ATL_LOG_ERROR,
    ATL_LOG_OFF, /* as a threshold: nothing */
};

enum atl_log_format {
    ATL_LOG_TEXT,
    ATL_LOG_COLOUR, /* text for a terminal */
    ATL_LOG_JSON,
};

#define ATL_LOG_LINE_MAX 16384 /* bytes, line feed included */
#define ATL_LOG_DEPTH_MAX 8    /* objects and arrays in each other */

struct atl_log_line {
    size_t len;
    size_t mark; /* where the present key begins, to take it back */
    enum atl_log_format format;
    unsigned depth; /* of objects and arrays inside a field */
    bool first;     /* the next item is its container's first */
    bool in_list[ATL_LOG_DEPTH_MAX + 1];
    bool cut; /* something did not fit */
    char data[ATL_LOG_LINE_MAX];
};

/*
 * Begin a line of the time now; `request` is the request's serial number, or
 * 0.  Then the message, fields, perhaps a trace, and the end: in this order.
 */
void atl_log_line_begin(struct atl_log_line *l, enum atl_log_format format,
                        enum atl_log_level level, struct atl_str name,
                        uint64_t request);
void atl_log_line_message(struct atl_log_line *l, struct atl_str text);

/* Lines under the line, such as a traceback; its line feeds are kept. */
void atl_log_line_trace(struct atl_log_line *l, struct atl_str text);

/* Ends with a line feed; data and len are the line. */
void atl_log_line_end(struct atl_log_line *l);

/*
 * One field, or one item of an object: the key, then exactly one value.
 * Returns false if there is no room: then no value may follow.  Inside an
 * array there are values without keys.
 */
bool atl_log_line_key(struct atl_log_line *l, struct atl_str key)
    __attribute__((warn_unused_result));

/* The values.  Whole numbers are written without a point; thousandths with
 * three digits behind it. */
void atl_log_line_str(struct atl_log_line *l, struct atl_str value);
void atl_log_line_int(struct atl_log_line *l, int64_t value);
void atl_log_line_number(struct atl_log_line *l, double value);
void atl_log_line_thousandths(struct atl_log_line *l, uint64_t value);
void atl_log_line_bool(struct atl_log_line *l, bool value);

/*
 * An object or an array as value, up to ATL_LOG_DEPTH_MAX in each other.
 * Returns false if there is no room: then nothing has been opened.
 */
bool atl_log_line_open(struct atl_log_line *l, bool is_list)
    __attribute__((warn_unused_result));
void atl_log_line_close(struct atl_log_line *l);

/* For a text that is laid out otherwise: bytes as they are, and bytes escaped
 * as between quotes. */
void atl_log_line_raw(struct atl_log_line *l, struct atl_str text);
void atl_log_line_escaped(struct atl_log_line *l, struct atl_str text);

/* Decimal digits of `value` to `out`, 20 at most; returns how many. */
size_t atl_log_line_digits(uint64_t value, char *out);

#endif
