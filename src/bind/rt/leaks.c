/* leaks.c - what code has left behind.  See leaks.h.
 * SPDX-License-Identifier: MIT
 */
#include "bind/rt/leaks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lua/args.h"
#include "lua/dump.h"
#include "lua/sched.h"

#define MAX_TARGET 512

/* --- tasks --- */

/* last_task() -> the number of the task that was started last */
static int
f_last_task(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)ATL_VM(L)->tasks);
    return 1;
}

/*
 * Was `t` started after number `after`, and not by an older task, which is
 * older than what left it behind too?
 */
static bool
is_left(const struct atl_lua_task *t, uint32_t after)
{
    const struct atl_task *task = &t->task;

    for (; task != NULL; task = atl_task_parent(task))
        if (((const struct atl_lua_task *)task)->number <= after)
            return false;
    return t->task.state != ATL_TASK_DONE;
}

/* The next scope, of all, that is a task's own. */
static struct atl_lua_task *
next_task(struct atl_vm *vm, struct atl_scope **at)
{
    while ((*at = atl_scope_walk(&vm->loop.root, *at, true)) != NULL)
        if ((*at)->task != NULL && *at == &(*at)->task->base)
            return (struct atl_lua_task *)(*at)->task;
    return NULL;
}

/* tasks(after) -> lines about those that are left, of later numbers */
static int
f_tasks(lua_State *L)
{
    uint32_t after = (uint32_t)atl_arg_number(L, 1);
    struct atl_vm *vm = ATL_VM(L);
    struct atl_scope *at = &vm->loop.root;
    struct atl_lua_task *t;
    int count = 0;

    lua_newtable(L);
    while ((t = next_task(vm, &at)) != NULL) {
        if (!is_left(t, after))
            continue;
        atl_dump_push_task(L, t);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* children() -> lines about the running task's own, which still run */
static int
f_children(lua_State *L)
{
    struct atl_link *head = &ATL_VM(L)->loop.current->own.children, *link;
    int count = 0;

    lua_newtable(L);
    for (link = head->next; link != head; link = link->next) {
        struct atl_task *task = ATL_OWNER(link, struct atl_task, sibling);

        if (task->state == ATL_TASK_DONE)
            continue;
        atl_dump_push_task(L, (struct atl_lua_task *)task);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* cancel_tasks(after): those that tasks() tells of, shields notwithstanding. */
static int
f_cancel_tasks(lua_State *L)
{
    uint32_t after = (uint32_t)atl_arg_number(L, 1);
    struct atl_vm *vm = ATL_VM(L);
    struct atl_scope *at = &vm->loop.root;
    struct atl_lua_task *t;

    /* To cancel wakes tasks, but runs none: the walk goes on. */
    while ((t = next_task(vm, &at)) != NULL)
        if (is_left(t, after))
            atl_scope_cancel_all(&t->task.base);
    return 0;
}

/* --- timers --- */

/* timers() -> how many there are that no task's wait or scope has set */
static int
f_timers(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);
    struct atl_scope *s = &vm->loop.root;
    uint64_t count = vm->loop.wheel.count;

    while ((s = atl_scope_walk(&vm->loop.root, s, true)) != NULL) {
        const struct atl_task *task = s->task;

        if (s->timed &&
            atl_timer_is_active(&((struct atl_timed_scope *)(void *)s)->timer))
            count--;
        if (task != NULL && s == &task->base && task->pending != NULL &&
            atl_timer_is_active(&task->pending->deadline))
            count--;
    }
    lua_pushnumber(L, (lua_Number)count);
    return 1;
}

/* --- handles --- */

/* Set t[address] = text in the table on top of L, for a handle that is alive.
 */
static void
note_handle(uv_handle_t *handle, void *data)
{
    lua_State *L = data;
    const char *kind = uv_handle_type_name(handle->type);
    char address[32];

    if (uv_is_closing(handle) || !uv_is_active(handle))
        return;
    if (handle->type == UV_ASYNC && !uv_has_ref(handle))
        return; /* one that waits for what is announced otherwise */
    snprintf(address, sizeof(address), "%p", (void *)handle);
    if (handle->type == UV_TIMER)
        lua_pushfstring(L, "a timer of libuv's, due in %f s",
                        (lua_Number)uv_timer_get_due_in((uv_timer_t *)handle) /
                            1e3);
    else if (handle->type == UV_PROCESS)
        lua_pushfstring(L, "a child process, %d",
                        (int)uv_process_get_pid((uv_process_t *)handle));
    else
        lua_pushfstring(L, "a handle of libuv's, '%s'",
                        kind != NULL ? kind : "?");
    lua_setfield(L, -2, address);
}

/* handles() -> {[address] = what it is} */
static int
f_handles(lua_State *L)
{
    lua_newtable(L);
    uv_walk(&ATL_VM(L)->loop.uv, note_handle, L);
    return 1;
}

/* in_flight() -> does libuv have something in hand that ends soon? */
static int
f_in_flight(lua_State *L)
{
    const uv_loop_t *uv = &ATL_VM(L)->loop.uv;

    lua_pushboolean(L, uv->active_reqs.count > 0 || uv->closing_handles);
    return 1;
}

/* --- descriptors --- */

struct address {
    struct sockaddr_storage of;
    socklen_t size;
};

/* "127.0.0.1:80", "/run/x.sock", or "" if it has none. */
static void
write_address(const struct address *a, char *out, size_t room)
{
    const struct sockaddr *sa = (const struct sockaddr *)&a->of;
    char host[INET6_ADDRSTRLEN] = "";

    *out = '\0';
    if (sa->sa_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)sa;

        if (a->size > offsetof(struct sockaddr_un, sun_path))
            snprintf(out, room, " %.108s", un->sun_path);
    } else if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        uv_ip4_name(in, host, sizeof(host));
        snprintf(out, room, " %s:%d", host, ntohs(in->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)sa;

        uv_ip6_name(in, host, sizeof(host));
        snprintf(out, room, " [%s]:%d", host, ntohs(in->sin6_port));
    }
}

/* "socket 127.0.0.1:80, listening", "socket 127.0.0.1:80 to 127.0.0.1:4711" */
static void
push_socket(lua_State *L, int fd)
{
    struct address here = {.size = sizeof(here.of)};
    struct address there = {.size = sizeof(there.of)};
    char from[160] = "", to[160] = "";
    int listens = 0;
    socklen_t size = sizeof(listens);

    if (getsockname(fd, (struct sockaddr *)&here.of, &here.size) == 0)
        write_address(&here, from, sizeof(from));
    if (getpeername(fd, (struct sockaddr *)&there.of, &there.size) == 0)
        write_address(&there, to, sizeof(to));
    (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    lua_pushfstring(L, "socket%s%s%s%s", from, to[0] != '\0' ? " to" : "", to,
                    listens ? ", listening" : "");
}

/* Set t[fd] = what it is, for /proc/self/fd/NAME. */
static void
note_descriptor(lua_State *L, const char *name)
{
    char path[64], target[MAX_TARGET];
    int fd = (int)strtol(name, NULL, 10);
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    len = readlink(path, target, sizeof(target) - 1);
    if (len < 0)
        return;
    target[len] = '\0';
    if (strncmp(target, "socket:", 7) == 0)
        push_socket(L, fd);
    else
        lua_pushstring(L, target);
    lua_rawseti(L, -2, fd);
}

/* descriptors() -> {[fd] = what it is}; {} where there is no /proc */
static int
f_descriptors(lua_State *L)
{
    DIR *folder;
    const struct dirent *entry;

    lua_newtable(L);
    if (!lua_checkstack(L, 8) || (folder = opendir("/proc/self/fd")) == NULL)
        return 1;
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' &&
            strtol(entry->d_name, NULL, 10) != dirfd(folder) &&
            !atl_loop_is_made_of((int)strtol(entry->d_name, NULL, 10)))
            note_descriptor(L, entry->d_name);
    closedir(folder);
    return 1;
}

const struct atl_reg atl_leaks_functions[] = {
    {"last_task", f_last_task, 0},
    {"tasks", f_tasks, 0},
    {"children", f_children, 0},
    {"cancel_tasks", f_cancel_tasks, 0},
    {"timers", f_timers, 0},
    {"handles", f_handles, 0},
    {"in_flight", f_in_flight, 0},
    {"descriptors", f_descriptors, 0},
    {NULL, NULL, 0},
};
