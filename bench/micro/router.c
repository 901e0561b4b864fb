/* router.c - what a lookup costs beside 10 and beside 10,000 routes.
 * SPDX-License-Identifier: MIT
 *
 * Usage: router [ROUNDS]
 * Usage: router callgrind CASE [large]
 * The first prints nanoseconds, the median of some runs.  The second makes
 * CALLGRIND_ROUNDS lookups of one case, so that instructions can be counted:
 *
 *   valgrind --tool=callgrind --toggle-collect='measured*' ./router callgrind 1
 */
#include "web/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 15
#define MAX_ROUTES 10000
#define CALLGRIND_ROUNDS 1000

static const struct {
    const char *name;
    const char *path;
} cases[] = {
    {"text", "/api/resource0001/list"},
    {"one parameter", "/api/resource0001/items/12345"},
    {"two parameters", "/api/resource0001/items/12345/notes/first-note"},
    {"escape", "/api/resource0001/items/12345/notes/first%20note"},
    {"rest", "/api/resource0001/files/a/b/c.txt"},
    {"suffix", "/api/resource0001/export/report.csv"},
    {"missing", "/api/resource0001/nothing"},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static const char *const forms[] = {
    "/api/resource%04u/list",
    "/api/resource%04u/items/{id:int}",
    "/api/resource%04u/items/{id:int}/notes/{slug}",
    "/api/resource%04u/files/{rest:path}",
    "/api/resource%04u/export/{name}.csv",
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

struct site {
    struct atl_router *router;
    struct atl_pattern *patterns[MAX_ROUTES];
    unsigned count;
};

static struct atl_converters converters;

static void
fill(struct site *s, unsigned count)
{
    struct atl_pattern_error error;
    char source[ATL_PATTERN_MAX];
    unsigned i;

    s->router = atl_router_new();
    s->count = count;
    for (i = 0; i < count; i++) {
        snprintf(source, sizeof(source), forms[i % FORMS],
                 (unsigned)(i / FORMS));
        if (atl_pattern_new(atl_str_from(source), ATL_PATTERN_PATH, &converters,
                            &s->patterns[i], &error) != 0 ||
            atl_router_add(s->router, NULL, s->patterns[i], ATL_METHOD_GET,
                           NULL, NULL, &error) != 0) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
    }
}

static void
empty(struct site *s)
{
    unsigned i;

    atl_router_free(s->router);
    for (i = 0; i < s->count; i++)
        atl_pattern_free(s->patterns[i]);
}

/* One lookup, as a server makes it: the method's name comes from the wire. */
static __attribute__((noinline)) enum atl_outcome
measured(const struct atl_router *r, struct atl_str path, bool is_plain,
         struct atl_arena *arena)
{
    static struct atl_match match;
    struct atl_target t = {.path = path, .is_plain = is_plain};

    t.method = atl_router_method(r, ATL_STR("GET"));
    atl_router_find(r, &t, arena, &match);
    return match.outcome;
}

static double
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void
repeat(const struct site *s, const char *text, long rounds)
{
    struct atl_str path = atl_str_from(text);
    bool is_plain = strchr(text, '%') == NULL;
    struct atl_arena arena;
    char room[1024];
    long i;

    atl_arena_init(&arena, room, sizeof(room));
    for (i = 0; i < rounds; i++) {
        measured(s->router, path, is_plain, &arena);
        atl_arena_reset(&arena);
    }
}

static double
run(const struct site *s, const char *text, long rounds)
{
    double ns[RUNS];
    int k;

    for (k = 0; k < RUNS; k++) {
        double start = now_ns();

        repeat(s, text, rounds);
        ns[k] = (now_ns() - start) / (double)rounds;
    }
    qsort(ns, RUNS, sizeof(ns[0]), compare);
    return ns[RUNS / 2];
}

int
main(int argc, char **argv)
{
    static struct site small, large;
    const char *arg = argc > 1 ? argv[1] : "200000";
    long rounds = strtol(arg, NULL, 10);
    size_t i;

    fill(&small, 10);
    fill(&large, MAX_ROUTES);
    if (strcmp(arg, "callgrind") == 0) {
        size_t which = argc > 2 ? strtoul(argv[2], NULL, 10) % CASES : 0;

        repeat(argc > 3 ? &large : &small, cases[which].path, CALLGRIND_ROUNDS);
        return 0;
    }
    for (i = 0; i < CASES; i++) {
        double few = run(&small, cases[i].path, rounds);
        double many = run(&large, cases[i].path, rounds);

        printf("%-15s %6.1f ns beside 10 routes, %6.1f ns beside 10,000\n",
               cases[i].name, few, many);
    }
    empty(&small);
    empty(&large);
    return 0;
}
