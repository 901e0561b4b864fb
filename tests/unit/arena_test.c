/* arena_test.c - the bump allocator.
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"

#include <signal.h>
#include <stdalign.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/test.h"

static bool
is_within(const void *ptr, const void *block, size_t size)
{
    uintptr_t at = (uintptr_t)ptr, start = (uintptr_t)block;

    return at >= start && at < start + size;
}

TEST(what_fits_comes_from_the_lent_block)
{
    alignas(16) char first[64];
    struct atl_arena a;

    atl_arena_init(&a, first, sizeof(first));
    CHECK(atl_arena_alloc(&a, 16) == first);
    CHECK(atl_arena_alloc(&a, 48) == first + 16);
    CHECK(a.blocks == NULL);
    CHECK(!is_within(atl_arena_alloc(&a, 1), first, sizeof(first)));
    CHECK(a.blocks != NULL);
    atl_arena_reset(&a);
}

TEST(every_allocation_is_aligned_to_16)
{
    char first[200];
    struct atl_arena a;
    size_t offset, size;

    for (offset = 0; offset < 16; offset++) {
        atl_arena_init(&a, first + offset, sizeof(first) - offset);
        for (size = 0; size < 100; size++) {
            CHECK_INT((uintptr_t)atl_arena_alloc(&a, size) % 16, 0);
            atl_arena_dup(&a, ATL_STR("x"));
        }
        atl_arena_reset(&a);
    }
}

TEST(padding_is_counted_when_the_block_is_nearly_full)
{
    alignas(16) char first[32];
    struct atl_arena a;

    atl_arena_init(&a, first + 1, 16); /* bytes 1 to 16: one aligned byte */
    CHECK(!is_within(atl_arena_alloc(&a, 2), first, sizeof(first)));
    atl_arena_reset(&a);
    CHECK(atl_arena_alloc(&a, 1) == first + 16);
    CHECK(!is_within(atl_arena_alloc(&a, 1), first, sizeof(first)));
    atl_arena_reset(&a);
}

TEST(an_arena_may_begin_without_a_block)
{
    struct atl_arena a;
    char *p;

    atl_arena_init(&a, NULL, 0);
    p = atl_arena_alloc(&a, 100);
    memset(p, 'x', 100);
    atl_arena_reset(&a);
    atl_arena_reset(&a);
}

TEST(zero_bytes_are_a_pointer_of_their_own)
{
    struct atl_arena a;
    char *p, *q;

    atl_arena_init(&a, NULL, 0);
    p = atl_arena_alloc(&a, 0);
    q = atl_arena_alloc(&a, 0);
    CHECK(p != NULL && q != NULL && p != q);
    atl_arena_reset(&a);
}

TEST(allocations_of_all_sizes_do_not_overlap)
{
    enum {
        COUNT = 3000
    };
    static unsigned char *ptr[COUNT];
    char first[512];
    struct atl_arena a;
    size_t i, j;

    atl_arena_init(&a, first, sizeof(first));
    for (i = 0; i < COUNT; i++) {
        ptr[i] = atl_arena_alloc(&a, i);
        memset(ptr[i], (int)(i % 251), i);
    }
    for (i = 0; i < COUNT; i++)
        for (j = 0; j < i; j++)
            CHECK_INT(ptr[i][j], i % 251);
    atl_arena_reset(&a);
}

TEST(a_big_allocation_does_not_end_the_present_block)
{
    alignas(16) char first[64];
    struct atl_arena a;

    atl_arena_init(&a, first, sizeof(first));
    CHECK(atl_arena_alloc(&a, 16) == first);
    memset(atl_arena_alloc(&a, 4000), 'x', 4000);
    memset(atl_arena_alloc(&a, 1000000), 'x', 1000000);
    CHECK(atl_arena_alloc(&a, 16) == first + 16);
    atl_arena_reset(&a);
}

TEST(reset_gives_the_lent_block_back)
{
    alignas(16) char first[64];
    struct atl_arena a;
    int i;

    atl_arena_init(&a, first, sizeof(first));
    for (i = 0; i < 3; i++) {
        CHECK(atl_arena_alloc(&a, 64) == first);
        atl_arena_alloc(&a, 64);
        atl_arena_alloc(&a, 100000);
        atl_arena_reset(&a);
        CHECK(a.blocks == NULL);
    }
}

TEST(dup_copies_and_ends_with_a_nul)
{
    char text[] = "abc";
    struct atl_arena a;
    struct atl_str copy;

    atl_arena_init(&a, NULL, 0);
    copy = atl_arena_dup(&a, (struct atl_str){text, 3});
    text[0] = 'x';
    CHECK_MEM(copy.ptr, copy.len, "abc");
    CHECK_INT(copy.ptr[3], 0);
    atl_arena_reset(&a);
}

TEST(dup_of_an_empty_slice_is_an_empty_text)
{
    struct atl_arena a;
    struct atl_str copy;

    atl_arena_init(&a, NULL, 0);
    copy = atl_arena_dup(&a, (struct atl_str){NULL, 0});
    CHECK_INT(copy.len, 0);
    CHECK_STR(copy.ptr, "");
    atl_arena_reset(&a);
}

TEST(dups_lie_side_by_side)
{
    char first[8];
    struct atl_arena a;

    atl_arena_init(&a, first, sizeof(first));
    CHECK(atl_arena_dup(&a, ATL_STR("abc")).ptr == first);
    CHECK(atl_arena_dup(&a, ATL_STR("def")).ptr == first + 4);
    CHECK(a.blocks == NULL);
    atl_arena_reset(&a);
}

/* Else the address sanitizer ends the process before Atlas can. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* What a child that allocates `size` bytes writes on stderr as it ends. */
static int
alloc_in_child(size_t size, char *text, size_t room)
{
    int fds[2], status;
    size_t len = 0;
    ssize_t got;
    pid_t child;

    CHECK_INT(pipe(fds), 0);
    CHECK((child = fork()) >= 0);
    if (child == 0) {
        struct atl_arena a;

        dup2(fds[1], STDERR_FILENO);
        close(fds[1]);
        atl_arena_init(&a, NULL, 0);
        atl_arena_alloc(&a, size);
        _exit(0);
    }
    close(fds[1]);
    while ((got = read(fds[0], text + len, room - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(fds[0]);
    CHECK_INT(waitpid(child, &status, 0), child);
    return status;
}

/* Its sum with a block's header wraps to a few bytes, which there would be. */
TEST(an_impossible_size_aborts_with_one_line)
{
    static const char line[] =
        "atlas: out of memory (wanted 18446744073709551615 bytes)\n";
    char text[4096];
    int status = alloc_in_child(SIZE_MAX - 4, text, sizeof(text));

    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
    CHECK(strlen(text) >= strlen(line));
    CHECK_STR(text + strlen(text) - strlen(line), line);
}
