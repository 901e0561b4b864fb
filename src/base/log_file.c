/* log_file.c - the file that the log is written to.  See log_file.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

int
atl_log_file_open(const char *path)
{
    int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        0644);

    return fd < 0 ? -errno : fd;
}

char *
atl_log_file_absolute(const char *path)
{
    char folder[PATH_MAX], *whole;
    size_t len;

    if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL)
        return atl_strndup(path, strlen(path));
    len = strlen(folder);
    whole = atl_malloc(len + strlen(path) + 2);
    memcpy(whole, folder, len);
    whole[len] = '/';
    memcpy(whole + len + 1, path, strlen(path) + 1);
    return whole;
}

bool
atl_log_file_wants_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return (no == NULL || *no == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0) && isatty(fd);
}
