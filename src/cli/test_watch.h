/* test_watch.h - atlas test --watch.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_CLI_TEST_WATCH_H
#define ATL_CLI_TEST_WATCH_H

/*
 * Run `atlas test` with these arguments, but for --watch, now and each time a
 * Lua file below the working directory changes, until a signal ends it.
 * Returns the status of the last run.
 */
int atl_test_watch(int argc, char **argv);

#endif
