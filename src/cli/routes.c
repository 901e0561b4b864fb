/* routes.c - atlas routes MODULE:ATTR: lists an application's routes.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/err.h"
#include "bind/init.h"
#include "cli/cli.h"
#include "lua/loader.h"

static int
run_in(struct atl_vm *vm, const char *target)
{
    lua_State *L = vm->L;

    if (atl_loader_load(L, "atlas.cli.routes") != LUA_OK)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", lua_tostring(L, -1));
    lua_pushstring(L, target);
    return atl_cli_run_main(vm, 1, false);
}

static int
run(int argc, char **argv)
{
    struct atl_vm *vm;
    int err, status;

    if (argc == 1 && strcmp(argv[0], "--help") == 0)
        return atl_cli_help.run(1, (char *[]){(char[]){"routes"}, NULL});
    if (argc > 0 && argv[0][0] == '-')
        return atl_cli_fail(
            ATL_EXIT_USAGE,
            "unknown option '%s'; 'atlas help routes' tells more", argv[0]);
    if (argc != 1)
        return atl_cli_fail(ATL_EXIT_USAGE, "usage: atlas routes %s",
                            atl_cli_routes.usage);
    if (argv[0][0] == ':' || argv[0][0] == '\0')
        return atl_cli_fail(ATL_EXIT_USAGE, "'%s' is not MODULE:ATTR", argv[0]);
    if ((status = atl_cli_open_log()) != 0)
        return status;
    if ((err = atl_vm_new(&vm)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    atl_bind_open(vm);
    status = run_in(vm, argv[0]);
    atl_vm_free(vm);
    return status;
}

const struct atl_command atl_cli_routes = {
    .name = "routes",
    .usage = "MODULE:ATTR",
    .summary = "list the routes of an application",
    .help =
        "Loads MODULE as serve does, starts nothing, and prints a line a "
        "route: methods, path\n(behind its host, if it has one), name, and "
        "where its handler was written.  What is\nmounted stands behind its "
        "prefix; \"*\" is a LASGI callable, which routes by itself.\n\n"
        "Status 1: it is no atlas.Application; 2: wrong usage; 3: it could not "
        "be loaded.\n",
    .run = run,
};
