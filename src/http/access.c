/* access.c - the access log.  See access.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/access.h"

#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "http/exchange.h"
#include "http/server.h"
#include "net/stream.h"

#define CLIENT_LEFT 499

static struct atl_logger logger = ATL_LOGGER("atlas.access");

/* What a line shows; slices are empty for what isn't known. */
struct entry {
    struct atl_str client;
    struct atl_str method;
    struct atl_str target;
    struct atl_str protocol;
    struct atl_str referer;
    struct atl_str agent;
    unsigned status;
    uint64_t bytes;
    uint64_t took_us;
    bool aborted;
};

void
atl_access_begin(struct atl_exchange *x)
{
    x->began_ns = atl_loop_clock(x->server->loop);
    atl_stream_learn_peer(x->io->stream(x));
}

static void
read_request(const struct atl_request *r, struct entry *e)
{
    static const struct atl_str protocols[] = {
        {"HTTP/1.0", 8}, {"HTTP/1.1", 8}, {"HTTP/2", 6}};
    uint16_t i;

    e->method = atl_request_str(r, r->method);
    e->target = atl_request_str(r, r->path);
    if (r->query.len > 0) /* it stands behind the path's '?' */
        e->target.len = r->query.at + r->query.len - r->path.at;
    e->protocol = protocols[r->version_major > 1 ? 2 : r->version_minor];
    for (i = 0; i < r->field_count; i++) {
        const struct atl_field *f = &r->fields[i];

        if (f->name.len == 7 && memcmp(r->base + f->name.at, "referer", 7) == 0)
            e->referer = atl_request_str(r, f->value);
        else if (f->name.len == 10 &&
                 memcmp(r->base + f->name.at, "user-agent", 10) == 0)
            e->agent = atl_request_str(r, f->value);
    }
}

/* Combined log format, but for the time, which every line begins with. */
static void
put_text(struct atl_log_line *l, const struct entry *e)
{
    char digits[20];
    const struct atl_str quote = ATL_STR("\" \"");
    const struct atl_str none = ATL_STR("-");

    atl_log_line_raw(l, ATL_STR(" "));
    atl_log_line_raw(l, e->client.len > 0 ? e->client : none);
    atl_log_line_raw(l, ATL_STR(" \""));
    if (e->method.len > 0) {
        atl_log_line_escaped(l, e->method);
        atl_log_line_raw(l, ATL_STR(" "));
        atl_log_line_escaped(l, e->target);
        atl_log_line_raw(l, ATL_STR(" "));
        atl_log_line_raw(l, e->protocol);
    } else {
        atl_log_line_raw(l, none);
    }
    atl_log_line_raw(l, ATL_STR("\" "));
    atl_log_line_int(l, e->status);
    atl_log_line_raw(l, ATL_STR(" "));
    atl_log_line_raw(
        l, (struct atl_str){digits, atl_log_line_digits(e->bytes, digits)});
    atl_log_line_raw(l, ATL_STR(" \""));
    atl_log_line_escaped(l, e->referer.len > 0 ? e->referer : none);
    atl_log_line_raw(l, quote);
    atl_log_line_escaped(l, e->agent.len > 0 ? e->agent : none);
    atl_log_line_raw(l, ATL_STR("\" "));
    atl_log_line_thousandths(l, e->took_us);
    atl_log_line_raw(l, e->aborted ? ATL_STR("ms aborted") : ATL_STR("ms"));
}

static void
put_str(struct atl_log_line *l, struct atl_str key, struct atl_str value)
{
    if (value.len > 0 && atl_log_line_key(l, key))
        atl_log_line_str(l, value);
}

static void
put_fields(struct atl_log_line *l, const struct entry *e)
{
    atl_log_line_message(l, ATL_STR("request"));
    put_str(l, ATL_STR("client"), e->client);
    put_str(l, ATL_STR("method"), e->method);
    /* Behind the short ones: it may fill the line. */
    if (atl_log_line_key(l, ATL_STR("status")))
        atl_log_line_int(l, e->status);
    if (atl_log_line_key(l, ATL_STR("bytes")))
        atl_log_line_int(l, (int64_t)e->bytes);
    if (atl_log_line_key(l, ATL_STR("duration_ms")))
        atl_log_line_thousandths(l, e->took_us);
    if (e->aborted && atl_log_line_key(l, ATL_STR("aborted")))
        atl_log_line_bool(l, true);
    put_str(l, ATL_STR("protocol"), e->protocol);
    put_str(l, ATL_STR("target"), e->target);
    put_str(l, ATL_STR("referer"), e->referer);
    put_str(l, ATL_STR("user_agent"), e->agent);
}

void
atl_access_log(struct atl_exchange *x, bool parsed)
{
    struct atl_log_line l;
    struct entry e = {.aborted = x->aborted};
    char host[INET6_ADDRSTRLEN];

    if (!atl_log_begin(&l, &logger, ATL_LOG_INFO, x->serial))
        return;
    e.client.ptr = host;
    e.client.len = atl_stream_peer_host(x->io->stream(x), host);
    e.status = x->status;
    e.bytes = x->sent;
    if (parsed) {
        read_request(&x->req, &e);
        e.aborted |= x->response != ATL_RESPONSE_DONE;
        if (x->response < ATL_RESPONSE_BODY || x->status == 0)
            e.status = CLIENT_LEFT;
        if (e.status == CLIENT_LEFT || atl_response_is_empty(x))
            e.bytes = 0;
    }
    e.took_us = (atl_loop_clock(x->server->loop) - x->began_ns + 500) / 1000;
    if (l.format == ATL_LOG_JSON)
        put_fields(&l, &e);
    else
        put_text(&l, &e);
    atl_log_commit(&l);
}
