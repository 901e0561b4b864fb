/* help.c - atlas help [COMMAND].
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void
print_command(const struct atl_command *c)
{
    printf("usage: atlas %s %s\n\n%s\n", c->name, c->usage, c->summary);
    if (c->help != NULL)
        printf("\n%s", c->help);
    if (c->more_help != NULL)
        c->more_help();
}

static void
print_all(void)
{
    const struct atl_command *const *c;

    printf("Atlas %s on %s: a web framework and application server for Lua.\n\n"
           "usage: atlas COMMAND [ARGUMENT...]\n\n",
           ATL_VERSION, ATL_VM_NAME);
    for (c = atl_cli_commands; *c != NULL; c++)
        printf("  %-8s %s\n", (*c)->name, (*c)->summary);
    printf("  %-8s %s\n\n'atlas help COMMAND' tells more.\n", "--version",
           "print the version");
}

static int
run(int argc, char **argv)
{
    const struct atl_command *const *c;

    if (argc == 0) {
        print_all();
        return ATL_EXIT_OK;
    }
    for (c = atl_cli_commands; *c != NULL; c++) {
        if (strcmp((*c)->name, argv[0]) == 0) {
            print_command(*c);
            return ATL_EXIT_OK;
        }
    }
    return atl_cli_fail(ATL_EXIT_USAGE,
                        "no help on '%s'; 'atlas help' lists "
                        "the commands",
                        argv[0]);
}

const struct atl_command atl_cli_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "tell what a command does",
    .run = run,
};
