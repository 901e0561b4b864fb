/* dump.c - the tree of tasks, for people.  See dump.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/dump.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "lua/trace.h"

#define MAX_DUMP (1 << 20) /* bytes */
#define MAX_LINE 512       /* bytes of one task, which all fit */
#define MAX_INDENT 40      /* levels that are shown by their indentation */

const char *
atl_dump_state(const struct atl_lua_task *t)
{
    static const char *const names[] = {
        [ATL_TASK_NEW] = "new",         [ATL_TASK_READY] = "ready",
        [ATL_TASK_RUNNING] = "running", [ATL_TASK_WAITING] = "waiting",
        [ATL_TASK_PARKED] = "parked",   [ATL_TASK_JOINING] = "joining",
        [ATL_TASK_DONE] = "done",
    };

    return names[t->task.state];
}

void
atl_dump_push_label(lua_State *L, struct atl_lua_task *t)
{
    atl_task_get_value(L, t, "name");
    if (lua_isstring(L, -1))
        lua_pushfstring(L, "task '%s'", lua_tostring(L, -1));
    else
        lua_pushfstring(L, "task %d", (int)t->number);
    lua_replace(L, -2);
}

/* How many tasks that are shown stand around this one? */
static int
depth_of(const struct atl_lua_task *t)
{
    const struct atl_task *parent = atl_task_parent(&t->task);
    int depth = 0;

    for (; parent != NULL && depth < MAX_INDENT;
         parent = atl_task_parent(parent))
        depth += !((const struct atl_lua_task *)parent)->is_frame;
    return depth;
}

/* Write the line of `t` to `line`; returns its length. */
static int
describe(lua_State *L, struct atl_lua_task *t, int indent, char *line,
         size_t room)
{
    const struct atl_wait *wait = t->task.pending;
    uint64_t now = atl_loop_clock(t->task.loop);
    char where[LUA_IDSIZE + 16];
    int n;

    atl_task_get_value(L, t, "name");
    n = snprintf(line, room, "%*stask %u", indent, "", t->number);
    if (lua_isstring(L, -1))
        n += snprintf(line + n, room - (size_t)n, " '%.64s'",
                      lua_tostring(L, -1));
    lua_pop(L, 1);
    if (wait != NULL)
        n += snprintf(line + n, room - (size_t)n, ": waits for '%s', %.3f s",
                      wait->kind->name, (double)(now - wait->since_ns) / 1e9);
    else
        n += snprintf(line + n, room - (size_t)n, ": %s", atl_dump_state(t));
    if (wait != NULL && atl_trace_where(t, where, sizeof(where)))
        n += snprintf(line + n, room - (size_t)n, " at %s", where);
    if (t->site.source != NULL)
        n += snprintf(line + n, room - (size_t)n, ", spawned at %s:%d",
                      t->site.source, t->site.line);
    return n;
}

static void
add_task(struct atl_buf *b, lua_State *L, struct atl_lua_task *t)
{
    char line[MAX_LINE];
    int n = describe(L, t, 2 * depth_of(t), line, sizeof(line));

    if (atl_buf_append(b, line, (size_t)n) != 0 ||
        atl_buf_append(b, "\n", 1) != 0)
        b->limit = b->len; /* full */
}

void
atl_dump_push_task(lua_State *L, struct atl_lua_task *t)
{
    char line[MAX_LINE];
    int n = describe(L, t, 0, line, sizeof(line));

    lua_pushlstring(L, line, (size_t)n);
}

void
atl_dump_push(lua_State *L, struct atl_vm *vm)
{
    struct atl_scope *s = &vm->loop.root;
    struct atl_buf b;

    atl_buf_init(&b, MAX_DUMP);
    while ((s = atl_scope_walk(&vm->loop.root, s, true)) != NULL)
        if (s->task != NULL && s == &s->task->base &&
            !((struct atl_lua_task *)s->task)->is_frame)
            add_task(&b, L, (struct atl_lua_task *)s->task);
    lua_pushlstring(L, b.len > 0 ? b.data : "", b.len);
    atl_buf_deinit(&b);
}
