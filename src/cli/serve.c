/* serve.c - atlas serve MODULE:ATTR: options, then lua/atlas/cli/serve.lua.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "bind/init.h"
#include "cli/cli.h"
#include "lua/loader.h"
#include "rt/offload.h"
#include "rt/watchdog.h"

enum kind {
    TEXT,
    SECONDS,
    COUNT, /* an integer */
    PORT,
    MILLISECONDS, /* 0: off */
    LEVELS,       /* of log lines */
    FORMAT,       /* and how they are written */
    FULL,         /* what happens when there is no room for one */
    BUFFER,       /* its bytes */
    THREADS,      /* how many */
    FLAG,         /* has no value on the command line */
};

/*
 * One row an option: --NAME on the command line, ATLAS_NAME in the
 * environment, NAME (with _) in the configuration module; in this order.
 */
static const struct option {
    const char *name;
    enum kind kind;
    const char *help;
} options[] = {
    {"host", TEXT, "ADDR    address to listen on (127.0.0.1); may be repeated"},
    {"port", PORT, "N       port to listen on (8000; 0: any free one)"},
    {"unix", TEXT, "PATH    unix socket to listen on; may be repeated"},
    {"config", TEXT, "MODULE  Lua module with settings (ATLAS_CONFIG)"},
    {"backlog-connections", COUNT, "N  queue of the listening socket (128)"},
    {"drain", SECONDS, "S       time for running requests at the end (30)"},
    {"drain-idle", SECONDS, "S  idle connections are kept so long then (5)"},
    {"keep-alive", SECONDS, "S  idle time of a connection (75; 0: no limit)"},
    {"header-timeout", SECONDS, "S  time for a request's head (10)"},
    {"body-timeout", SECONDS, "S  time between reads of a body (30)"},
    {"write-timeout", SECONDS, "S  time without the client taking a byte (60)"},
    {"max-body", COUNT, "BYTES  of a request's body (16777216)"},
    {"max-request-line", COUNT, "BYTES  (8192)"},
    {"max-header-bytes", COUNT, "BYTES  of all header fields (65536)"},
    {"max-headers", COUNT, "N  header fields (100)"},
    {"max-chunk-overhead", COUNT, "BYTES  chunk extensions, trailers (8192)"},
    {"max-pipelined", COUNT, "N  requests that wait on a connection (64)"},
    {"threads", THREADS,
     "N    threads for atlas.thread (one a core, at most 4)"},
    {"thread-memory", COUNT, "BYTES  that each of them may keep (268435456)"},
    {"block-ms", MILLISECONDS,
     "N  log what blocks the loop longer (50; 0: off)"},
    {"log-level", LEVELS,
     "LEVEL  debug, info, warn, error or off (info); "
     "NAME=LEVEL: of this\n      logger and those below "
     "it; may be repeated"},
    {"log-file", TEXT,
     "PATH  log there, not to standard output; SIGUSR1: "
     "open it again"},
    {"log-format", FORMAT, "text|json  (text)"},
    {"log-full", FULL,
     "drop|block  when the log's reader is too slow: drop "
     "lines, and say how\n      many; or let the server wait "
     "(drop)"},
    {"log-buffer", BUFFER, "BYTES  of lines that wait to be written (1048576)"},
    {"access-log", FLAG, "    log a line for each request"},
};

static const char *const kind_names[] = {
    [TEXT] = "a text",
    [SECONDS] = "a number of seconds",
    [COUNT] = "an integer from 1 to 4294967295",
    [PORT] = "an integer from 0 to 65535",
    [MILLISECONDS] = "an integer from 0 to 3600000",
    [LEVELS] = atl_cli_log_levels_text,
    [FORMAT] = "text or json",
    [FULL] = "drop or block",
    [BUFFER] = atl_cli_log_buffer_text,
    [THREADS] = atl_cli_threads_text,
    [FLAG] = "on or off",
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static const struct option *
find_option(const char *name, size_t len)
{
    size_t i;

    for (i = 0; i < OPTION_COUNT; i++)
        if (strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

/* Push the key of an option in Lua: "keep_alive". */
static void
push_key(lua_State *L, const struct option *o)
{
    luaL_gsub(L, o->name, "-", "_");
}

static bool
is_numeric(const struct option *o)
{
    return o->kind == SECONDS || o->kind == COUNT || o->kind == PORT ||
           o->kind == BUFFER || o->kind == MILLISECONDS || o->kind == THREADS;
}

static bool
is_one_of(const char *value, const char *first, const char *second)
{
    return strcmp(value, first) == 0 || strcmp(value, second) == 0;
}

static bool
is_on(const char *value)
{
    return is_one_of(value, "on", "true") || is_one_of(value, "1", "yes");
}

static bool
is_off(const char *value)
{
    return is_one_of(value, "off", "false") || is_one_of(value, "0", "no");
}

/* Is `value` of the option's kind?  *number_out is set for a number. */
static bool
is_valid(const struct option *o, const char *value, double *number_out)
{
    bool is_number, is_whole;
    char *end;

    *number_out = strtod(value, &end);
    is_number = end != value && *end == '\0' && *number_out >= 0;
    is_whole = is_number && *number_out < 1e15 &&
               *number_out == (double)(uint64_t)*number_out;
    switch (o->kind) {
    case SECONDS:
        return is_number && *number_out <= 1e9;
    case COUNT:
        return is_number && is_whole && *number_out >= 1 &&
               *number_out <= UINT32_MAX;
    case PORT:
        return is_number && is_whole && *number_out <= 65535;
    case THREADS:
        return is_whole && *number_out >= 1 &&
               *number_out <= ATL_OFFLOAD_MAX_THREADS;
    case MILLISECONDS:
        return is_number && is_whole && *number_out <= ATL_MAX_BLOCK_MS;
    case LEVELS:
        return atl_log_are_levels(atl_str_from(value));
    case FORMAT:
        return is_one_of(value, "text", "json");
    case FULL:
        return is_one_of(value, "drop", "block");
    case BUFFER:
        return is_whole && *number_out >= ATL_LOG_RING_MIN &&
               *number_out <= ATL_LOG_RING_MAX;
    case FLAG:
        return is_on(value) || is_off(value);
    default:
        return true;
    }
}

/*
 * Add `value` to the table on top of the stack, as a list under the option's
 * key.  Returns 0, or -1 if it isn't of the option's kind.
 */
static int
add_value(lua_State *L, const struct option *o, const char *value)
{
    double number;

    if (!is_valid(o, value, &number))
        return -1;
    push_key(L, o);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    if (is_numeric(o))
        lua_pushnumber(L, number);
    else if (o->kind == FLAG)
        lua_pushboolean(L, is_on(value));
    else
        lua_pushstring(L, value);
    lua_rawseti(L, -2, (int)atl_rawlen(L, -2) + 1);
    lua_pop(L, 2);
    return 0;
}

static int
unknown_option(const char *name, size_t len)
{
    return atl_cli_fail(ATL_EXIT_USAGE,
                        "unknown option '%.*s'; 'atlas help serve' lists them",
                        (int)len, name);
}

/* Push a table of the options in argv; *target_out is the other argument. */
static int
push_arguments(lua_State *L, int argc, char **argv, const char **target_out)
{
    int i;

    lua_newtable(L);
    for (i = 0; i < argc; i++) {
        const char *name = argv[i], *value;
        const struct option *o;
        size_t len;

        if (name[0] == '-' && name[1] != '-')
            return unknown_option(name, strlen(name));
        if (name[0] != '-') {
            if (*target_out != NULL)
                return atl_cli_fail(ATL_EXIT_USAGE, "unexpected argument '%s'",
                                    name);
            *target_out = name;
            continue;
        }
        name += 2;
        len = strcspn(name, "=");
        if ((o = find_option(name, len)) == NULL)
            return unknown_option(name - 2, len + 2);
        if (name[len] == '=')
            value = name + len + 1;
        else
            value = o->kind == FLAG ? "on" : argv[++i];
        if (value == NULL || i >= argc)
            return atl_cli_fail(ATL_EXIT_USAGE, "--%s needs a value", o->name);
        if (add_value(L, o, value) != 0)
            return atl_cli_fail(ATL_EXIT_USAGE, "--%s needs %s, got '%s'",
                                o->name, kind_names[o->kind], value);
    }
    return 0;
}

/* "keep-alive" becomes "ATLAS_KEEP_ALIVE". */
static void
environment_name(const struct option *o, char *out, size_t size)
{
    size_t i;

    snprintf(out, size, "ATLAS_%s", o->name);
    for (i = 0; out[i] != '\0'; i++) {
        if (out[i] == '-')
            out[i] = '_';
        else if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
}

/* Push a table of the options in the environment. */
static int
push_environment(lua_State *L)
{
    char name[64];
    size_t i;

    lua_newtable(L);
    for (i = 0; i < OPTION_COUNT; i++) {
        const char *value;

        environment_name(&options[i], name, sizeof(name));
        value = getenv(name);
        if (value == NULL || *value == '\0')
            continue;
        if (add_value(L, &options[i], value) != 0)
            return atl_cli_fail(ATL_EXIT_USAGE, "%s needs %s, got '%s'", name,
                                kind_names[options[i].kind], value);
    }
    return 0;
}

/* Push a table of the kinds of settings, for those of the configuration. */
static void
push_kinds(lua_State *L)
{
    size_t i;

    lua_newtable(L);
    for (i = 0; i < OPTION_COUNT; i++) {
        push_key(L, &options[i]);
        lua_pushstring(L, is_numeric(&options[i])   ? "number"
                          : options[i].kind == FLAG ? "boolean"
                                                    : "string");
        lua_rawset(L, -3);
    }
}

static int
run_in(struct atl_vm *vm, int argc, char **argv)
{
    lua_State *L = vm->L;
    const char *target = NULL;
    struct atl_signals *signals;
    int status;

    if (atl_loader_load(L, "atlas.cli.serve") != LUA_OK)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", lua_tostring(L, -1));
    if ((status = push_arguments(L, argc, argv, &target)) != 0)
        return status;
    if (target == NULL)
        return atl_cli_fail(ATL_EXIT_USAGE, "usage: atlas serve %s",
                            atl_cli_serve.usage);
    if (target[0] == ':' || target[0] == '\0')
        return atl_cli_fail(ATL_EXIT_USAGE, "'%s' is not MODULE:ATTR", target);
    if ((status = push_environment(L)) != 0)
        return status;
    push_kinds(L);
    lua_pushstring(L, target);
    signals = atl_signals_open(vm);
    atl_signals_push(L, signals);
    status = atl_cli_run_main(vm, 5, false);
    atl_signals_close(signals);
    return status;
}

static int
run(int argc, char **argv)
{
    struct atl_vm *vm;
    int status, err;

    if (argc == 1 && strcmp(argv[0], "--help") == 0)
        return atl_cli_help.run(1, (char *[]){(char[]){"serve"}, NULL});

    if ((err = atl_vm_new(&vm)) != 0)
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    atl_bind_open(vm);
    status = run_in(vm, argc, argv);
    atl_vm_free(vm);
    return status;
}

static void
print_options(void)
{
    size_t i;

    printf("\nOptions; --keep-alive 5 is ATLAS_KEEP_ALIVE=5 in the "
           "environment and keep_alive = 5\nin the configuration module, "
           "in this order:\n");
    for (i = 0; i < OPTION_COUNT; i++)
        printf("  --%s %s\n", options[i].name, options[i].help);
}

const struct atl_command atl_cli_serve = {
    .name = "serve",
    .usage = "MODULE:ATTR [OPTION...]",
    .summary = "serve a LASGI application over HTTP",
    .help = "Loads MODULE as require would, the working directory first, and "
            "serves its field\nATTR (app).  SIGINT or SIGTERM: stop "
            "accepting, finish what runs, exit 0; a second\none: exit at "
            "once.  Status 2: wrong usage; 3: the application could not be "
            "loaded\nor started.\n",
    .more_help = print_options,
    .run = run,
};
