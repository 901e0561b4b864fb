/* log_fatal.h - the log is written out before a signal ends the process.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_LOG_FATAL_H
#define ATL_BASE_LOG_FATAL_H

/*
 * Catch the signals that end a process: what the ring holds is written, then
 * the signal does what it would have done (a core dump, a sanitizer's report).
 * Those that ask a process to end, such as SIGTERM, are caught only where
 * nobody else handles or ignores them.  Harmless a second time.
 */
void atl_log_fatal_catch(void);

#endif
