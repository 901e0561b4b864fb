/* channel.c - module atlas.channel.core: channels.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Receivers wait only while the buffer is empty and no sender waits;
 *    senders only while the buffer is full.
 * 2. An operation has one node in each channel that it waits at; all are taken
 *    out before its task is woken, and when it is cancelled.
 * 3. A channel's table of values is its user value, and stands in a weak table
 *    of the registry, where C without the userdata finds it: buffered values
 *    at 1 .. capacity, those of senders who wait under their node.
 * 4. A channel that is collected has waiters only if nobody else can reach it:
 *    their nodes are taken out, and they wait on, to be cancelled.
 */
#include "bind/rt/channel.h"

#include "base/alloc.h"
#include "base/err.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"

#define MAX_CAPACITY 1000000000

const char atl_channel_type[] = "atlas.Channel";
static const char values_key; /* its address: the weak table */

/* --- values --- */

/* Push the table of the channel's values; quicker if the channel is at 1. */
static void
push_values(lua_State *L, struct atl_channel *ch)
{
    if (lua_touserdata(L, 1) == ch) {
        atl_getuservalue(L, 1);
        return;
    }
    lua_checkstack(L, 6);
    lua_pushlightuserdata(L, (void *)&values_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, ch);
    lua_rawget(L, -2);
    lua_replace(L, -2);
}

/* Keep the value on top of L under `node`, and pop it. */
void
atl_channel_keep(lua_State *L, struct atl_channel_node *node)
{
    push_values(L, node->ch);
    lua_pushlightuserdata(L, node);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
    node->keeps = true;
}

/* Push the value that is kept under `node`, and let it go. */
static void
push_kept(lua_State *L, struct atl_channel_node *node)
{
    push_values(L, node->ch);
    lua_pushlightuserdata(L, node);
    lua_rawget(L, -2);
    lua_pushlightuserdata(L, node);
    lua_pushnil(L);
    lua_rawset(L, -4);
    lua_replace(L, -2);
    node->keeps = false;
}

/* Put the value on top of L into the buffer, which has room, and pop it. */
static void
store(lua_State *L, struct atl_channel *ch)
{
    push_values(L, ch);
    lua_insert(L, -2);
    lua_rawseti(L, -2,
                (int)(((int64_t)ch->head + ch->count) % ch->capacity) + 1);
    lua_pop(L, 1);
    ch->count++;
}

/* Push the first value of the buffer, which isn't empty, and take it out. */
static void
push_stored(lua_State *L, struct atl_channel *ch)
{
    push_values(L, ch);
    lua_rawgeti(L, -1, ch->head + 1);
    lua_pushnil(L);
    lua_rawseti(L, -3, ch->head + 1);
    lua_replace(L, -2);
    ch->head = --ch->count == 0 ? 0 : (ch->head + 1) % ch->capacity;
}

/* --- those who wait --- */

static struct atl_channel_node *
first(struct atl_link *list)
{
    return list->next == list
               ? NULL
               : ATL_OWNER(list->next, struct atl_channel_node, link);
}

static void
drop_nodes(struct atl_channel_op *op)
{
    if (op->nodes != &op->one)
        atl_free(op->nodes);
    op->nodes = NULL;
    op->count = op->linked = 0;
}

/* Take the operation out of all channels. */
static void
withdraw(struct atl_channel_op *op)
{
    int i;

    for (i = 0; i < op->count; i++) {
        struct atl_channel_node *node = &op->nodes[i];

        if (node->keeps && !atl_list_is_empty(&node->link)) { /* law 4 */
            push_kept(node->ch->vm->L, node);
            lua_pop(node->ch->vm->L, 1);
        }
        atl_list_remove(&node->link);
    }
    drop_nodes(op);
}

void
atl_channel_withdraw(struct atl_wait *wait)
{
    withdraw(ATL_OWNER(wait, struct atl_channel_op, wait));
}

static const struct atl_wait_kind in_recv = {"channel:recv",
                                             atl_channel_withdraw};
static const struct atl_wait_kind in_send = {"channel:send",
                                             atl_channel_withdraw};

/* What `node` waits for has come: the `count` values on top of L. */
static void
complete(lua_State *L, struct atl_channel_node *node, int count)
{
    struct atl_channel_op *op = node->op;
    lua_State *to = atl_wait_stack(&op->wait);
    int index = node->index;

    withdraw(op);
    lua_checkstack(to, count + 2);
    if (index != 0)
        lua_pushinteger(to, index);
    lua_xmove(L, to, count);
    atl_wake(&op->wait, count + (index != 0));
}

/* Push the next value of the channel; false and nothing if there is none. */
bool
atl_channel_take(lua_State *L, struct atl_channel *ch)
{
    struct atl_channel_node *sender = first(&ch->senders);

    if (ch->count == 0 && sender == NULL)
        return false;
    if (ch->count > 0)
        push_stored(L, ch);
    if (sender != NULL) {
        push_kept(L, sender);
        if (ch->capacity > 0)
            store(L, ch); /* in the place that has become free */
        lua_pushboolean(L, 1);
        complete(L, sender, 1);
    }
    return true;
}

/* Pop a value into the channel; false, and it stays, if there is no room. */
bool
atl_channel_give(lua_State *L, struct atl_channel *ch)
{
    struct atl_channel_node *receiver = first(&ch->receivers);

    if (receiver != NULL)
        complete(L, receiver, 1);
    else if (ch->count < ch->capacity)
        store(L, ch);
    else
        return false;
    return true;
}

void
atl_channel_link(struct atl_channel_op *op, struct atl_channel_node *node,
                 struct atl_channel *ch, bool sends)
{
    node->op = op;
    node->ch = ch;
    node->sends = sends;
    op->linked++;
    atl_list_push(sends ? &ch->senders : &ch->receivers, &node->link);
}

/* Wait in one list of the channel; to send: the value on top of L. */
static int
wait_in(lua_State *L, struct atl_task *task, struct atl_channel *ch, bool sends)
{
    struct atl_channel_op *op =
        atl_wait_new(task, sizeof(*op), sends ? &in_send : &in_recv);

    op->nodes = &op->one;
    op->count = 1;
    atl_channel_link(op, &op->one, ch, sends);
    if (sends)
        atl_channel_keep(L, &op->one);
    return atl_await(L, &op->wait);
}

/* --- channels --- */

static struct atl_channel *
arg_channel(lua_State *L)
{
    return atl_arg_object(L, 1, atl_channel_type, sizeof(struct atl_channel));
}

/* The channel and the value that are to be sent, alone on the stack. */
static struct atl_channel *
arg_channel_and_value(lua_State *L)
{
    struct atl_channel *ch = arg_channel(L);

    if (lua_isnoneornil(L, 2))
        atl_arg_error(L, 2, "a value that isn't nil expected");
    lua_settop(L, 2);
    return ch;
}

int
atl_channel_push_closed(lua_State *L, struct atl_channel *ch)
{
    return atl_push_error(L, ch->vm, ATL_E_CLOSED, "channel");
}

/* channel(capacity) -> channel */
static int
f_channel(lua_State *L)
{
    lua_Number n = lua_isnoneornil(L, 1) ? 0 : atl_arg_number(L, 1);
    struct atl_channel *ch;

    if (!(n >= 0 && n <= MAX_CAPACITY) || n != (lua_Number)(int)n)
        return atl_arg_error(L, 1, "an integer from 0 to 1e9 expected");
    lua_settop(L, 0);
    ch = atl_newuserdata(L, sizeof(*ch));
    *ch = (struct atl_channel){
        .object = {atl_channel_type}, .vm = ATL_VM(L), .capacity = (int)n};
    atl_list_init(&ch->receivers);
    atl_list_init(&ch->senders);
    luaL_setmetatable(L, atl_channel_type);
    lua_newtable(L);
    lua_pushlightuserdata(L, (void *)&values_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, ch);
    lua_pushvalue(L, 2);
    lua_rawset(L, 3);
    lua_settop(L, 2);
    atl_setuservalue(L, 1);
    return 1;
}

/* ch:send(v) -> true | nil, ECLOSED */
static int
m_send(lua_State *L)
{
    struct atl_channel *ch = arg_channel_and_value(L);
    struct atl_task *task;
    int pushed = atl_check_which(L, &task);

    if (pushed != 0)
        return pushed;
    if (ch->closed)
        return atl_channel_push_closed(L, ch);
    if (!atl_channel_give(L, ch))
        return wait_in(L, task, ch, true);
    lua_pushboolean(L, 1);
    return 1;
}

/* ch:try_send(v) -> was there room? */
static int
m_try_send(lua_State *L)
{
    struct atl_channel *ch = arg_channel_and_value(L);

    lua_pushboolean(L, !ch->closed && atl_channel_give(L, ch));
    return 1;
}

/* ch:recv() -> v | nil, ECLOSED */
static int
m_recv(lua_State *L)
{
    struct atl_channel *ch = arg_channel(L);
    struct atl_task *task;
    int pushed = atl_check_which(L, &task);

    if (pushed != 0)
        return pushed;
    if (atl_channel_take(L, ch))
        return 1;
    if (ch->closed)
        return atl_channel_push_closed(L, ch);
    return wait_in(L, task, ch, false);
}

/* ch:try_recv() -> v | nil | nil, ECLOSED */
static int
m_try_recv(lua_State *L)
{
    struct atl_channel *ch = arg_channel(L);

    if (atl_channel_take(L, ch))
        return 1;
    lua_pushnil(L);
    return ch->closed ? atl_channel_push_closed(L, ch) : 1;
}

/* All in the list get nil, ECLOSED. */
static void
turn_away(lua_State *L, struct atl_channel *ch, struct atl_link *list)
{
    while (first(list) != NULL) {
        int pushed = atl_channel_push_closed(L, ch);

        if (first(list) != NULL) /* a finalizer may have run */
            complete(L, first(list), pushed);
    }
}

static int
m_close(lua_State *L)
{
    struct atl_channel *ch = arg_channel(L);

    ch->closed = true;
    turn_away(L, ch, &ch->senders);
    turn_away(L, ch, &ch->receivers);
    return 0;
}

static int
m_is_closed(lua_State *L)
{
    lua_pushboolean(L, arg_channel(L)->closed);
    return 1;
}

/* #ch and ch:len() -> values in the buffer */
static int
m_len(lua_State *L)
{
    lua_pushinteger(L, arg_channel(L)->count);
    return 1;
}

static int
count(const struct atl_link *list)
{
    const struct atl_link *link;
    int n = 0;

    for (link = list->next; link != list; link = link->next)
        n++;
    return n;
}

static int
m_tostring(lua_State *L)
{
    const struct atl_channel *ch = arg_channel(L);
    int receiving = count(&ch->receivers), sending = count(&ch->senders);

    lua_settop(L, 1);
    lua_pushfstring(L, "%s (%d of %d buffered", atl_channel_type, ch->count,
                    ch->capacity);
    if (receiving > 0)
        lua_pushfstring(L, ", %d receiving", receiving);
    if (sending > 0)
        lua_pushfstring(L, ", %d sending", sending);
    lua_pushstring(L, ch->closed ? ", closed)" : ")");
    lua_concat(L, lua_gettop(L) - 1);
    return 1;
}

static int
m_gc(lua_State *L)
{
    struct atl_channel *ch = lua_touserdata(L, 1);
    struct atl_link *link;

    while ((link = atl_list_pop(&ch->receivers)) != NULL ||
           (link = atl_list_pop(&ch->senders)) != NULL) {
        struct atl_channel_op *op =
            ATL_OWNER(link, struct atl_channel_node, link)->op;

        if (--op->linked == 0)
            drop_nodes(op);
    }
    return 0;
}

/* --- the module --- */

static const struct atl_reg methods[] = {
    {"send", m_send, AWAITS | SMALL_2},
    {"recv", m_recv, AWAITS | SMALL},
    {"try_send", m_try_send, 0},
    {"try_recv", m_try_recv, 0},
    {"close", m_close, 0},
    {"len", m_len, 0},
    {"is_closed", m_is_closed, 0},
    {NULL, NULL, 0},
};

static const struct atl_reg metamethods[] = {
    {"__len", m_len, 0},           {"__gc", m_gc, 0}, {"__close", m_close, 0},
    {"__tostring", m_tostring, 0}, {NULL, NULL, 0},
};

static const struct atl_reg functions[] = {
    {"channel", f_channel, 0},
    {"select", atl_channel_select, AWAITS},
    {NULL, NULL, 0},
};

int
luaopen_atlas_channel(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    lua_pushlightuserdata(L, (void *)&values_key);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    atl_reg_type(L, vm, atl_channel_type, methods, metamethods);
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, atl_channel_type); /* for the Lua half to add to */
    lua_pop(L, 1);
    atl_reg_set(L, vm, functions);
    return 1;
}
