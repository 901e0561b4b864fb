/* main.c - the atlas program: finds the command and runs it.
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log_writer.h"
#include "cli/cli.h"

#define LOG_PATIENCE_MS 500

const struct atl_command *const atl_cli_commands[] = {
    &atl_cli_serve,  &atl_cli_run,  &atl_cli_test,
    &atl_cli_routes, &atl_cli_help, NULL,
};

int
atl_cli_fail(int status, const char *format, ...)
{
    va_list args;

    /* What was logged before comes first, if its reader is there. */
    (void)atl_log_writer_flush(LOG_PATIENCE_MS);
    va_start(args, format);
    fputs("atlas: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

int
main(int argc, char **argv)
{
    const struct atl_command *const *command;
    const char *name = argc > 1 ? argv[1] : "help";
    int rest = argc > 1 ? 2 : 1; /* the command's arguments begin here */

    /* A peer that has gone is told by write(2), not by a signal. */
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(name, "--version") == 0) {
        printf("atlas " ATL_VERSION " (" ATL_VM_NAME ")\n");
        return ATL_EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    for (command = atl_cli_commands; *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return (*command)->run(argc - rest, argv + rest);
    return atl_cli_fail(ATL_EXIT_USAGE,
                        "unknown command '%s'; 'atlas help' lists them", name);
}
