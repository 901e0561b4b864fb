/* log_writer.h - where the lines of the log go: a ring, a thread, a file.
 * SPDX-License-Identifier: MIT
 *
 * A process has one.  Until it is opened, lines are written to standard error
 * by whoever logs.  The thread starts with the first line after that; it polls
 * the ring in growing intervals, so that a line costs its producer no system
 * call, and sleeps for good when nothing comes: the next line wakes it.
 *
 * Laws:
 * 1. Lines come out in their order, each of them whole, once.
 * 2. What is not written is counted, and reported where it is missing.
 * 3. Only lines up to PIPE_BUF bytes are sure not to mix with those of other
 *    processes in the same pipe.
 */
#ifndef ATL_BASE_LOG_WRITER_H
#define ATL_BASE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_line.h"

#define ATL_LOG_RING_SIZE (1 << 20) /* bytes */
#define ATL_LOG_RING_MIN (64 << 10)
#define ATL_LOG_RING_MAX (1 << 30)

struct atl_log_options {
    const char *file;           /* "" or NULL: `stream` instead */
    int stream;                 /* STDOUT_FILENO or STDERR_FILENO */
    enum atl_log_format format; /* a terminal's text gets its colours */
    bool block;       /* when the ring is full: wait instead of dropping */
    size_t ring_size; /* of bytes; 0: ATL_LOG_RING_SIZE */
};

/*
 * Open, or change, where lines go.  The first time, this also sees to it that
 * the ring is written out when the process exits and when a fatal signal ends
 * it.  Returns 0; a negative errno if the file can't be opened: then nothing
 * has changed; ATL_E_STATE if lines have been logged and ring_size is another.
 * Not for two threads at once.
 */
int atl_log_writer_open(const struct atl_log_options *options)
    __attribute__((warn_unused_result));

/* How lines are to be written now; any thread. */
enum atl_log_format atl_log_writer_format(void);

/* Hand over a line that ends with a line feed; any thread. */
void atl_log_writer_put(const char *line, size_t len);

/* Lines that were dropped since the process started. */
uint64_t atl_log_writer_dropped(void);

/*
 * Write out all that was put before, in this thread.  Gives up when the
 * reader takes nothing for `patience_ms` milliseconds, or can't be written to:
 * returns false.  Safe in a signal handler.
 */
bool atl_log_writer_flush(unsigned patience_ms);

/*
 * Open the file anew, which somebody has moved away.  The writer does it
 * soon; lines put before may go to either.  If it can't be opened, the old one
 * is kept, and the log says so.  Safe in a signal handler.
 */
void atl_log_writer_reopen(void);

#endif
