/* cli.h - the commands of the atlas program.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_CLI_CLI_H
#define ATL_CLI_CLI_H

#include <stdbool.h>

#include "lua/vm.h"

enum atl_exit {
    ATL_EXIT_OK = 0,
    ATL_EXIT_FAILED = 1,     /* the command failed */
    ATL_EXIT_USAGE = 2,      /* wrong usage */
    ATL_EXIT_NOT_LOADED = 3, /* the application couldn't be loaded or started */
};

/* One command, in its own file: arguments without the program's name. */
struct atl_command {
    const char *name;
    const char *usage;       /* arguments, for help */
    const char *summary;     /* one line */
    const char *help;        /* the rest, or NULL */
    void (*more_help)(void); /* prints what is made, or NULL */
    int (*run)(int argc, char **argv);
};

extern const struct atl_command atl_cli_serve;
extern const struct atl_command atl_cli_run;
extern const struct atl_command atl_cli_test;
extern const struct atl_command atl_cli_routes;
extern const struct atl_command atl_cli_help;

/* All commands, ended by NULL; in the order in which help lists them. */
extern const struct atl_command *const atl_cli_commands[];

/* "atlas: text" and a line feed on standard error; returns `status`. */
int atl_cli_fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Lines go to standard error from now on, or where ATLAS_LOG_* in the
 * environment says.  Returns 0, or the status of a failure that is reported.
 */
int atl_cli_open_log(void) __attribute__((warn_unused_result));

/* What options and variables want, for messages. */
extern const char atl_cli_log_levels_text[];
extern const char atl_cli_log_buffer_text[];
extern const char atl_cli_threads_text[];

/*
 * Run the function below `nargs` arguments on vm->L as the main task, until
 * it has ended.  Its first result, if it is an integer, is the status.  An
 * error is reported with its traceback: ATL_EXIT_FAILED.  So is a deadlock.
 * `with_luv`: what luv has active is waited for behind it (bind/luv/luv.h).
 */
int atl_cli_run_main(struct atl_vm *vm, int nargs, bool with_luv);

/* The stop signals, SIGINT and SIGTERM, of which the second ends at once. */
struct atl_signals;
struct atl_signals *atl_signals_open(struct atl_vm *vm);
void atl_signals_close(struct atl_signals *s);

/* Push wait_stop(): waits for the first one and returns its name. */
void atl_signals_push(lua_State *L, struct atl_signals *s);

#endif
