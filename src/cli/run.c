/* run.c - atlas run FILE [ARG...]: a script whose main chunk is a task.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/err.h"
#include "bind/init.h"
#include "cli/cli.h"

/* arg[0] is the script, as in the lua program; the rest are `...` too. */
static void
set_arg(lua_State *L, int argc, char **argv)
{
    int i;

    lua_createtable(L, argc, 1);
    for (i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

static int
run(int argc, char **argv)
{
    struct atl_vm *vm;
    int err, i, status;

    if (argc < 1 || argv[0][0] == '-')
        return atl_cli_fail(ATL_EXIT_USAGE, "usage: atlas run %s",
                            atl_cli_run.usage);
    if ((err = atl_vm_new(&vm)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    atl_bind_open(vm);
    set_arg(vm->L, argc, argv);
    if (luaL_loadfile(vm->L, argv[0]) != LUA_OK) {
        status =
            atl_cli_fail(ATL_EXIT_NOT_LOADED, "%s", lua_tostring(vm->L, -1));
    } else {
        luaL_checkstack(vm->L, argc, "too many arguments");
        for (i = 1; i < argc; i++)
            lua_pushstring(vm->L, argv[i]);
        status = atl_cli_run_main(vm, argc - 1);
    }
    atl_vm_free(vm);
    return status;
}

const struct atl_command atl_cli_run = {
    .name = "run",
    .usage = "FILE [ARG...]",
    .summary = "run a script whose main chunk is a task",
    .help = "The script may await anywhere: require \"atlas\" gives sleep, "
            "spawn and the rest.\nARG... are in `...` and `arg`.  An error "
            "ends it with status 1; a script that\ncannot be loaded, with "
            "status 3.\n",
    .run = run,
};
