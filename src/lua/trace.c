/* trace.c - tracebacks that cross awaits and spawns.  See trace.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/trace.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "lua/loader.h"
#include "lua/outcome.h"

#define MAX_HOPS 16     /* tasks that one traceback follows */
#define MAX_TRACE 65536 /* bytes of one traceback */

/* --- where a task was spawned --- */

/* A copy of the chunk name that lives as long as the VM. */
static const char *
intern(struct atl_vm *vm, const char *name)
{
    uint32_t hash = 2166136261u, i;
    const char *p;

    if (vm->last_source != NULL && strcmp(vm->last_source, name) == 0)
        return vm->last_source;
    for (p = name; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    if (vm->sources == NULL)
        vm->sources = atl_calloc(ATL_MAX_SOURCES, sizeof(char *));
    for (i = 0; i < 8; i++) {
        char **at = &vm->sources[(hash + i) % ATL_MAX_SOURCES];

        if (*at == NULL)
            *at = atl_strndup(name, strlen(name));
        if (strcmp(*at, name) == 0)
            return vm->last_source = *at;
    }
    return "?";
}

static bool
starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct atl_site
atl_trace_site(lua_State *L, struct atl_vm *vm)
{
    lua_Debug ar;
    int level;

    for (level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0 && !starts_with(ar.source, "@" ATL_OWN_CHUNKS))
            return (struct atl_site){intern(vm, ar.short_src), ar.currentline};
    }
    return (struct atl_site){NULL, 0};
}

void
atl_trace_set_site(lua_State *L, struct atl_lua_task *t)
{
    t->site = atl_trace_site(L, t->vm);
}

/* --- one stack --- */

/* The line at `p` is Atlas's own frame, or the C function that it calls. */
static bool
is_own_line(const char *p, const char *next)
{
    return starts_with(p, "\t" ATL_OWN_CHUNKS) ||
           starts_with(p, "\t(...tail calls") ||
           (starts_with(p, "\t[C]: in ") &&
            starts_with(next, "\t" ATL_OWN_CHUNKS));
}

/* Add text to the traceback; what passes the buffer's limit is left out. */
static void
add(struct atl_buf *b, const char *text, size_t len)
{
    if (atl_buf_append(b, text, len) != 0)
        b->limit = b->len; /* full: nothing follows a gap */
}

static void
add_text(struct atl_buf *b, const char *text)
{
    add(b, text, strlen(text));
}

/*
 * Add the frames of `co` from `level`, without those of Atlas itself: the last
 * is xpcall, if `co` is the coroutine of a task.
 */
static void
add_stack(struct atl_buf *b, lua_State *L, lua_State *co, int level,
          bool is_task)
{
    const char *p, *next;

    luaL_traceback(L, co, NULL, level);
    p = strchr(lua_tostring(L, -1), '\n'); /* behind "stack traceback:" */
    for (p = p != NULL ? p + 1 : ""; *p != '\0'; p = next) {
        next = strchr(p, '\n');
        next = next != NULL ? next + 1 : p + strlen(p);
        if (is_own_line(p, next) || (is_task && *next == '\0'))
            continue;
        add_text(b, "\n");
        add(b, p, (size_t)(next - p) - (next[-1] == '\n'));
    }
    lua_pop(L, 1);
}

/* --- the tasks around it --- */

bool
atl_trace_where(struct atl_lua_task *t, char *out, size_t size)
{
    lua_Debug ar;
    int level;

    for (level = 0; t->co != NULL && lua_getstack(t->co, level, &ar); level++) {
        lua_getinfo(t->co, "Sl", &ar);
        if (ar.currentline > 0 && !starts_with(ar.source, "@" ATL_OWN_CHUNKS)) {
            snprintf(out, size, "%s:%d", ar.short_src, ar.currentline);
            return true;
        }
    }
    return false;
}

/* Add the name of a task for people: its own, or "task 7". */
static void
add_name(struct atl_buf *b, lua_State *L, struct atl_lua_task *t)
{
    char text[32];

    atl_task_get_value(L, t, "name");
    snprintf(text, sizeof(text), "%u", t->number);
    add_text(b, lua_isstring(L, -1) ? lua_tostring(L, -1) : text);
    lua_pop(L, 1);
}

static void
add_site(struct atl_buf *b, struct atl_lua_task *t)
{
    char text[LUA_IDSIZE + 48];

    if (t->site.source == NULL)
        return;
    snprintf(text, sizeof(text), "\nspawned at %s:%d", t->site.source,
             t->site.line);
    add_text(b, text);
}

/* Has the walk been at `t`?  Tasks may wait for each other in a circle. */
static bool
is_visited(struct atl_lua_task *const *visited, int count,
           const struct atl_lua_task *t)
{
    int i;

    for (i = 0; i < count; i++)
        if (visited[i] == t)
            return true;
    return false;
}

static void
add_awaited_by(struct atl_buf *b, lua_State *L, struct atl_lua_task *t)
{
    char where[LUA_IDSIZE + 16];

    add_text(b, "\nawaited by task '");
    add_name(b, L, t);
    add_text(b, "'");
    if (!atl_trace_where(t, where, sizeof(where)))
        return; /* one of Atlas's own */
    add_text(b, " at ");
    add_text(b, where);
}

/*
 * Follow `t` outward: where it was spawned, then whoever waits for it, or the
 * task that spawned it, each with its stack.
 */
static void
add_chain(struct atl_buf *b, lua_State *L, struct atl_lua_task *t)
{
    struct atl_lua_task *visited[MAX_HOPS], *next;
    int hops;

    for (hops = 0; hops < MAX_HOPS; hops++) {
        visited[hops] = t;
        add_site(b, t);
        next = atl_outcome_first_awaiter(t);
        if (next != NULL && next->is_frame)
            return;
        if (next != NULL && !is_visited(visited, hops + 1, next))
            add_awaited_by(b, L, next);
        else
            next = (struct atl_lua_task *)atl_task_parent(&t->task);
        if (next == NULL || next->is_frame ||
            is_visited(visited, hops + 1, next))
            return;
        if (next->co != NULL && next->co != L)
            add_stack(b, L, next->co, 0, true);
        t = next;
    }
}

static void
push_text(lua_State *L, struct atl_buf *b)
{
    lua_pushlstring(L, b->len > 0 ? b->data + 1 : "", b->len ? b->len - 1 : 0);
    atl_buf_deinit(b);
}

void
atl_trace_push(lua_State *L, struct atl_lua_task *t)
{
    struct atl_buf b;

    atl_buf_init(&b, MAX_TRACE);
    if (t->co != NULL)
        add_stack(&b, L, t->co, 0, true);
    add_chain(&b, L, t);
    push_text(L, &b);
}

/* Add the stack of `t`, whose code runs on `L`, from `level` outward. */
static void
add_running(struct atl_buf *b, lua_State *L, struct atl_lua_task *t, int level)
{
    add_stack(b, L, L, level, L == t->co);
    if (L != t->co)
        add_stack(b, L, t->co, 0, true);
    add_chain(b, L, t);
}

void
atl_trace_push_running(lua_State *L, struct atl_lua_task *t, int level)
{
    struct atl_buf b;

    atl_buf_init(&b, MAX_TRACE);
    add_running(&b, L, t, level);
    push_text(L, &b);
}

void
atl_trace_push_stack(lua_State *L, int level)
{
    struct atl_buf b;

    atl_buf_init(&b, MAX_TRACE);
    add_stack(&b, L, L, level, true);
    push_text(L, &b);
}

/* --- where code cannot wait --- */

/* Is the function on top of the stack the global `name`? */
static bool
is_global(lua_State *L, const char *name)
{
    bool same;

    lua_getglobal(L, name);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    return same;
}

/* Push "'format'" if the C function on top of the stack is one of Lua's own. */
static bool
push_library_name(lua_State *L)
{
    static const char *const libraries[] = {"_G", "string", "table",
                                            "coroutine", "debug"};
    int fn = lua_gettop(L);
    size_t i;

    for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        lua_getglobal(L, libraries[i]);
        lua_pushnil(L);
        while (lua_istable(L, fn + 1) && lua_next(L, fn + 1) != 0) {
            if (lua_rawequal(L, -1, fn) && lua_type(L, -2) == LUA_TSTRING) {
                lua_pushfstring(L, "'%s'", lua_tostring(L, -2));
                lua_insert(L, fn + 1);
                lua_settop(L, fn + 1);
                return true;
            }
            lua_pop(L, 1);
        }
        lua_settop(L, fn);
    }
    return false;
}

/*
 * Push what the function of `ar`, which is on top of the stack and is popped,
 * is to people if it can't be suspended; or nothing.
 */
static bool
push_barrier(lua_State *L, const lua_Debug *ar)
{
    bool is_c = *ar->what == 'C';

    if (is_c && is_global(L, "error"))
        lua_pushliteral(L, "the message handler of 'xpcall'");
    else if (ar->name != NULL && strcmp(ar->name, "__gc") == 0)
        lua_pushliteral(L, "'__gc'");
    else if (strcmp(ar->namewhat, "hook") == 0)
        lua_pushliteral(L, "a debug hook");
    else if (!is_c || is_global(L, "pcall") || is_global(L, "xpcall"))
        lua_pushnil(L);
    else if (ar->name != NULL && *ar->name != '?')
        lua_pushfstring(L, "'%s'", ar->name);
    else if (!push_library_name(L))
        lua_pushliteral(L, "a C function");
    lua_remove(L, -2);
    if (lua_isstring(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

const char *
atl_trace_barrier(lua_State *L)
{
    lua_Debug ar;
    int level;

    luaL_checkstack(L, LUA_MINSTACK, "wait");
    for (level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "nSf", &ar);
        if (push_barrier(L, &ar))
            return lua_tostring(L, -1);
    }
    return "a finalizer, the message handler of 'xpcall' or a C function";
}

/* --- errors --- */

int
atl_trace_inherit(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    lua_settop(L, 3);
    t->trace_is_whole = !lua_toboolean(L, 3);
    lua_settop(L, 2);
    atl_task_set_value(L, t, "inherited_trace");
    atl_task_set_value(L, t, "inherited_error");
    return 0;
}

/* Push the traceback that came with the error at 1 from an awaited task. */
static bool
push_inherited(lua_State *L, struct atl_lua_task *t)
{
    if (!t->has_values)
        return false;
    atl_task_get_value(L, t, "inherited_error");
    atl_task_get_value(L, t, "inherited_trace");
    if (lua_isstring(L, -1) && lua_rawequal(L, 1, -2))
        return true;
    lua_pop(L, 2);
    return false;
}

/* Push the traceback of the error at 1, which has been raised on `L`. */
static void
push_trace(lua_State *L, struct atl_lua_task *t)
{
    struct atl_buf b;

    atl_buf_init(&b, MAX_TRACE);
    if (push_inherited(L, t)) {
        add_text(&b, "\n");
        add_text(&b, lua_tostring(L, -1));
        if (t->trace_is_whole) {
            push_text(L, &b);
            return;
        }
        add_awaited_by(&b, L, t);
    }
    add_running(&b, L, t, 1);
    push_text(L, &b);
}

/* Is the error at 1 one whose traceback somebody may want to read? */
static bool
is_worth_it(lua_State *L, const struct atl_lua_task *t)
{
    return t != NULL && !atl_is_cancelled_error(L, t->vm, 1);
}

int
atl_trace_on_error(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    lua_settop(L, 1);
    if (!is_worth_it(L, t))
        return 1;
    push_trace(L, t);
    atl_task_set_value(L, t, "trace");
    lua_settop(L, 1);
    return 1;
}

int
atl_trace_keep(lua_State *L)
{
    struct atl_lua_task *t = atl_sched_current(ATL_VM(L));

    lua_settop(L, 1);
    if (!is_worth_it(L, t))
        return 1;
    push_trace(L, t);
    atl_task_set_value(L, t, "inherited_trace");
    lua_pushvalue(L, 1);
    atl_task_set_value(L, t, "inherited_error");
    t->trace_is_whole = true;
    lua_settop(L, 1);
    return 1;
}

/* Push the error at `index` as text, whatever it is, without raising. */
static void
push_message(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_getglobal(L, "tostring");
    lua_pushvalue(L, index);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushfstring(L, "(an error that is a %s)", luaL_typename(L, index));
}

void
atl_trace_push_text(lua_State *L, int index, int trace)
{
    trace = lua_absindex(L, trace);
    push_message(L, index);
    if (!lua_isstring(L, trace) || atl_rawlen(L, trace) == 0)
        return;
    lua_pushliteral(L, "\nstack traceback:\n");
    lua_pushvalue(L, trace);
    lua_concat(L, 3);
}

void
atl_trace_push_report(lua_State *L, struct atl_lua_task *t, int index)
{
    index = lua_absindex(L, index);
    if (t != NULL)
        atl_task_get_value(L, t, "trace");
    else
        lua_pushnil(L);
    atl_trace_push_text(L, index, -1);
    lua_replace(L, -2);
}
