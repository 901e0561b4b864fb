/* log_test.c - levels by name; the writer, with several threads.
 * SPDX-License-Identifier: MIT
 *
 * The log is one a process: these tests run in their order, and set what they
 * need.
 */
#include "base/log.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#include "unit/test.h"

/* --- levels --- */

static struct atl_logger app = ATL_LOGGER("app");
static struct atl_logger db = ATL_LOGGER("app.db");
static struct atl_logger apple = ATL_LOGGER("apple");

static int
set(const char *spec)
{
    return atl_log_set_levels(atl_str_from(spec));
}

TEST(info_is_the_first_level)
{
    CHECK(!atl_log_is_on(&app, ATL_LOG_DEBUG));
    CHECK(atl_log_is_on(&app, ATL_LOG_INFO));
}

TEST(a_level_holds_for_the_names_below)
{
    CHECK_INT(set("app=debug"), 0);
    CHECK(atl_log_is_on(&app, ATL_LOG_DEBUG));
    CHECK(atl_log_is_on(&db, ATL_LOG_DEBUG));
    CHECK(!atl_log_is_on(&apple, ATL_LOG_DEBUG));
}

TEST(the_longest_rule_wins)
{
    CHECK_INT(set("app.db=error, app=debug"), 0);
    CHECK(!atl_log_is_on(&db, ATL_LOG_WARN));
    CHECK(atl_log_is_on(&db, ATL_LOG_ERROR));
    CHECK(atl_log_is_on(&app, ATL_LOG_DEBUG));
    CHECK_INT(set("app.db=off"), 0);
    CHECK(!atl_log_is_on(&db, ATL_LOG_ERROR));
}

TEST(the_general_level_leaves_rules_alone)
{
    CHECK_INT(set("warning"), 0);
    CHECK(!atl_log_is_on(&apple, ATL_LOG_INFO));
    CHECK(atl_log_is_on(&apple, ATL_LOG_WARN));
    CHECK(atl_log_is_on(&app, ATL_LOG_DEBUG));
    CHECK_INT(set("info,app=info,app.db=info"), 0);
}

TEST(a_bad_level_changes_nothing)
{
    static const char *const bad[] = {
        "",      "loud",      "app=", "=debug", "app=loud", "debug,,info",
        "Debug", "a=b=debug", " "};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(set(bad[i]), ATL_E_INVALID);
        CHECK(!atl_log_are_levels(atl_str_from(bad[i])));
    }
    CHECK_INT(set("debug,app=loud"), ATL_E_INVALID);
    CHECK(!atl_log_is_on(&apple, ATL_LOG_DEBUG));
}

TEST(rules_have_limits)
{
    char spec[128];
    int i, err = 0;

    memset(spec, 'n', sizeof(spec));
    memcpy(spec + ATL_LOG_NAME_MAX + 1, "=info", 6);
    CHECK_INT(set(spec), ATL_E_TOOBIG);
    for (i = 0; i <= ATL_LOG_RULES_MAX && err == 0; i++) {
        snprintf(spec, sizeof(spec), "rule%d=debug", i);
        err = set(spec);
    }
    CHECK_INT(err, ATL_E_TOOBIG);
    CHECK_INT(set("rule0=info"), 0); /* one that there is can be changed */
}

/* --- the writer --- */

static char path[] = "/tmp/atlas-log-test-XXXXXX";

static void
open_log(size_t ring_size, bool block)
{
    struct atl_log_options o = {
        .file = path, .ring_size = ring_size, .block = block};

    CHECK_INT(atl_log_writer_open(&o), 0);
}

static FILE *
open_result(void)
{
    FILE *file = fopen(path, "r");

    CHECK(file != NULL);
    return file;
}

static void
truncate_log(void)
{
    CHECK(atl_log_writer_flush(5000));
    CHECK_INT(truncate(path, 0), 0);
}

TEST(a_file_that_cannot_be_opened_is_an_error)
{
    struct atl_log_options o = {.file = "/no/such/folder/log"};

    CHECK_INT(atl_log_writer_open(&o), -2);
    o.file = "/tmp";
    CHECK_INT(atl_log_writer_open(&o), -21);
}

TEST(lines_are_in_the_file_after_a_flush)
{
    char line[256];
    FILE *file;
    int i;

    close(mkstemp(path));
    open_log(ATL_LOG_RING_MIN, true);
    for (i = 0; i < 5000; i++)
        atl_log(ATL_LOG_INFO, "line %d", i);
    CHECK(atl_log_writer_flush(5000));
    file = open_result();
    for (i = 0; i < 5000; i++) {
        int got;

        CHECK(fgets(line, sizeof(line), file) != NULL);
        CHECK_INT(sscanf(line, "%*s INFO atlas: line %d", &got), 1);
        CHECK_INT(got, i);
    }
    CHECK(fgets(line, sizeof(line), file) == NULL);
    fclose(file);
}

#define THREADS 4
#define LINES 5000

static void *
log_lines(void *arg)
{
    int i;

    for (i = 0; i < LINES; i++)
        atl_log_to(&app, ATL_LOG_INFO, (uint64_t)i, "thread %d line %d",
                   *(int *)arg, i);
    return NULL;
}

static void
log_in_threads(void)
{
    pthread_t threads[THREADS];
    int ids[THREADS], i;

    for (i = 0; i < THREADS; i++) {
        ids[i] = i;
        pthread_create(&threads[i], NULL, log_lines, &ids[i]);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atl_log_writer_flush(5000));
}

/* How many lines are there?  Each thread's are in their order. */
static int
count_lines(unsigned long long *dropped_out)
{
    int seen[THREADS] = {-1, -1, -1, -1}, count = 0, id, number;
    unsigned long long n;
    char line[256];
    FILE *file = open_result();

    *dropped_out = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%*s INFO %*s thread %d line %d", &id, &number) == 2) {
            CHECK(id >= 0 && id < THREADS && number > seen[id]);
            seen[id] = number;
            count++;
        } else {
            CHECK_INT(sscanf(line,
                             "%*s WARN atlas.logging: log lines dropped "
                             "dropped=%llu",
                             &n),
                      1);
            *dropped_out += n;
        }
    }
    fclose(file);
    return count;
}

TEST(with_block_several_threads_lose_nothing)
{
    unsigned long long reported;

    truncate_log();
    log_in_threads();
    CHECK_INT(count_lines(&reported), THREADS * LINES);
    CHECK_INT(reported, 0);
    CHECK_INT(atl_log_writer_dropped(), 0);
}

TEST(without_it_what_is_lost_is_counted_and_reported)
{
    unsigned long long reported;
    int written;

    truncate_log();
    open_log(0, false);
    log_in_threads();
    written = count_lines(&reported);
    CHECK_INT(written + (int)reported, THREADS * LINES);
    CHECK_INT(atl_log_writer_dropped(), reported);
}

TEST(the_ring_cannot_change_behind_the_first_line)
{
    struct atl_log_options o = {.file = path, .ring_size = 1 << 20};

    CHECK_INT(atl_log_writer_open(&o), ATL_E_STATE);
}

/* It has no thread, and must neither wait for one nor repeat its parent. */
TEST(a_forked_child_writes_for_itself)
{
    char line[256];
    FILE *file;
    pid_t pid;
    int status;

    truncate_log();
    if ((pid = fork()) == 0) {
        atl_log(ATL_LOG_INFO, "from the child");
        _exit(atl_log_writer_flush(1000) ? 0 : 1);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    file = open_result();
    CHECK(fgets(line, sizeof(line), file) != NULL);
    CHECK(strstr(line, "from the child\n") != NULL);
    CHECK(fgets(line, sizeof(line), file) == NULL);
    fclose(file);
    unlink(path);
}
