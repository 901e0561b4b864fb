/* log_fatal.c - the log survives a fatal signal.  See log_fatal.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/log_fatal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/log_writer.h"

#define PATIENCE_MS 1000
#define STACK_SIZE 65536

enum kind {
    FAULT, /* of the code: happens again when the handler returns */
    CRASH, /* does not */
    ASKS,  /* asks the process to end: only if nobody handles it */
};

static const struct {
    int number;
    enum kind kind;
} rows[] = {
    {SIGSEGV, FAULT}, {SIGBUS, FAULT},   {SIGFPE, FAULT},  {SIGILL, FAULT},
    {SIGABRT, CRASH}, {SIGSYS, CRASH},   {SIGTRAP, CRASH}, {SIGINT, ASKS},
    {SIGTERM, ASKS},  {SIGHUP, ASKS},    {SIGQUIT, ASKS},  {SIGXCPU, ASKS},
    {SIGXFSZ, ASKS},  {SIGALRM, ASKS},   {SIGPROF, ASKS},  {SIGUSR1, ASKS},
    {SIGUSR2, ASKS},  {SIGVTALRM, ASKS},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct sigaction old[ROWS];

static void
on_fatal(int number, siginfo_t *info, void *context)
{
    enum kind kind = CRASH;
    int saved = errno;
    size_t i;

    (void)context;
    for (i = 0; i < ROWS; i++) {
        if (rows[i].number == number) {
            kind = rows[i].kind;
            sigaction(number, &old[i], NULL);
        }
    }
    (void)atl_log_writer_flush(PATIENCE_MS);
    errno = saved;
    /* A fault happens again when this returns, and whoever handled it before
     * sees it as it was.  What was sent must be sent again.  The code alone
     * doesn't tell them apart: a Ctrl-C comes from the kernel too. */
    if (kind != FAULT || info == NULL || info->si_code <= 0)
        raise(number);
}

/* A stack that has overflowed has no room for a handler. */
static void
add_stack(void)
{
    static char stack[STACK_SIZE];
    stack_t present, own = {.ss_sp = stack, .ss_size = sizeof(stack)};

    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE))
        sigaltstack(&own, NULL);
}

void
atl_log_fatal_catch(void)
{
    static bool caught;
    struct sigaction action = {
        .sa_sigaction = on_fatal,
        .sa_flags = SA_SIGINFO | SA_ONSTACK,
    };
    size_t i;

    if (caught)
        return;
    caught = true;
    add_stack();
    sigemptyset(&action.sa_mask);
    for (i = 0; i < ROWS; i++) {
        if (sigaction(rows[i].number, NULL, &old[i]) != 0)
            continue;
        if (rows[i].kind != ASKS || (old[i].sa_handler == SIG_DFL &&
                                     (old[i].sa_flags & SA_SIGINFO) == 0))
            sigaction(rows[i].number, &action, NULL);
    }
}
