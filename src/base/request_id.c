/* request_id.c - what a request is called.  See request_id.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/request_id.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Set once; 0: not yet.  Two threads that meet here agree on one. */
static _Atomic uint32_t prefix;

static uint32_t
get_prefix(void)
{
    uint32_t made, seen = atomic_load_explicit(&prefix, memory_order_relaxed);
    struct timespec now;

    if (seen != 0)
        return seen;
    /* Just after boot there may be no randomness yet, and no time to wait:
     * ids have to differ, not to be secret. */
    if (getrandom(&made, sizeof(made), GRND_NONBLOCK) != sizeof(made)) {
        clock_gettime(CLOCK_REALTIME, &now);
        made = (uint32_t)now.tv_nsec * 2654435761u ^ (uint32_t)now.tv_sec ^
               (uint32_t)getpid() << 16;
    }
    made |= made == 0;
    return atomic_compare_exchange_strong(&prefix, &seen, made) ? made : seen;
}

static char *
put_hex(char *out, uint64_t value, unsigned digits)
{
    while (digits-- > 0)
        *out++ = "0123456789abcdef"[value >> digits * 4 & 15];
    return out;
}

size_t
atl_request_id(uint64_t serial, char *out)
{
    unsigned digits = 8;
    char *p = put_hex(out, get_prefix(), 8);

    while (digits < 16 && serial >> digits * 4 != 0)
        digits++;
    return (size_t)(put_hex(p, serial, digits) - out);
}
