/* sendfile.c - a file as the body of a response.  See sendfile.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/sendfile.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/err.h"
#include "http/server.h"
#include "rt/loop.h"

#define PIECE 65536 /* bytes read at a time */

struct atl_file_send {
    uv_fs_t req;
    struct atl_exchange *x; /* NULL: cancelled */
    uv_loop_t *loop;
    atl_file_send_fn done;
    uv_file fd;
    uint64_t offset;
    uint64_t size;
    bool reading; /* a request is with the threads */
    char data[PIECE];
};

static void
on_closed(uv_fs_t *req)
{
    struct atl_file_send *f = req->data;

    uv_fs_req_cleanup(req);
    atl_free(f);
}

/* The end, good or bad; nothing is with the threads. */
static void
finish(struct atl_file_send *f, int status)
{
    struct atl_exchange *x = f->x;
    atl_file_send_fn done = f->done;

    f->x = NULL;
    f->req.data = f;
    if (f->fd < 0 || uv_fs_close(f->loop, &f->req, f->fd, on_closed) != 0)
        atl_free(f);
    if (x != NULL)
        done(x, status);
}

static void on_read(uv_fs_t *req);

static void
read_next(struct atl_file_send *f)
{
    uv_buf_t buf = uv_buf_init(f->data, PIECE);
    int err;

    f->reading = true;
    err = uv_fs_read(f->loop, &f->req, f->fd, &buf, 1, (int64_t)f->offset,
                     on_read);
    if (err != 0)
        finish(f, err);
}

static void
on_read(uv_fs_t *req)
{
    struct atl_file_send *f = req->data;
    ssize_t n = req->result;
    bool more;
    int err;

    atl_loop_woken(req->loop);
    f->reading = false;
    uv_fs_req_cleanup(req);
    if (f->x == NULL || n <= 0) {
        /* Shorter than it was: the declared length can't be kept. */
        finish(f, n < 0 ? (int)n : ATL_E_INVALID);
        return;
    }
    if ((uint64_t)n > f->size - f->offset)
        n = (ssize_t)(f->size - f->offset);
    f->offset += (uint64_t)n;
    more = f->offset < f->size;
    err = atl_response_body(f->x, (struct atl_str){f->data, (size_t)n}, more);
    if (err != 0 || !more)
        finish(f, err);
    else if (!atl_response_is_full(f->x))
        read_next(f);
}

/* The length is known: send the head, and the body if there is one. */
static void
begin(struct atl_file_send *f)
{
    struct atl_exchange *x = f->x;

    if (x->has_length && x->length != f->size) {
        finish(f, ATL_E_INVALID);
        return;
    }
    x->has_length = true;
    x->length = f->size;
    if (f->size == 0 || x->req.is_head)
        finish(f, atl_response_body(x, ATL_STR(""), false));
    else
        read_next(f);
}

static void
on_stat(uv_fs_t *req)
{
    struct atl_file_send *f = req->data;
    int result = (int)req->result;
    uint64_t mode = req->statbuf.st_mode;

    atl_loop_woken(req->loop);
    f->size = req->statbuf.st_size;
    f->reading = false;
    uv_fs_req_cleanup(req);
    if (f->x == NULL || result < 0)
        finish(f, result);
    else if (!S_ISREG(mode))
        finish(f, S_ISDIR(mode) ? UV_EISDIR : UV_EINVAL);
    else
        begin(f);
}

static void
on_open(uv_fs_t *req)
{
    struct atl_file_send *f = req->data;
    int err = (int)req->result;

    atl_loop_woken(req->loop);
    f->reading = false;
    f->fd = err < 0 ? -1 : err;
    uv_fs_req_cleanup(req);
    if (f->x == NULL || err < 0) {
        finish(f, err);
        return;
    }
    f->reading = true;
    if ((err = uv_fs_fstat(f->loop, &f->req, f->fd, on_stat)) != 0)
        finish(f, err);
}

struct atl_file_send *
atl_file_send_start(struct atl_exchange *x, const char *path,
                    atl_file_send_fn done)
{
    struct atl_file_send *f = atl_malloc(sizeof(*f));

    f->x = x;
    f->loop = &x->server->loop->uv;
    f->done = done;
    f->fd = -1;
    f->offset = f->size = 0;
    f->reading = true;
    f->req.data = f;
    /* O_NONBLOCK: opening a FIFO must not hold the thread. */
    if (uv_fs_open(f->loop, &f->req, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0,
                   on_open) != 0)
        atl_free(f), f = NULL;
    return f;
}

void
atl_file_send_continue(struct atl_file_send *f)
{
    if (!f->reading)
        read_next(f);
}

void
atl_file_send_cancel(struct atl_file_send *f)
{
    f->x = NULL;
    if (!f->reading)
        finish(f, ATL_E_CLOSED);
}
