/* h1_parse.c - nanoseconds per request head, whole and in one pass.
 * SPDX-License-Identifier: MIT
 *
 * Usage: h1_parse [ROUNDS]
 * The median of some runs, for requests as they are sent: names have capital
 * letters, so lower-casing is part of what is measured.
 */
#include "http/h1_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 15
#define BATCH 32 /* heads between two looks at the clock */
#define MAX_HEAD 640

static const struct atl_h1_limits limits = {8192, 65536, 100, 8192};

#define BROWSER                                                             \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 " \
    "Firefox/128.0\r\n"                                                     \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;"    \
    "q=0.8\r\n"                                                             \
    "Accept-Language: en-US,en;q=0.5\r\n"                                   \
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"                          \
    "Connection: keep-alive\r\n"                                            \
    "Upgrade-Insecure-Requests: 1\r\n"                                      \
    "Cookie: session=0123456789abcdef0123456789abcdef\r\n"

static const struct {
    const char *name;
    const char *head;
} cases[] = {
    {"1 field", "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n"},
    {"8 fields", "GET /articles/how-to-parse?page=2&sort=new HTTP/1.1\r\n"
                 "Host: www.example.com\r\n" BROWSER "\r\n"},
    {"16 fields", "GET /articles/how-to-parse?page=2&sort=new HTTP/1.1\r\n"
                  "Host: www.example.com\r\n" BROWSER
                  "Referer: https://www.example.com/articles\r\n"
                  "Sec-Fetch-Dest: document\r\n"
                  "Sec-Fetch-Mode: navigate\r\n"
                  "Sec-Fetch-Site: same-origin\r\n"
                  "Sec-Fetch-User: ?1\r\n"
                  "Priority: u=0, i\r\n"
                  "Pragma: no-cache\r\n"
                  "Cache-Control: no-cache\r\n\r\n"},
};

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

/* All copies are made first: a server finds its bytes in memory too. */
static double
run(const char *head, size_t len, long rounds)
{
    static char data[BATCH][MAX_HEAD];
    static struct atl_request r;
    double total = 0;
    size_t used;
    long i;
    int k;

    for (i = 0; i < rounds; i += BATCH) {
        double start;

        for (k = 0; k < BATCH; k++)
            memcpy(data[k], head, len);
        start = now_ns();
        for (k = 0; k < BATCH; k++) {
            struct atl_h1_head h;

            atl_h1_head_init(&h);
            if (atl_h1_parse_head(&h, &limits, data[k], len, &r, &used) !=
                ATL_H1_DONE) {
                fprintf(stderr, "refused: %s\n", h.reason);
                exit(1);
            }
        }
        total += now_ns() - start;
    }
    return total / (double)i;
}

int
main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
    size_t i;
    int k;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].head);
        double ns[RUNS];

        for (k = 0; k < RUNS; k++)
            ns[k] = run(cases[i].head, len, rounds);
        qsort(ns, RUNS, sizeof(ns[0]), compare);
        printf("%-10s %4zu bytes %7.1f ns (best %.1f)\n", cases[i].name, len,
               ns[RUNS / 2], ns[0]);
    }
    return 0;
}
