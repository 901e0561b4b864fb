#!/usr/bin/env python3
"""Print src/base/pow10.c: the powers of ten that numbers are read and
written with.  `make lint` compares.

SPDX-License-Identifier: MIT
"""

LEAST, MOST = -342, 324

HEAD = """\
/* pow10.c - powers of ten, to 128 bits.  Made by tools/pow10.py; see pow10.h.
 * SPDX-License-Identifier: MIT
 */
#include "base/pow10.h"

/* clang-format off */
const uint64_t atl_pow10[2 * (ATL_POW10_MAX - ATL_POW10_MIN + 1)] = {"""


def significand(exponent):
    """The 128 leading bits of 10**exponent, truncated."""
    if exponent >= 0:
        power = 10 ** exponent
        shift = power.bit_length() - 128
        return power >> shift if shift > 0 else power << -shift
    power = 10 ** -exponent
    # 1 / power lies in [2**-bits, 2**(1 - bits)): 128 bits of it.
    return (1 << (power.bit_length() + 127)) // power


def main():
    print(HEAD)
    words = []
    for exponent in range(LEAST, MOST + 1):
        value = significand(exponent)
        assert value.bit_length() == 128
        words += [value >> 64, value & (1 << 64) - 1]
    for i in range(0, len(words), 3):
        print("    " + " ".join("0x%016x," % word for word in words[i:i + 3]))
    print("};")
    print("/* clang-format on */")


main()
