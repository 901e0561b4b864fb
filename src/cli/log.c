/* log.c - ATLAS_LOG_*: the log of commands that have no options for it.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cli.h"

static const char *
get(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static int
refuse(const char *name, const char *want, const char *value)
{
    return atl_cli_fail(ATL_EXIT_USAGE, "%s needs %s, got '%s'", name, want,
                        value);
}

/* *second_out: is the variable the second of two words? */
static int
get_choice(const char *name, const char *first, const char *second,
           bool *second_out)
{
    const char *value = get(name);

    *second_out = value != NULL && strcmp(value, second) == 0;
    if (value == NULL || *second_out || strcmp(value, first) == 0)
        return 0;
    return atl_cli_fail(ATL_EXIT_USAGE, "%s needs %s or %s, got '%s'", name,
                        first, second, value);
}

static int
get_size(const char *name, size_t *size_out)
{
    const char *value = get(name);
    char *end;
    long long n;

    if (value == NULL)
        return 0;
    n = strtoll(value, &end, 10);
    if (*end != '\0' || n < ATL_LOG_RING_MIN || n > ATL_LOG_RING_MAX)
        return refuse(name, atl_cli_log_buffer_text, value);
    *size_out = (size_t)n;
    return 0;
}

const char atl_cli_log_levels_text[] =
    "debug, info, warn, error or off, perhaps behind NAME=";
const char atl_cli_log_buffer_text[] = "an integer from 65536 to 1073741824";

int
atl_cli_open_log(void)
{
    struct atl_log_options o = {.stream = STDERR_FILENO,
                                .file = get("ATLAS_LOG_FILE")};
    const char *levels = get("ATLAS_LOG_LEVEL");
    bool json;
    int err;

    if ((err = get_choice("ATLAS_LOG_FORMAT", "text", "json", &json)) != 0 ||
        (err = get_choice("ATLAS_LOG_FULL", "drop", "block", &o.block)) != 0 ||
        (err = get_size("ATLAS_LOG_BUFFER", &o.ring_size)) != 0)
        return err;
    o.format = json ? ATL_LOG_JSON : ATL_LOG_TEXT;
    if (levels != NULL && atl_log_set_levels(atl_str_from(levels)) != 0)
        return refuse("ATLAS_LOG_LEVEL", atl_cli_log_levels_text, levels);
    if ((err = atl_log_writer_open(&o)) != 0)
        return atl_cli_fail(ATL_EXIT_NOT_LOADED,
                            "cannot open the log file %s: %s", o.file,
                            atl_err_text(err));
    return 0;
}
