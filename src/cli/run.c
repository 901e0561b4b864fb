/* run.c - atlas run FILE [ARG...]: a script whose main chunk is a task.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/init.h"
#include "cli/cli.h"
#include "lua/watch.h"

#define BLOCK_MS "--block-ms"

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

/* What is blocked by a task that is alone?  Told only to who asks for it. */
struct options {
    unsigned block_ms;
    bool alone;
};

static int
set_block_ms(struct options *o, const char *name, const char *value)
{
    char *end;
    unsigned long ms = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' ||
        ms > ATL_MAX_BLOCK_MS)
        return atl_cli_fail(ATL_EXIT_USAGE,
                            "%s needs an integer from 0 to %d, got '%s'", name,
                            ATL_MAX_BLOCK_MS, value);
    o->block_ms = (unsigned)ms;
    o->alone = true;
    return 0;
}

/* Take the options before FILE; *count_out: how many arguments they are. */
static int
take_options(int argc, char **argv, struct options *o, int *count_out)
{
    const char *value = getenv("ATLAS_BLOCK_MS");
    size_t len = sizeof(BLOCK_MS) - 1;
    int i, status;

    *o = (struct options){ATL_BLOCK_MS, false};
    if (value != NULL && *value != '\0' &&
        (status = set_block_ms(o, "ATLAS_BLOCK_MS", value)) != 0)
        return status;
    for (i = 0; i < argc && argv[i][0] == '-'; i++) {
        const char *name = argv[i];

        if (strncmp(name, BLOCK_MS, len) != 0 ||
            (name[len] != '=' && name[len] != '\0'))
            return atl_cli_fail(ATL_EXIT_USAGE,
                                "unknown option '%s'; 'atlas help run' lists "
                                "them",
                                name);
        value = name[len] == '=' ? name + len + 1 : argv[++i];
        if (i >= argc)
            return atl_cli_fail(ATL_EXIT_USAGE, BLOCK_MS " needs a value");
        if ((status = set_block_ms(o, BLOCK_MS, value)) != 0)
            return status;
    }
    *count_out = i;
    return 0;
}

static int
run_file(struct atl_vm *vm, int argc, char **argv, const struct options *o)
{
    int i, err;

    set_arg(vm->L, argc, argv);
    if (luaL_loadfile(vm->L, argv[0]) != LUA_OK)
        return atl_cli_fail(ATL_EXIT_NOT_LOADED, "%s", lua_tostring(vm->L, -1));
    luaL_checkstack(vm->L, argc, "too many arguments");
    for (i = 1; i < argc; i++)
        lua_pushstring(vm->L, argv[i]);
    if ((err = atl_watch_start(vm, o->block_ms, o->alone)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    return atl_cli_run_main(vm, argc - 1, true);
}

static int
run(int argc, char **argv)
{
    struct options options;
    struct atl_vm *vm;
    int err, status, skipped = 0;

    if (argc == 1 && strcmp(argv[0], "--help") == 0)
        return atl_cli_help.run(1, (char *[]){(char[]){"run"}, NULL});
    if ((status = take_options(argc, argv, &options, &skipped)) != 0)
        return status;
    if (skipped >= argc)
        return atl_cli_fail(ATL_EXIT_USAGE, "usage: atlas run %s",
                            atl_cli_run.usage);
    if ((status = atl_cli_open_log()) != 0)
        return status;
    if ((err = atl_vm_new(&vm)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    atl_bind_open(vm);
    status = run_file(vm, argc - skipped, argv + skipped, &options);
    atl_vm_free(vm);
    return status;
}

const struct atl_command atl_cli_run = {
    .name = "run",
    .usage = "[OPTION...] FILE [ARG...]",
    .summary = "run a script whose main chunk is a task",
    .help =
        "The script may await anywhere: require \"atlas\" gives sleep, "
        "spawn and the rest.\nARG... are in `...` and `arg`.  An error "
        "ends it with status 1; a script that\ncannot be loaded, with "
        "status 3.  One that requires luv ends when nothing of\nluv's is "
        "active any more, unless it calls uv.run() itself.\n\n"
        "Options; --block-ms 100 is ATLAS_BLOCK_MS=100 in the environment:\n"
        "  --block-ms N  log what blocks the loop longer than N "
        "milliseconds (50, and only\n                while others wait; "
        "0: off)\n\n"
        "The log goes to standard error; ATLAS_LOG_LEVEL, ATLAS_LOG_FORMAT, "
        "ATLAS_LOG_FILE,\nATLAS_LOG_FULL and ATLAS_LOG_BUFFER are as for "
        "serve.\n",
    .run = run,
};
