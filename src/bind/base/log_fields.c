/* log_fields.c - Lua values in a log line.  See log_fields.h.
 * SPDX-License-Identifier: MIT
 */
#include "bind/base/log_fields.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert(ATL_LOG_NESTED <= ATL_LOG_DEPTH_MAX, "a line nests so deep");

/* Slots that one table needs: its keys twice, and what is at hand. */
#define SLOTS (2 * ATL_LOG_FIELDS + 8)

static void put_value(lua_State *L, struct atl_log_line *l, int index,
                      int depth);

/* --- text of a value --- */

static struct atl_str
peek_string(lua_State *L, int index)
{
    struct atl_str s;

    s.ptr = lua_tolstring(L, index, &s.len);
    return s;
}

/*
 * Push the text of the value at `index`, as tostring() gives it.  An error in
 * __tostring, which may also try to wait, becomes a text: whoever logs must
 * not fail of it.
 */
static void
push_text(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (luaL_getmetafield(L, index, "__tostring")) {
        lua_pushvalue(L, index);
        if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
            lua_tostring(L, -1); /* a number becomes its text */
            return;
        }
        lua_pop(L, 1);
        lua_pushfstring(L, "%s (its __tostring has failed)",
                        luaL_typename(L, index));
        return;
    }
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        break;
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        lua_pushvalue(L, index);
        lua_tostring(L, -1);
        break;
    default:
        lua_pushfstring(L, "%s: %p", luaL_typename(L, index),
                        lua_topointer(L, index));
        break;
    }
}

/* --- tables --- */

/* A key as text, and where it stands on the stack itself. */
struct key {
    struct atl_str text;
    int index;
};

static int
compare(const void *a, const void *b)
{
    const struct atl_str *s = &((const struct key *)a)->text;
    const struct atl_str *t = &((const struct key *)b)->text;
    int order = memcmp(s->ptr, t->ptr, s->len < t->len ? s->len : t->len);

    if (order != 0)
        return order;
    return s->len < t->len ? -1 : s->len > t->len;
}

/*
 * Push the keys of the table at `table`, each with its text above it, sorted
 * in `keys`; returns how many.  *more_out: there are others.
 */
static int
collect_keys(lua_State *L, int table, struct key *keys, bool *more_out)
{
    int count = 0;

    *more_out = false;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        if (count == ATL_LOG_FIELDS) {
            *more_out = true;
            break;
        }
        if (lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER)
            push_text(L, -1);
        else
            lua_pushstring(L, luaL_typename(L, -1));
        keys[count].index = lua_gettop(L) - 1;
        keys[count].text = peek_string(L, -1);
        count++;
        lua_pushvalue(L, -2); /* for lua_next() */
    }
    qsort(keys, (size_t)count, sizeof(*keys), compare);
    return count;
}

static bool
is_reserved(const struct atl_log_line *l, struct atl_str key)
{
    static const struct atl_str own[] = {
        {"time", 4},    {"level", 5}, {"logger", 6},    {"request_id", 10},
        {"message", 7}, {"trace", 5}, {"truncated", 9},
    };
    size_t i;

    if (l->depth > 0 || l->format != ATL_LOG_JSON)
        return false;
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (atl_str_eq(key, own[i]))
            return true;
    return false;
}

/* A field that is called as one of the line's own must not replace it. */
static bool
put_key(struct atl_log_line *l, struct atl_str key)
{
    char text[32];
    int len;

    if (!is_reserved(l, key))
        return atl_log_line_key(l, key);
    len = snprintf(text, sizeof(text), "fields.%.*s", (int)key.len, key.ptr);
    return atl_log_line_key(l, (struct atl_str){text, (size_t)len});
}

static void
put_items(lua_State *L, struct atl_log_line *l, int table, int depth)
{
    struct key keys[ATL_LOG_FIELDS];
    bool more;
    int i, count, top = lua_gettop(L);

    count = collect_keys(L, table, keys, &more);
    for (i = 0; i < count; i++) {
        if (!put_key(l, keys[i].text))
            continue;
        lua_pushvalue(L, keys[i].index);
        lua_rawget(L, table);
        put_value(L, l, -1, depth);
        lua_pop(L, 1);
    }
    if (more && atl_log_line_key(l, ATL_STR("...")))
        atl_log_line_bool(l, true);
    lua_settop(L, top);
}

static void
put_list(lua_State *L, struct atl_log_line *l, int table, int depth)
{
    size_t i, len = atl_rawlen(L, table);
    size_t shown = len < ATL_LOG_FIELDS ? len : ATL_LOG_FIELDS;

    for (i = 1; i <= shown; i++) {
        lua_rawgeti(L, table, (int)i);
        put_value(L, l, -1, depth);
        lua_pop(L, 1);
    }
    if (shown < len)
        atl_log_line_str(l, ATL_STR("..."));
}

static void
put_table(lua_State *L, struct atl_log_line *l, int index, int depth)
{
    bool is_list;

    if (depth == ATL_LOG_NESTED || !lua_checkstack(L, SLOTS)) {
        atl_log_line_str(l, ATL_STR("..."));
        return;
    }
    lua_rawgeti(L, index, 1);
    is_list = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!atl_log_line_open(l, is_list))
        return;
    if (is_list)
        put_list(L, l, index, depth + 1);
    else
        put_items(L, l, index, depth + 1);
    atl_log_line_close(l);
}

static void
put_value(lua_State *L, struct atl_log_line *l, int index, int depth)
{
    index = lua_absindex(L, index);
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        atl_log_line_str(l, peek_string(L, index));
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            atl_log_line_int(l, (int64_t)lua_tointeger(L, index));
        else
            atl_log_line_number(l, (double)lua_tonumber(L, index));
        return;
    case LUA_TBOOLEAN:
        atl_log_line_bool(l, lua_toboolean(L, index));
        return;
    case LUA_TTABLE:
        if (!luaL_getmetafield(L, index, "__tostring")) {
            put_table(L, l, index, depth);
            return;
        }
        lua_pop(L, 1);
        break;
    default:
        break;
    }
    push_text(L, index);
    atl_log_line_str(l, peek_string(L, -1));
    lua_pop(L, 1);
}

/* --- a line's parts --- */

void
atl_log_fields_message(lua_State *L, struct atl_log_line *l, int index)
{
    push_text(L, index);
    atl_log_line_message(l, peek_string(L, -1));
    lua_pop(L, 1);
}

void
atl_log_fields_put(lua_State *L, struct atl_log_line *l, int index)
{
    if (lua_checkstack(L, SLOTS))
        put_items(L, l, index, 0);
}
