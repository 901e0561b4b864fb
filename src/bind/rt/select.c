/* select.c - wait for the first of several channels.  See channel.h.
 * SPDX-License-Identifier: MIT
 */
#include "bind/rt/channel.h"

#include <string.h>

#include "base/alloc.h"
#include "lua/args.h"
#include "lua/error.h"

#define MAX_CASES 1000 /* of one select */
#define MAX_TIMEOUT 1e9
#define NS_PER_S 1e9

static const struct atl_wait_kind in_select = {"select", atl_channel_withdraw};

/*
 * Case `i` of the list at 1: its channel, and is it to send?  Pushes the value
 * to send, or nil.
 */
static struct atl_channel *
read_case(lua_State *L, int i, bool *sends_out)
{
    struct atl_channel *ch;
    const char *what;

    lua_rawgeti(L, 1, i);
    if (!lua_istable(L, -1))
        atl_raise(L, "select: case %d isn't a table", i);
    lua_rawgeti(L, -1, 1);
    ch = atl_test_object(L, -1, atl_channel_type, sizeof(*ch));
    if (ch == NULL)
        atl_raise(L, "select: case %d has no channel", i);
    lua_rawgeti(L, -2, 2);
    what = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    *sends_out = strcmp(what, "send") == 0;
    if (!*sends_out && strcmp(what, "recv") != 0)
        atl_raise(L, "select: case %d: 'recv' or 'send' expected", i);
    lua_rawgeti(L, -3, 3);
    if (*sends_out && lua_isnil(L, -1))
        atl_raise(L, "select: case %d has no value to send", i);
    lua_replace(L, -4);
    lua_pop(L, 2);
    return ch;
}

static bool
is_ready(const struct atl_channel *ch, bool sends)
{
    if (ch->closed)
        return true;
    return sends
               ? !atl_list_is_empty(&ch->receivers) || ch->count < ch->capacity
               : ch->count > 0 || !atl_list_is_empty(&ch->senders);
}

/*
 * Check all cases.  Returns the ready one whose turn was longest ago, so that
 * none starves, or 0.
 */
static int
choose(lua_State *L, int n)
{
    lua_Number least = 0;
    int i, index = 0;

    for (i = 1; i <= n; i++) {
        bool sends;
        const struct atl_channel *ch = read_case(L, i, &sends);

        if (is_ready(ch, sends) && (index == 0 || ch->picked[sends] < least)) {
            index = i;
            least = ch->picked[sends];
        }
        lua_pop(L, 1);
    }
    return index;
}

/* Do case `i`, which is ready; returns how many values it has pushed. */
static int
do_case(lua_State *L, int i)
{
    bool sends;
    struct atl_channel *ch = read_case(L, i, &sends);

    ch->picked[sends] = lua_tonumber(L, 2);
    lua_pushinteger(L, i);
    lua_insert(L, -2);
    if (sends && !ch->closed) {
        (void)atl_channel_give(L, ch);
        lua_pushboolean(L, 1);
    } else {
        lua_pop(L, 1);
        if (sends || !atl_channel_take(L, ch))
            return 1 + atl_channel_push_closed(L, ch);
    }
    return 2;
}

/* Wait for all cases. */
static int
wait_in_all(lua_State *L, int n, lua_Number timeout)
{
    struct atl_channel_op *op = atl_task_op(L, sizeof(*op), &in_select);
    int i;

    if (n > 0)
        op->nodes = atl_calloc((size_t)n, sizeof(*op->nodes));
    op->count = n;
    for (i = 1; i <= n; i++) {
        struct atl_channel_node *node = &op->nodes[i - 1];
        bool sends;
        struct atl_channel *ch = read_case(L, i, &sends);

        node->index = i;
        atl_channel_link(op, node, ch, sends);
        if (sends)
            atl_channel_keep(L, node);
        lua_settop(L, 2);
    }
    if (timeout >= 0)
        atl_wait_set_deadline(&op->wait, atl_loop_clock(op->wait.task->loop) +
                                             (uint64_t)(timeout * NS_PER_S));
    return atl_await(L, &op->wait);
}

/* The field `timeout` of the table at 1; -1 if it has none. */
static lua_Number
read_timeout(lua_State *L)
{
    lua_Number timeout = -1;

    lua_pushliteral(L, "timeout");
    lua_rawget(L, 1);
    if (!lua_isnil(L, -1)) {
        timeout = lua_tonumber(L, -1);
        if (lua_type(L, -1) != LUA_TNUMBER ||
            !(timeout >= 0 && timeout <= MAX_TIMEOUT))
            atl_raise(L, "select: timeout is seconds from 0 to 1e9");
    }
    lua_pop(L, 1);
    return timeout;
}

/* select(cases, turn) -> index, ... | nil, ETIMEDOUT */
int
atl_channel_select(lua_State *L)
{
    lua_Number timeout;
    int n, index, pushed;

    lua_settop(L, 2);
    if (!lua_istable(L, 1))
        return atl_arg_error(L, 1, "a list of cases expected");
    n = (int)atl_rawlen(L, 1);
    timeout = read_timeout(L);
    if (n > MAX_CASES)
        return atl_raise(L, "select: more than %d cases", MAX_CASES);
    if (n == 0 && timeout < 0)
        return atl_raise(L, "select: no cases and no timeout");
    index = choose(L, n);
    if ((pushed = atl_check_task(L)) != 0)
        return pushed;
    if (index != 0)
        return do_case(L, index);
    if (timeout == 0)
        return atl_push_error(L, ATL_VM(L), UV_ETIMEDOUT, "select");
    return wait_in_all(L, n, timeout);
}
