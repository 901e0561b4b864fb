/* pow10.h - powers of ten, to 128 bits.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_POW10_H
#define ATL_BASE_POW10_H

#include <stdint.h>

#define ATL_POW10_MIN (-342)
#define ATL_POW10_MAX 324

/*
 * For each exponent from MIN to MAX two words, the high one first: the 128
 * leading bits of its power, truncated.  From 10^0 to 10^55 they are exact.
 */
extern const uint64_t atl_pow10[2 * (ATL_POW10_MAX - ATL_POW10_MIN + 1)];

#define ATL_POW10_HIGH(e) (atl_pow10[2 * ((e)-ATL_POW10_MIN)])
#define ATL_POW10_LOW(e) (atl_pow10[2 * ((e)-ATL_POW10_MIN) + 1])

/* floor(log2(10^e)); right for all of the table. */
#define ATL_POW10_LOG2(e) (((e)*1741647) >> 19)

#endif
