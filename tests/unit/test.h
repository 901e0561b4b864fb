/* test.h - what a C test is written with; cmocka runs it.
 * SPDX-License-Identifier: MIT
 *
 * One file is one executable: it includes this header once, which gives it
 * its main(), and every TEST() in it is run, in the file's order.  Exits with
 * 0 only if all of them pass.  An argument is a pattern of names to run:
 *
 *     ./wheel_test 'removed_*'
 */
#ifndef ATL_TEST_H
#define ATL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_MAX 256 /* tests in one file */

/* cmocka passes over the rows that are still empty. */
static struct CMUnitTest test_table[TEST_MAX];
static int test_lines[TEST_MAX];
static int test_count;

/* The order in which constructors run isn't promised; the lines' order is. */
static inline void
test_register(const char *name, CMUnitTestFunction fn, int line)
{
    int i = test_count++;

    if (test_count > TEST_MAX)
        abort();
    for (; i > 0 && test_lines[i - 1] > line; i--) {
        test_lines[i] = test_lines[i - 1];
        test_table[i] = test_table[i - 1];
    }
    test_lines[i] = line;
    test_table[i] = (struct CMUnitTest){.name = name, .test_func = fn};
}

/* TEST(the_claim) { ... }: a test, which registers itself. */
#define TEST(name)                                                 \
    static void test_##name(void **state);                         \
    __attribute__((constructor)) static void register_##name(void) \
    {                                                              \
        test_register(#name, test_##name, __LINE__);               \
    }                                                              \
    static void test_##name(void **state __attribute__((unused)))

/* The first check that fails ends its test. */
#define CHECK(cond)                        \
    do {                                   \
        if (!(cond))                       \
            fail_msg("not so: %s", #cond); \
    } while (0)

#define CHECK_INT(got, want)                                          \
    do {                                                              \
        long long got_ = (long long)(got), want_ = (long long)(want); \
        if (got_ != want_)                                            \
            fail_msg("%s is %lld, not %lld", #got, got_, want_);      \
    } while (0)

#define CHECK_STR(got, want)                                 \
    do {                                                     \
        const char *got_ = (got), *want_ = (want);           \
        if (got_ == NULL || strcmp(got_, want_) != 0)        \
            fail_msg("%s is \"%s\", not \"%s\"", #got,       \
                     got_ == NULL ? "(null)" : got_, want_); \
    } while (0)

/* The `len` bytes at `ptr` are those of the string literal. */
#define CHECK_MEM(ptr, len, literal)                            \
    do {                                                        \
        const void *ptr_ = (ptr);                               \
        size_t len_ = (len), want_ = sizeof("" literal) - 1;    \
        if (len_ != want_)                                      \
            fail_msg("%s is %zu, not %zu", #len, len_, want_);  \
        if (len_ > 0 && memcmp(ptr_, literal, len_) != 0)       \
            fail_msg("%s is \"%.*s\", not %s", #ptr, (int)len_, \
                     (const char *)ptr_, #literal);             \
    } while (0)

int
main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    /* It counts failures; 256 of them must not look like none. */
    return cmocka_run_group_tests_name(__BASE_FILE__, test_table, NULL, NULL) !=
           0;
}

#endif
