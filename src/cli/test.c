/* test.c - atlas test [PATH...]: runs Lua tests, each of which is a task.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/init.h"
#include "bind/rt/tester.h"
#include "cli/cli.h"
#include "cli/test_watch.h"
#include "lua/loader.h"
#include "lua/watch.h"

#define MAX_SEED 4294967295.0

enum kind {
    FLAG,
    TEXT,
    LIST, /* may be given several times */
    NUMBER,
    CHOICE, /* of two words */
};

struct option {
    const char *name;
    enum kind kind;
    double min, max; /* of a number; an integer unless min is below 1e-2 */
    double value;    /* the default of a number */
    const char *words[2];
};

static const struct option options[] = {
    {"filter", LIST, 0, 0, 0, {0}},
    {"filter-out", LIST, 0, 0, 0, {0}},
    {"tag", LIST, 0, 0, 0, {0}},
    {"exclude-tag", LIST, 0, 0, 0, {0}},
    {"name", LIST, 0, 0, 0, {0}},
    {"clock", CHOICE, 0, 0, 0, {"virtual", "real"}},
    {"output", CHOICE, 0, 0, 0, {"plain", "tap"}},
    {"junit", TEXT, 0, 0, 0, {0}},
    {"lasgi", TEXT, 0, 0, 0, {0}},
    {"path", LIST, 0, 0, 0, {0}},
    {"patience", NUMBER, 1e-3, 1e6, 0, {0}},
    {"seed", NUMBER, 0, MAX_SEED, 0, {0}},
    {"repeat", NUMBER, 1, 1e9, 1, {0}},
    {"timeout", NUMBER, 1e-3, 1e6, 60, {0}},
    {"block-ms", NUMBER, 0, ATL_MAX_BLOCK_MS, -1, {0}},
    {"shuffle", FLAG, 0, 0, 0, {0}},
    {"fail-fast", FLAG, 0, 0, 0, {0}},
    {"list", FLAG, 0, 0, 0, {0}},
    {"quiet", FLAG, 0, 0, 0, {0}},
    {"watch", FLAG, 0, 0, 0, {0}},
};

#define COUNT (sizeof(options) / sizeof(options[0]))

/* --- options become a table, which is on top of L --- */

static void
set_defaults(lua_State *L)
{
    size_t i;

    for (i = 0; i < COUNT; i++) {
        if (options[i].kind == LIST)
            lua_newtable(L);
        else if (options[i].kind == NUMBER)
            lua_pushnumber(L, options[i].value);
        else
            lua_pushnil(L);
        lua_setfield(L, -2, options[i].name);
    }
    lua_newtable(L);
    lua_setfield(L, -2, "paths");
}

/* Append `value` to the list t[name]. */
static void
append(lua_State *L, const char *name, const char *value)
{
    lua_getfield(L, -1, name);
    lua_pushstring(L, value);
    lua_rawseti(L, -2, (int)atl_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

static int
set_number(lua_State *L, const struct option *o, const char *value)
{
    bool fraction = o->min > 0 && o->min < 1;
    char *end;
    double n = strtod(value, &end);

    if (strchr("0123456789.", value[0]) == NULL || *end != '\0' ||
        !(n >= o->min && n <= o->max) || (!fraction && n != (double)(int64_t)n))
        return atl_cli_fail(
            ATL_EXIT_USAGE, "--%s needs %s from %g to %.10g, got '%s'", o->name,
            fraction ? "a number" : "an integer", o->min, o->max, value);
    lua_pushnumber(L, n);
    lua_setfield(L, -2, o->name);
    return 0;
}

static int
set_value(lua_State *L, const struct option *o, const char *value)
{
    switch (o->kind) {
    case NUMBER:
        return set_number(L, o, value);
    case LIST:
        append(L, o->name, value);
        return 0;
    case CHOICE:
        if (strcmp(value, o->words[0]) != 0 && strcmp(value, o->words[1]) != 0)
            return atl_cli_fail(ATL_EXIT_USAGE, "--%s is %s or %s, got '%s'",
                                o->name, o->words[0], o->words[1], value);
        break;
    default:
        break;
    }
    lua_pushstring(L, value);
    lua_setfield(L, -2, o->name);
    return 0;
}

/* The option that `arg` begins with, "--name" or "--name=value"; or NULL. */
static const struct option *
find_option(const char *arg)
{
    size_t i, len;

    if (strcmp(arg, "-q") == 0)
        arg = "--quiet";
    if (strncmp(arg, "--", 2) != 0)
        return NULL;
    for (i = 0; i < COUNT; i++) {
        len = strlen(options[i].name);
        if (strncmp(arg + 2, options[i].name, len) == 0 &&
            (arg[2 + len] == '\0' || arg[2 + len] == '='))
            return &options[i];
    }
    return NULL;
}

/* Take argument *at, and the value behind it, into the table. */
static int
take_argument(lua_State *L, int argc, char **argv, int *at)
{
    const char *arg = argv[*at], *value = strchr(arg, '=');
    const struct option *o = find_option(arg);

    if (o == NULL && arg[0] == '-')
        return atl_cli_fail(ATL_EXIT_USAGE,
                            "unknown option '%s'; 'atlas help test' lists them",
                            arg);
    if (o == NULL) {
        append(L, "paths", arg);
        return 0;
    }
    if (o->kind == FLAG) {
        if (value != NULL)
            return atl_cli_fail(ATL_EXIT_USAGE, "--%s takes no value", o->name);
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, o->name);
        return 0;
    }
    if (value == NULL && ++*at >= argc)
        return atl_cli_fail(ATL_EXIT_USAGE, "--%s needs a value", o->name);
    return set_value(L, o, value != NULL ? value + 1 : argv[*at]);
}

static int
take_arguments(lua_State *L, int argc, char **argv)
{
    int i, status;

    for (i = 0; i < argc; i++)
        if ((status = take_argument(L, argc, argv, &i)) != 0)
            return status;
    return 0;
}

/* --- the run --- */

static double
get_number(lua_State *L, const char *name)
{
    double n;

    lua_getfield(L, -1, name);
    n = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return n;
}

/*
 * What keeps the loop busy for as long as a test may take is told before the
 * process is ended for it; earlier only to who asks for it.
 */
static int
watch_blocks(struct atl_vm *vm)
{
    double ms = get_number(vm->L, "block-ms");
    int err;

    if (ms < 0)
        ms = get_number(vm->L, "timeout") * 1e3 + 1;
    if (ms > ATL_MAX_BLOCK_MS)
        ms = ATL_MAX_BLOCK_MS;
    if ((err = atl_watch_start(vm, (unsigned)ms, true)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    return 0;
}

static int
run_in(struct atl_vm *vm, int argc, char **argv)
{
    lua_State *L = vm->L;
    struct atl_tester *tester;
    int status;

    lua_newtable(L);
    set_defaults(L);
    if ((status = take_arguments(L, argc, argv)) != 0)
        return status;
    lua_getfield(L, -1, "watch");
    if (lua_toboolean(L, -1))
        return atl_test_watch(argc, argv);
    lua_pop(L, 1);
    if ((status = atl_cli_open_log()) != 0 || (status = watch_blocks(vm)) != 0)
        return status;
    if (atl_loader_load(L, "atlas.cli.test") != LUA_OK)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", lua_tostring(L, -1));
    lua_insert(L, -2);
    tester = atl_tester_open(vm);
    status = atl_cli_run_main(vm, 1, false);
    atl_tester_close(tester);
    return status;
}

static int
run(int argc, char **argv)
{
    struct atl_vm *vm;
    int err, status;

    if (argc == 1 && strcmp(argv[0], "--help") == 0)
        return atl_cli_help.run(1, (char *[]){(char[]){"test"}, NULL});
    if ((err = atl_vm_new(&vm)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    atl_bind_open(vm);
    status = run_in(vm, argc, argv);
    atl_vm_free(vm);
    return status;
}

const struct atl_command atl_cli_test = {
    .name = "test",
    .usage = "[OPTION...] [PATH...], or --lasgi MODULE:ATTR|URL",
    .summary = "run Lua tests, each of which is a task; or ask, is it LASGI?",
    .help =
        "PATH is a file of tests, or a folder, which means the *_test.lua and "
        "*_spec.lua in it\nand below; without any, tests and spec.  A file is "
        "written in busted's words:\ndescribe, it, before_each, and the rest "
        "('atlas help atlas.test').  A test may await\nanywhere, and fails "
        "with an error, or if it leaves tasks, timers or descriptors behind.\n"
        "\nOptions:\n"
        "  --filter PATTERN     only tests whose full name matches the Lua "
        "pattern; --filter,\n                       --tag and the two that "
        "exclude may be given several times\n"
        "  --filter-out PATTERN not those\n"
        "  --tag TAG            only tests with #TAG in their name, or in that "
        "of a block around\n"
        "  --exclude-tag TAG    not those\n"
        "  --name NAME          only the tests of this full name\n"
        "  --clock virtual      time jumps to the next timer when every task "
        "waits (real)\n"
        "  --timeout SECONDS    that a test may take, of real time (60)\n"
        "  --seed N             the order of tasks that are ready at the same "
        "time (0: that of\n                       their coming)\n"
        "  --repeat N           run all N times, with the seeds N, N+1, ... "
        "from "
        "--seed on\n"
        "  --shuffle            run the tests in an order that the seed "
        "decides\n"
        "  --fail-fast          stop at the first failure\n"
        "  --list               name the tests, and run none\n"
        "  --output tap         for programs: the Test Anything Protocol "
        "(plain)\n"
        "  --junit FILE         write JUnit's XML as well\n"
        "  --quiet, -q          no line for a test that has passed\n"
        "  --watch              run again whenever a Lua file changes\n"
        "  --block-ms N         log what blocks the loop longer than N "
        "milliseconds\n"
        "\nInstead of tests, the contract between servers and applications "
        "(docs/design/lasgi.md):\n"
        "  --lasgi MODULE:ATTR  check an application against every sentence "
        "of it\n"
        "  --lasgi URL          check a server that runs 'atlas serve "
        "atlas.conformance.probe:app':\n"
        "                       http://HOST:PORT or unix:PATH\n"
        "  --path PATH          what the application is asked for (/); may be "
        "given several times\n"
        "  --patience SECONDS   how long the server may take to give up on a "
        "body that is slow;\n"
        "                       without it that isn't tried\n"
        "--filter chooses checks by section, name or sentence.\n"
        "\nStatus 0: all have passed; 1: some failed, or there was none; 2: "
        "wrong usage; 3: a file\ncould not be loaded.  The last line is \"N "
        "passed, N failed\", with \", N pending\" behind\nif there are any.\n",
    .run = run,
};
