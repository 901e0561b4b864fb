/* rest.c - how a thread rests.  See rest.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/rest.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void
atl_rest_say(struct atl_rest *r, uint32_t how)
{
    atomic_store(&r->how, how);
}

void
atl_rest_wait(struct atl_rest *r, uint32_t how, unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    syscall(SYS_futex, &r->how, FUTEX_WAIT_PRIVATE, how, ms > 0 ? &t : NULL,
            NULL, 0);
    atomic_store(&r->how, ATL_AWAKE);
}

uint32_t
atl_rest_how(struct atl_rest *r)
{
    return atomic_load(&r->how);
}

void
atl_rest_wake(struct atl_rest *r)
{
    if (atomic_exchange(&r->how, ATL_AWAKE) != ATL_AWAKE)
        syscall(SYS_futex, &r->how, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void
atl_rest_us(unsigned us)
{
    struct timespec t = {us / 1000000, (long)(us % 1000000) * 1000};

    nanosleep(&t, NULL);
}
