/* log_file.h - the file that the log is written to.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_LOG_FILE_H
#define ATL_BASE_LOG_FILE_H

#include <stdbool.h>

/*
 * Open `path` to append; its descriptor, or a negative errno.  Never blocks:
 * a pipe that nobody reads is an error.  Safe in a signal handler.
 */
int atl_log_file_open(const char *path) __attribute__((warn_unused_result));

/*
 * `path` from the root, since the program may change its folder before the
 * file is opened again; free with atl_free().
 */
char *atl_log_file_absolute(const char *path) __attribute__((returns_nonnull));

/* Is it a terminal, and does nothing in the environment speak against it? */
bool atl_log_file_wants_colour(int fd);

#endif
