/* watchdog_test.c - the watchdog on a loop without Lua.
 * SPDX-License-Identifier: MIT
 *
 * Standard error goes to a file meanwhile, where what blocks the loop reads
 * what has been logged of it.  Until it is back, no check could tell that it
 * has failed: they come behind close_loop().
 */
#include "unit/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "rt/watchdog.h"

#define BLOCK_MS 40
#define PATIENCE_NS UINT64_C(20000000000)
#define BEGUN "the loop is blocked for more than 40 ms by the test"
#define ENDED "in all by the test, in compiled code or C\n"

static struct atl_loop loop;
static char log_text[65536];
static int log_fd, stderr_fd;

/* --- the log --- */

static void
open_log(void)
{
    char path[] = "/tmp/watchdog_test.XXXXXX";

    log_fd = mkstemp(path);
    CHECK(log_fd >= 0);
    unlink(path);
    fcntl(log_fd, F_SETFL, O_APPEND);
    stderr_fd = dup(STDERR_FILENO);
    dup2(log_fd, STDERR_FILENO);
}

static void
read_log(void)
{
    ssize_t n = pread(log_fd, log_text, sizeof(log_text) - 1, 0);

    log_text[n > 0 ? n : 0] = '\0';
}

/* How often stands it in what has been read of the log? */
static int
count_read(const char *part)
{
    const char *p = log_text;
    int n = 0;

    while ((p = strstr(p, part)) != NULL) {
        p += strlen(part);
        n++;
    }
    return n;
}

static int
count(const char *part)
{
    read_log();
    return count_read(part);
}

/* Block until `part` has been logged so often. */
static bool
wait_for(const char *part, int times)
{
    uint64_t end = uv_hrtime() + PATIENCE_NS;

    while (count(part) < times && uv_hrtime() < end)
        usleep(1000);
    return count(part) >= times;
}

/* --- the loop --- */

static size_t told_room;
static bool harmless, on_loop_thread;
static pthread_t loop_thread;

static size_t
describe(struct atl_loop *of, char *out, size_t room, uint64_t *request_out)
{
    (void)request_out;
    told_room = room;
    on_loop_thread = of == &loop && pthread_equal(pthread_self(), loop_thread);
    memcpy(out, "the test", 8);
    return harmless ? 0 : 8;
}

static void
open_loop(void)
{
    open_log();
    harmless = false;
    told_room = 0;
    loop_thread = pthread_self();
    CHECK_INT(atl_loop_init(&loop), 0);
    CHECK_INT(atl_watchdog_start(&loop, BLOCK_MS, describe), 0);
}

/* Stopping the watchdog logs what is left. */
static void
close_loop(void)
{
    atl_watchdog_stop(&loop);
    CHECK(loop.watchdog == NULL);
    atl_loop_deinit(&loop);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    read_log();
    close(log_fd);
}

/* Run `fn` as a timer's callback, on the loop's top level. */
static void
run(atl_timer_fn fn)
{
    struct atl_timer timer;

    atl_timer_init(&timer);
    atl_timer_start(&loop, &timer, uv_hrtime(), fn);
    while (atl_timer_is_active(&timer))
        atl_loop_turn(&loop, true);
    atl_loop_turn(&loop, false);
}

static bool seen;

static void
block_until_logged(struct atl_timer *timer)
{
    (void)timer;
    seen = wait_for(BEGUN, count(BEGUN) + 1);
}

/* --- tests --- */

TEST(a_block_is_logged_while_it_goes_on_and_its_length_behind_it)
{
    int ended_early;
    bool ended;

    open_loop();
    run(block_until_logged);
    ended_early = count(ENDED);
    ended = wait_for(ENDED, 1);
    close_loop();
    CHECK(seen);
    CHECK(on_loop_thread);
    CHECK_INT(ended_early, 0);
    CHECK(ended);
    CHECK_INT(count_read(BEGUN), 1);
    CHECK_INT(count_read(ENDED), 1);
}

static void
block_until_told(struct atl_timer *timer)
{
    block_until_logged(timer);
    atl_watchdog_tell(&loop, strdup("where it is"));
    seen = seen && wait_for(" WARN  atlas: where it is\n", 1);
}

TEST(a_text_that_belongs_to_the_block_is_logged_while_it_goes_on)
{
    open_loop();
    run(block_until_told);
    close_loop();
    CHECK(seen);
    CHECK_INT(count_read("in all by the test\n"), 1);
}

TEST(what_is_not_over_when_the_watchdog_is_stopped_is_logged_then)
{
    open_loop();
    block_until_logged(NULL); /* outside any turn */
    close_loop();
    CHECK(seen);
    CHECK_INT(count_read(ENDED), 1);
}

static void
wait_300_ms(struct atl_timer *timer)
{
    (void)timer;
    usleep(300000);
}

TEST(what_harms_nobody_is_not_logged)
{
    open_loop();
    harmless = true;
    while (told_room == 0)
        run(wait_300_ms);
    close_loop();
    CHECK_STR(log_text, "");
}

TEST(a_second_block_is_logged_or_counted)
{
    open_loop();
    run(block_until_logged);
    run(wait_300_ms);
    close_loop();
    /* It is the machine's speed which of the two. */
    CHECK_INT(
        count_read(BEGUN) + count_read("the loop was blocked 1 more time "), 2);
}

static void
work_1_ms(struct atl_timer *timer)
{
    uint64_t end = uv_hrtime() + 1000000;

    (void)timer;
    while (uv_hrtime() < end)
        ;
}

/* So long that not even a busy machine takes one piece for a block. */
TEST(many_short_pieces_of_work_are_no_block)
{
    uint64_t end;

    open_log();
    CHECK_INT(atl_loop_init(&loop), 0);
    CHECK_INT(atl_watchdog_start(&loop, 1000, describe), 0);
    end = uv_hrtime() + UINT64_C(2000000000);
    while (uv_hrtime() < end)
        run(work_1_ms);
    close_loop();
    CHECK_STR(log_text, "");
}

static void
do_nothing(struct atl_timer *timer)
{
    (void)timer;
}

TEST(a_loop_that_waits_for_io_is_no_block)
{
    struct atl_timer timer;

    open_loop();
    atl_timer_init(&timer);
    atl_timer_start(&loop, &timer, uv_hrtime() + 300000000, do_nothing);
    while (atl_timer_is_active(&timer))
        atl_loop_turn(&loop, true);
    close_loop();
    CHECK_STR(log_text, "");
}

static void
on_usr1(int number)
{
    if (!pthread_equal(pthread_self(), loop_thread))
        _exit(number);
}

/* The loop's thread takes none either: it stays pending. */
TEST(the_thread_takes_no_signal_of_the_process)
{
    sigset_t set, pending;

    open_loop();
    signal(SIGUSR1, on_usr1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    usleep(20000);
    sigpending(&pending);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    close_loop();
    CHECK(sigismember(&pending, SIGUSR1));
}

TEST(it_is_started_and_stopped_a_hundred_times)
{
    int i;

    open_loop();
    for (i = 0; i < 100; i++) {
        atl_watchdog_stop(&loop);
        CHECK_INT(atl_watchdog_start(&loop, 1, describe), 0);
        run(work_1_ms);
    }
    close_loop();
}
