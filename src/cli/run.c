/* run.c - atlas run FILE [ARG...]: a script whose main chunk is a task.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/init.h"
#include "cli/cli.h"
#include "lua/watch.h"
#include "rt/offload.h"

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

struct options {
    struct atl_thread_limits threads;
    unsigned block_ms;
    bool alone; /* told of what is blocked by a task that is alone? */
};

static void
set_block_ms(struct options *o, unsigned long value)
{
    o->block_ms = (unsigned)value;
    o->alone = true; /* somebody asks for it */
}

static void
set_threads(struct options *o, unsigned long value)
{
    o->threads.threads = (unsigned)value;
}

static void
set_thread_memory(struct options *o, unsigned long value)
{
    o->threads.memory = value;
}

/* One row an option: on the command line, and in the environment. */
static const struct option {
    const char *name, *variable, *want;
    unsigned long min, max;
    void (*set)(struct options *o, unsigned long value);
} rows[] = {
    {"--block-ms", "ATLAS_BLOCK_MS", "an integer from 0 to 3600000", 0,
     ATL_MAX_BLOCK_MS, set_block_ms},
    {"--threads", "ATLAS_THREADS", atl_cli_threads_text, 1,
     ATL_OFFLOAD_MAX_THREADS, set_threads},
    {"--thread-memory", "ATLAS_THREAD_MEMORY",
     "an integer from 1 to 4294967295", 1, UINT32_MAX, set_thread_memory},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const char atl_cli_threads_text[] = "an integer from 1 to 256";

static int
set_option(struct options *o, const struct option *row, const char *name,
           const char *value)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || n < row->min ||
        n > row->max)
        return atl_cli_fail(ATL_EXIT_USAGE, "%s needs %s, got '%s'", name,
                            row->want, value);
    row->set(o, n);
    return 0;
}

static int
take_environment(struct options *o)
{
    size_t i;

    for (i = 0; i < ROWS; i++) {
        const char *value = getenv(rows[i].variable);
        int status;

        if (value == NULL || *value == '\0')
            continue;
        status = set_option(o, &rows[i], rows[i].variable, value);
        if (status != 0)
            return status;
    }
    return 0;
}

static const struct option *
find_option(const char *name)
{
    size_t i, len = strcspn(name, "=");

    for (i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return &rows[i];
    return NULL;
}

/* Take the options before FILE; *count_out: how many arguments they are. */
static int
take_options(int argc, char **argv, struct options *o, int *count_out)
{
    int i, status;

    *o = (struct options){.block_ms = ATL_BLOCK_MS};
    if ((status = take_environment(o)) != 0)
        return status;
    for (i = 0; i < argc && argv[i][0] == '-'; i++) {
        const struct option *row = find_option(argv[i]);
        const char *value;

        if (row == NULL)
            return atl_cli_fail(ATL_EXIT_USAGE,
                                "unknown option '%s'; 'atlas help run' lists "
                                "them",
                                argv[i]);
        value = strchr(argv[i], '=');
        value = value != NULL ? value + 1 : argv[++i];
        if (i >= argc)
            return atl_cli_fail(ATL_EXIT_USAGE, "%s needs a value", row->name);
        if ((status = set_option(o, row, row->name, value)) != 0)
            return status;
    }
    *count_out = i;
    return 0;
}

static int
run_file(struct atl_vm *vm, int argc, char **argv, const struct options *o)
{
    int i, err;

    vm->thread_limits = o->threads;
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
        "0: off)\n"
        "  --threads N   threads for atlas.thread (one a core, at most 4)\n"
        "  --thread-memory BYTES  that each of them may keep from call to "
        "call (268435456)\n\n"
        "The log goes to standard error; ATLAS_LOG_LEVEL, ATLAS_LOG_FORMAT, "
        "ATLAS_LOG_FILE,\nATLAS_LOG_FULL and ATLAS_LOG_BUFFER are as for "
        "serve.\n",
    .run = run,
};
