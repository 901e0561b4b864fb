/* help.c - atlas help [COMMAND | NAME].
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lua/embed.h"

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
        printf("  %-9s %s\n", (*c)->name, (*c)->summary);
    printf("  %-9s %s\n\n'atlas help COMMAND' tells more; "
           "'atlas help NAME' tells of a Lua function,\nmodule or class, such "
           "as 'atlas.sleep'.\n",
           "--version", "print the version");
}

/* --- the reference: an entry is a heading and what is below it --- */

/*
 * Is the heading `line`, "## atlas.Task" or "### task:await()", that of
 * `name`?  "await" alone means each of that name.
 */
static bool
is_about(const char *line, const char *name)
{
    const char *title = line + strspn(line, "# ");
    size_t size = strcspn(title, "(\n"), len = strlen(name);

    if (size < len || memcmp(title + size - len, name, len) != 0)
        return false;
    return size == len || strchr(".:", title[size - len - 1]) != NULL;
}

static const char *
next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end != NULL ? end + 1 : line + strlen(line);
}

/* "- [title](#anchor): text" without the link, any other line as it is. */
static void
print_line(const char *line, const char *next)
{
    const char *link = strstr(line, "](#");
    const char *rest = link != NULL ? strstr(link, "): ") : NULL;

    if (strncmp(line, "- [", 3) == 0 && rest != NULL && rest < next)
        printf("- %.*s%.*s", (int)(link - line - 3), line + 3,
               (int)(next - rest - 1), rest + 1);
    else
        printf("%.*s", (int)(next - line), line);
}

/* Print the entry at `line`; returns where the next one begins. */
static const char *
print_entry(const char *line)
{
    const char *p = line + strspn(line, "# ");
    bool in_code = false;

    do {
        print_line(p, next_line(p));
        p = next_line(p);
        in_code ^= strncmp(p, "```", 3) == 0;
    } while (*p != '\0' && (in_code || *p != '#'));
    return p;
}

/* Print all entries of that name; false if there is none. */
static bool
print_reference(const char *name)
{
    const struct atl_embedded *page;
    bool found = false;

    for (page = atl_embedded_pages; page->name != NULL; page++) {
        const char *p = strcmp(page->name, "README") != 0 ? page->source : "";
        bool in_code = false;

        while (*p != '\0') {
            if (!in_code && *p == '#' && is_about(p, name)) {
                p = print_entry(p);
                found = true;
                continue;
            }
            in_code ^= strncmp(p, "```", 3) == 0;
            p = next_line(p);
        }
    }
    return found;
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
    if (print_reference(argv[0]))
        return ATL_EXIT_OK;
    return atl_cli_fail(ATL_EXIT_USAGE,
                        "no help on '%s'; 'atlas help' lists "
                        "the commands",
                        argv[0]);
}

const struct atl_command atl_cli_help = {
    .name = "help",
    .usage = "[COMMAND | NAME]",
    .summary = "tell what a command or a Lua function does",
    .run = run,
};
