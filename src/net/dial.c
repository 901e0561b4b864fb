/* dial.c - a stream is connected to somebody who listens.  See dial.h.
 * SPDX-License-Identifier: MIT
 */
#include "net/dial.h"

#include <assert.h>
#include <string.h>
#include <sys/un.h>

#include "base/list.h"
#include "net/address.h"
#include "rt/loop.h"

static void
on_connect(uv_connect_t *req, int status)
{
    struct atl_dial *d = ATL_OWNER(req, struct atl_dial, req);
    const struct atl_stream *s =
        ATL_OWNER(req->handle, struct atl_stream, uv.stream);

    atl_loop_woken(req->handle->loop);
    if (!s->closing) /* law 1 */
        d->on_connected(d, status);
}

int
atl_dial_tcp(struct atl_dial *d, struct atl_stream *s, const char *host,
             int port, atl_dial_fn on_connected)
{
    union atl_address addr;
    size_t len;
    int err;

    assert(s->uv.handle.type == UV_TCP);
    d->on_connected = on_connected;
    if (port == 0)
        return UV_EINVAL; /* the system would take it */
    if ((err = atl_address_parse(host, port, &addr, &len)) != 0)
        return err;
    err = uv_tcp_connect(&d->req, &s->uv.tcp, &addr.any, on_connect);
    if (err != 0)
        return err;
    /* What is written in two pieces must not wait for an answer between. */
    (void)uv_tcp_nodelay(&s->uv.tcp, 1);
    return 0;
}

int
atl_dial_unix(struct atl_dial *d, struct atl_stream *s, const char *path,
              atl_dial_fn on_connected)
{
    size_t len = strlen(path);

    assert(s->uv.handle.type == UV_NAMED_PIPE);
    d->on_connected = on_connected;
    if (len == 0)
        return UV_EINVAL;
    if (len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return UV_ENAMETOOLONG; /* libuv would cut it */
    uv_pipe_connect(&d->req, &s->uv.pipe, path, on_connect);
    return 0;
}
