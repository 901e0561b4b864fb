/* fuzz.h - what a fuzz target is written with.
 * SPDX-License-Identifier: MIT
 *
 * A target defines LLVMFuzzerTestOneInput().  Linked with clang's libFuzzer
 * it is fuzzed; linked with replay.c it runs over the files of its corpus.
 */
#ifndef ATL_FUZZ_H
#define ATL_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant: the fuzzer keeps the input for which it does not hold. */
#define FUZZ_CHECK(cond)                                                       \
    do {                                                                       \
        if (!(cond)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* Random numbers that depend on nothing but the input: xorshift64. */
static inline uint64_t
fuzz_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A state for fuzz_random() that differs from input to input (FNV-1a). */
static inline uint64_t
fuzz_seed(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    size_t i;

    for (i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash | 1;
}

#endif
