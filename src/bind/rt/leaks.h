/* leaks.h - what code has left behind: tasks, timers, handles, descriptors.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_RT_LEAKS_H
#define ATL_BIND_RT_LEAKS_H

#include "lua/reg.h"

/* A part of module atlas.test.core. */
extern const struct atl_reg atl_leaks_functions[];

#endif
