/* channel.h - what channels and select share.  The laws: channel.c.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BIND_RT_CHANNEL_H
#define ATL_BIND_RT_CHANNEL_H

#include "lua/args.h"
#include "lua/sched.h"

extern const char atl_channel_type[]; /* of the userdata's atl_object */

struct atl_channel {
    struct atl_object object;
    struct atl_link receivers; /* struct atl_channel_node */
    struct atl_link senders;   /* struct atl_channel_node */
    struct atl_vm *vm;
    int capacity;
    int head; /* index of the first buffered value, from 0 */
    int count;
    bool closed;
    lua_Number picked[2]; /* turn in which select last took recv, send */
};

/* The place of an operation in one channel's list. */
struct atl_channel_node {
    struct atl_link link;
    struct atl_channel *ch; /* valid while linked */
    struct atl_channel_op *op;
    int index; /* of select's case; 0: not a select */
    bool sends;
    bool keeps; /* law 3: its value */
};

struct atl_channel_op {
    struct atl_wait wait;
    struct atl_channel_node *nodes; /* &one, or on the heap */
    int count;
    int linked;
    struct atl_channel_node one;
};

/* Keep the value on top of L under `node`, which is linked, and pop it. */
void atl_channel_keep(lua_State *L, struct atl_channel_node *node);

/* Push the next value of the channel; false and nothing if there is none. */
bool atl_channel_take(lua_State *L, struct atl_channel *ch);

/* Pop a value into the channel; false, and it stays, if there is no room. */
bool atl_channel_give(lua_State *L, struct atl_channel *ch);

/* Put `node` of `op` into the channel's list of senders or receivers. */
void atl_channel_link(struct atl_channel_op *op, struct atl_channel_node *node,
                      struct atl_channel *ch, bool sends);

/* Cancel hook: take the operation out of all channels. */
void atl_channel_withdraw(struct atl_wait *wait);

/* Push nil and ECLOSED; 2. */
int atl_channel_push_closed(lua_State *L, struct atl_channel *ch);

/* select(cases, turn) -> index, ... | nil, ETIMEDOUT */
int atl_channel_select(lua_State *L);

#endif
