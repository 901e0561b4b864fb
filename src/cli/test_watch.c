/* test_watch.c - atlas test --watch: a process for each run.  See
 * test_watch.h.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Each folder below the working directory is watched, but for hidden ones
 *    and `build`; after each run they are looked for again.
 * 2. One run at a time.  What changes meanwhile makes another behind it.
 */
#include "cli/test_watch.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/cli.h"

#define MAX_PATH 4096
#define MAX_FOLDERS 4096
#define SETTLE_MS 50 /* an editor writes a file in several steps */

struct watcher {
    uv_loop_t loop;
    uv_timer_t settle;
    uv_signal_t signals[2];
    uv_process_t process;
    uv_fs_event_t *folders[MAX_FOLDERS]; /* owned until their close */
    int folder_count;
    char **args; /* of a run, ended by NULL */
    char exe[MAX_PATH];
    int status; /* of the last run */
    bool running;
    bool changed; /* since the run began */
    bool leaving;
};

static void on_settled(uv_timer_t *timer);

/* --- the folders --- */

static bool
is_lua(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static void
on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct watcher *w = handle->data;

    (void)events;
    if (status != 0 || (name != NULL && !is_lua(name)))
        return;
    w->changed = true;
    if (!w->running)
        uv_timer_start(&w->settle, on_settled, SETTLE_MS, 0);
}

static void
on_closed(uv_handle_t *handle)
{
    atl_free(handle);
}

static void
forget_folders(struct watcher *w)
{
    while (w->folder_count > 0)
        uv_close((uv_handle_t *)w->folders[--w->folder_count], on_closed);
}

static void
watch_folder(struct watcher *w, const char *path)
{
    uv_fs_event_t *handle;

    if (w->folder_count == MAX_FOLDERS)
        return;
    handle = atl_calloc(1, sizeof(*handle));
    uv_fs_event_init(&w->loop, handle);
    handle->data = w;
    if (uv_fs_event_start(handle, on_change, path, 0) != 0) {
        uv_close((uv_handle_t *)handle, on_closed);
        return;
    }
    w->folders[w->folder_count++] = handle;
}

/* Watch the folder and those below it. */
static void
watch_all(struct watcher *w, const char *path)
{
    uv_dirent_t entry;
    uv_fs_t req;

    watch_folder(w, path);
    if (uv_fs_scandir(NULL, &req, path, 0, NULL) < 0) {
        uv_fs_req_cleanup(&req);
        return;
    }
    while (uv_fs_scandir_next(&req, &entry) != UV_EOF) {
        char inner[MAX_PATH];

        if (entry.type != UV_DIRENT_DIR || entry.name[0] == '.' ||
            strcmp(entry.name, "build") == 0 ||
            strlen(path) + strlen(entry.name) + 2 > sizeof(inner))
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry.name);
        watch_all(w, inner);
    }
    uv_fs_req_cleanup(&req);
}

/* --- a run --- */

static void
leave(struct watcher *w)
{
    w->leaving = true;
    forget_folders(w);
    uv_close((uv_handle_t *)&w->settle, NULL);
    uv_close((uv_handle_t *)&w->signals[0], NULL);
    uv_close((uv_handle_t *)&w->signals[1], NULL);
}

static void
on_exit(uv_process_t *process, int64_t status, int number)
{
    struct watcher *w = process->data;

    uv_close((uv_handle_t *)process, NULL);
    w->running = false;
    w->status = number != 0 ? 128 + number : (int)status;
    if (w->leaving)
        return;
    printf("watching %d folders for changes\n", w->folder_count);
    fflush(stdout);
    if (w->changed)
        uv_timer_start(&w->settle, on_settled, SETTLE_MS, 0);
}

static void
start_run(struct watcher *w)
{
    uv_stdio_container_t stdio[3];
    uv_process_options_t options;
    int i, err;

    for (i = 0; i < 3; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = i;
    }
    memset(&options, 0, sizeof(options));
    options.file = w->exe;
    options.args = w->args;
    options.stdio = stdio;
    options.stdio_count = 3;
    options.exit_cb = on_exit;
    w->process.data = w;
    w->changed = false;
    /* What the run itself writes, and what is new, is seen from here on. */
    forget_folders(w);
    watch_all(w, ".");
    if ((err = uv_spawn(&w->loop, &w->process, &options)) != 0) {
        w->status =
            atl_cli_fail(ATL_EXIT_FAILED, "%s: %s", w->exe, atl_err_text(err));
        uv_close((uv_handle_t *)&w->process, NULL);
        leave(w);
        return;
    }
    w->running = true;
}

static void
on_settled(uv_timer_t *timer)
{
    start_run(ATL_OWNER(timer, struct watcher, settle));
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct watcher *w = handle->data;

    if (w->running)
        (void)uv_process_kill(&w->process, number);
    if (!w->leaving)
        leave(w);
}

/* --- all of it --- */

static void
open_handles(struct watcher *w)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    int i;

    uv_timer_init(&w->loop, &w->settle);
    for (i = 0; i < 2; i++) {
        uv_signal_init(&w->loop, &w->signals[i]);
        w->signals[i].data = w;
        uv_signal_start(&w->signals[i], on_signal, numbers[i]);
    }
}

/* "atlas test" and the arguments without --watch. */
static char **
make_args(int argc, char **argv)
{
    char **args = atl_calloc((size_t)argc + 3, sizeof(*args));
    int i, count = 0;

    args[count++] = (char *)"atlas"; /* libuv only reads them */
    args[count++] = (char *)"test";
    for (i = 0; i < argc; i++)
        if (strcmp(argv[i], "--watch") != 0)
            args[count++] = argv[i];
    return args;
}

int
atl_test_watch(int argc, char **argv)
{
    struct watcher *w = atl_calloc(1, sizeof(*w));
    size_t size = sizeof(w->exe);
    int err, status;

    if ((err = uv_exepath(w->exe, &size)) != 0 ||
        (err = uv_loop_init(&w->loop)) != 0) {
        atl_free(w);
        return atl_cli_fail(ATL_EXIT_FAILED, "%s", atl_err_text(err));
    }
    w->args = make_args(argc, argv);
    open_handles(w);
    start_run(w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&w->loop);
    status = w->status;
    atl_free(w->args);
    atl_free(w);
    return status;
}
