/* lasgi.h - where a request becomes Lua: scope, receive, send.
 * SPDX-License-Identifier: MIT
 *
 * The contract's HTTP part over http/exchange.h.  What a request needs beside
 * its exchange lies in the exchange's own memory: one userdata (the scope)
 * and two closures are all that Lua allocates for it.
 *
 * Laws:
 * 1. The scope may outlive its request: it knows the exchange by its serial
 *    number and never touches one that has been given to another request.
 * 2. receive and send answer a client that has gone; they don't raise for it.
 */
#ifndef ATL_LASGI_LASGI_H
#define ATL_LASGI_LASGI_H

#include "http/exchange.h"
#include "http/server.h"
#include "lua/sched.h"

#define ATL_SCOPE_FIELDS 15

/* One application on one VM; the server's `data`. */
struct atl_lasgi {
    struct atl_vm *vm;
    int app;   /* registry references: the callable */
    int serve; /* function (app, scope), of lua/atlas/lasgi.lua */
    int state; /* the table that the lifespan filled in */
    int scope_meta;
    /* Interned strings, told apart by address: both VMs keep one copy of a
     * short string, and these are held by the metatable and by send. */
    const char *scope_keys[ATL_SCOPE_FIELDS];
    const char *message_types[5];
};

/* The server's ops; its `data` is a struct atl_lasgi. */
extern const struct atl_exchange_ops atl_lasgi_ops;

/*
 * Set up `l` for the application at `app` and the state table at `state` of
 * the stack of L.
 */
void atl_lasgi_init(struct atl_lasgi *l, struct atl_vm *vm, lua_State *L,
                    int app, int state);

/* Take a task for the request and make its call; `ended` is its on_end. */
struct atl_lua_task *atl_call_begin(struct atl_exchange *x, struct atl_lasgi *l,
                                    atl_task_end_fn ended);

/*
 * What the server tells about a request's body, its output and its client,
 * once it has a call: for whoever answers requests beside LASGI.
 */
void atl_call_on_body(struct atl_exchange *x);
void atl_call_on_writable(struct atl_exchange *x);
void atl_call_on_gone(struct atl_exchange *x, bool cancel);

/* The response, or the request, is over: nobody waits for it any more. */
void atl_call_end_waits(struct atl_exchange *x);

/* The task of a call has ended: the exchange is released. */
void atl_call_end(struct atl_exchange *x);

/* Log "GET /path: what", or the error on top of `from`, with its trace. */
void atl_call_log(struct atl_exchange *x, const char *what);
void atl_call_log_failure(struct atl_exchange *x, struct atl_lua_task *t,
                          lua_State *from);

/* What both faces tell of a request.  The first `raw_len` bytes of the raw
 * path, decoded and collected, unlike what is in the request's arena. */
void atl_call_push_path(lua_State *L, struct atl_exchange *x, size_t raw_len);
void atl_call_push_version(lua_State *L, struct atl_exchange *x);
/* {host, port}, or nil on a unix socket. */
void atl_call_push_client(lua_State *L, struct atl_exchange *x);
void atl_call_push_server(lua_State *L, struct atl_exchange *x);
/* A copy of what the lifespan has put into its state. */
void atl_call_push_state(lua_State *L, const struct atl_lasgi *l);

/* --- between the files of this folder --- */

/* What is kept for a request, in x->data. */
struct atl_call {
    struct atl_lasgi *lasgi;
    struct atl_lua_task *task;
    struct atl_wait *receiving; /* the task in receive(), if one waits */
    struct atl_link senders;    /* struct atl_send_op: tasks in send() */
    struct atl_file_send *file; /* pathsend that is under way */
    unsigned sends;             /* without having been suspended */
    uint32_t root_len;          /* bytes of the raw path that are root_path */
    bool told_closed;           /* send has returned nil, err already */
    bool wants_trailers;
};

static inline struct atl_call *
atl_call_of(struct atl_exchange *x)
{
    return (struct atl_call *)(void *)x->data;
}

/* The userdata behind `scope`. */
struct atl_scope_ud {
    struct atl_exchange *x;
    uint64_t serial;
    struct atl_lasgi *lasgi;
    bool has_fields; /* the user value holds what was set or computed */
};

/* The exchange of a scope, or NULL once its request is over. */
static inline struct atl_exchange *
atl_scope_exchange(const struct atl_scope_ud *scope)
{
    return scope->x->serial == scope->serial ? scope->x : NULL;
}

/* Push a new scope. */
void atl_scope_push(lua_State *L, struct atl_lasgi *l, struct atl_exchange *x);

/* Make the metatable of scopes. */
void atl_scope_open_type(struct atl_lasgi *l);

/* receive(scope) and send(scope, message), which lasgi.lua wraps. */
int atl_lasgi_receive(lua_State *L);
int atl_lasgi_send(lua_State *L);

/* Push send as a C function, with the strings that it compares. */
void atl_lasgi_push_send(lua_State *L, struct atl_lasgi *l);

/* extensions["atlas.max_body"]'s function: (bytes). */
int atl_lasgi_max_body(lua_State *L);

/*
 * Push a piece of the body: `got` is what atl_exchange_read() returned, 1 or a
 * negative code, after which nothing follows.  Returns how many values.
 */
typedef int (*atl_receive_push_fn)(lua_State *L, struct atl_exchange *x,
                                   int got, struct atl_str piece, bool more);

/*
 * A C function's last act: wait for the next piece and return it as `push`
 * pushes it.  The caller has checked that the task can wait.
 */
int atl_receive(lua_State *L, struct atl_exchange *x, atl_receive_push_fn push);

/* More of the body may be there: wake the task in receive(). */
void atl_receive_continue(struct atl_exchange *x);

/* Wake the task in receive() with http.disconnect, if one waits. */
void atl_receive_end(struct atl_exchange *x);

/* A pathsend that is under way is for nobody any more. */
void atl_call_cancel_file(struct atl_exchange *x);

/*
 * Before something is sent for the running task: 0, or how many values have
 * been pushed that the C function, which AWAITS, returns at once.  The message
 * type for errors stands at 3.
 */
int atl_send_check(lua_State *L, struct atl_exchange *x);

/*
 * A C function's last act: give a piece of the body, wait while the client is
 * slower, and return what send() returns.
 */
int atl_send_piece(lua_State *L, struct atl_exchange *x, struct atl_str data,
                   bool more);

/*
 * A C function's last act: complete the response, whose head is held, with a
 * file, and return what send() returns; a file that can't be sent is raised,
 * or nil, err, and the head is held still.
 */
int atl_send_path(lua_State *L, struct atl_exchange *x, const char *path,
                  bool raises);

/* Wake the tasks in send(): there is room, or the client has gone. */
void atl_send_wake(struct atl_exchange *x);

#endif
