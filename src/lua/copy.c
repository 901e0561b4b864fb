/* copy.c - Lua values as bytes.  See copy.h.
 * SPDX-License-Identifier: MIT
 *
 * A message is a struct header and the values, each a tag and what follows it.
 * A table is its class, the number of its items, those, and pairs of keys and
 * values until a nil.
 */
#include "lua/copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "lua/json.h"
#include "lua/json_path.h"

enum tag {
    NIL,
    NO,
    YES,
    INTEGER, /* lua_Integer */
    FLOAT,   /* lua_Number */
    STRING,  /* size_t, bytes */
    TABLE,   /* struct table_head, items, keys and values, NIL */
    AGAIN,   /* uint32_t: the table of this number */
    JSON_NULL,
    NULL_POINTER,
};

struct header {
    int count;        /* values */
    uint32_t repeats; /* not 0: there are tables that come again */
};

struct table_head {
    uint32_t items, pairs; /* keys 1 to `items`, and others */
    int class;             /* 0: none */
};

#define ARRAY_CLASS (-1) /* of JSON */

/* A table that is being written, and where in it the writer is. */
struct level {
    struct atl_json_frame frame;
    struct level *up;
    int depth;
    bool in_key;
};

struct writer {
    lua_State *L;
    struct atl_vm *vm;
    struct atl_buf *out;
    struct atl_copy_fault *fault;
    int seen; /* slot of a table: table -> its number; or of nil */
    uint32_t tables, repeats;
};

/* --- classes --- */

void
atl_copy_classes(lua_State *L, struct atl_vm *vm, int index)
{
    int i, count = (int)atl_rawlen(L, index);

    index = lua_absindex(L, index);
    lua_newtable(L);
    for (i = 1; i <= count && i <= ATL_COPY_MAX_CLASSES; i++) {
        lua_rawgeti(L, index, i);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, i);
        lua_pushinteger(L, i);
        lua_rawset(L, -3);
    }
    if (vm->refs.copy_classes != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, vm->refs.copy_classes);
    vm->refs.copy_classes = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The class of the table at `index`; 0: none that is known. */
static int
class_of(lua_State *L, const struct atl_vm *vm, int index)
{
    int class;

    if (!lua_getmetatable(L, index))
        return 0;
    if (lua_topointer(L, -1) == vm->json.array) {
        lua_pop(L, 1);
        return ARRAY_CLASS;
    }
    atl_vm_push(L, vm->refs.copy_classes);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 2);
        return 0;
    }
    lua_insert(L, -2);
    lua_rawget(L, -2);
    class = (int)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return class;
}

/* --- faults --- */

/* Keys that aren't strings, as the path wants them; the walk has ended. */
static void
name_keys(lua_State *L, struct level *at)
{
    for (; at != NULL; at = at->up) {
        struct atl_json_frame *f = &at->frame;

        if (f->key == 0 || lua_type(L, f->key) == LUA_TSTRING)
            continue;
        if (lua_isinteger(L, f->key)) {
            f->i = lua_tointeger(L, f->key);
            f->key = 0;
        } else {
            lua_pushfstring(L, "a %s", luaL_typename(L, f->key));
            lua_replace(L, f->key);
        }
    }
}

static int fail(struct writer *w, int err, struct level *at, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static int
fail(struct writer *w, int err, struct level *at, const char *format, ...)
{
    char path[ATL_JSON_PATH_ROOM] = "", text[80];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (at != NULL) {
        name_keys(w->L, at);
        atl_json_path_write(path, w->L, &at->frame);
    }
    snprintf(w->fault->text, sizeof(w->fault->text), "%s%s%s%s",
             at != NULL && at->in_key ? "the key at " : "", path,
             at != NULL ? " " : "", text);
    return err;
}

static int
fail_type(struct writer *w, int index, struct level *at)
{
    const char *format = at != NULL ? "is a %s, which cannot be copied"
                                    : "a %s cannot be copied";

    return fail(w, ATL_E_INVALID, at, format, /* NOLINT: of two literals */
                luaL_typename(w->L, index));
}

/* --- writing --- */

static int
put(struct writer *w, struct level *at, const void *bytes, size_t len)
{
    if (atl_buf_append(w->out, bytes, len) == 0)
        return 0;
    return fail(w, ATL_E_TOOBIG, at,
                at != NULL ? "is beyond the limit of %zu bytes"
                           : "more than %zu bytes",
                w->out->limit);
}

static int
put_tagged(struct writer *w, struct level *at, enum tag tag, const void *bytes,
           size_t len)
{
    char tagged[1 + 16];

    tagged[0] = (char)tag;
    memcpy(tagged + 1, bytes, len);
    return put(w, at, tagged, 1 + len);
}

static int
put_tag(struct writer *w, struct level *at, enum tag tag)
{
    return put_tagged(w, at, tag, "", 0);
}

static int
put_number(struct writer *w, struct level *at, int index)
{
    lua_Number number = lua_tonumber(w->L, index);
    int64_t integer;

    if (atl_is_int64(w->L, index, &integer))
        return put_tagged(w, at, INTEGER, &integer, sizeof(integer));
    return put_tagged(w, at, FLOAT, &number, sizeof(number));
}

static int
put_string(struct writer *w, struct level *at, int index)
{
    size_t len;
    const char *text = lua_tolstring(w->L, index, &len);
    int err = put_tagged(w, at, STRING, &len, sizeof(len));

    return err != 0 ? err : put(w, at, text, len);
}

static int
put_userdata(struct writer *w, struct level *at, int index)
{
    if (atl_json_is_null(w->L, w->vm, index))
        return put_tag(w, at, JSON_NULL);
    if (lua_islightuserdata(w->L, index) && lua_touserdata(w->L, index) == NULL)
        return put_tag(w, at, NULL_POINTER);
    return fail_type(w, index, at);
}

/* Remember the table at `index`; its number, if it has been written before. */
static uint32_t
find_seen(struct writer *w, int index)
{
    lua_State *L = w->L;
    uint32_t number;

    if (lua_isnil(L, w->seen)) {
        lua_newtable(L);
        lua_replace(L, w->seen);
    }
    lua_pushvalue(L, index);
    lua_rawget(L, w->seen);
    number = (uint32_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (number == 0) {
        lua_pushvalue(L, index);
        lua_pushnumber(L, (lua_Number)++w->tables);
        lua_rawset(L, w->seen);
    }
    return number;
}

static int put_value(struct writer *w, struct level *at, int index);

static int
put_items(struct writer *w, struct level *at, int table, uint32_t count)
{
    lua_State *L = w->L;
    int err = 0;

    at->frame.key = 0;
    for (at->frame.i = 1; at->frame.i <= (lua_Integer)count && err == 0;
         at->frame.i++) {
        lua_rawgeti(L, table, (int)at->frame.i);
        err = put_value(w, at, lua_gettop(L));
        lua_pop(L, 1);
    }
    return err;
}

/* Is the key at `index` one of 1 to `count`, which are written already? */
static bool
is_item(lua_State *L, int index, uint32_t count)
{
    lua_Number n;

    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    n = lua_tonumber(L, index);
    return n >= 1 && n <= count && n == (lua_Number)(uint32_t)n;
}

static int
put_pairs(struct writer *w, struct level *at, int table, uint32_t items,
          uint32_t *count_out)
{
    lua_State *L = w->L;
    int err = 0;

    lua_pushnil(L);
    at->frame.key = lua_gettop(L);
    while (err == 0 && lua_next(L, table)) {
        if (!is_item(L, at->frame.key, items)) {
            (*count_out)++;
            at->in_key = true;
            err = put_value(w, at, at->frame.key);
            at->in_key = false;
            if (err == 0)
                err = put_value(w, at, at->frame.key + 1);
        }
        if (err == 0)
            lua_pop(L, 1);
    }
    return err != 0 ? err : put_tag(w, at, NIL);
}

static int
put_table(struct writer *w, struct level *up, int index)
{
    struct level at = {.up = up, .depth = up != NULL ? up->depth + 1 : 1};
    struct table_head head = {(uint32_t)atl_rawlen(w->L, index), 0, 0};
    uint32_t number = find_seen(w, index);
    size_t start;
    int err;

    if (number != 0) {
        w->repeats++;
        return put_tagged(w, up, AGAIN, &number, sizeof(number));
    }
    if (at.depth > ATL_COPY_MAX_DEPTH)
        return fail(w, ATL_E_TOOBIG, NULL, "tables nested more than %d deep",
                    ATL_COPY_MAX_DEPTH);
    at.frame.up = up != NULL ? &up->frame : NULL;
    at.frame.table = index;
    head.class = class_of(w->L, w->vm, index);
    if ((err = put_tagged(w, up, TABLE, &head, sizeof(head))) != 0)
        return err;
    start = w->out->len - sizeof(head);
    luaL_checkstack(w->L, 8, "copy");
    if ((err = put_items(w, &at, index, head.items)) == 0)
        err = put_pairs(w, &at, index, head.items, &head.pairs);
    if (err == 0)
        memcpy(w->out->data + start, &head, sizeof(head));
    return err;
}

static int
put_value(struct writer *w, struct level *at, int index)
{
    switch (lua_type(w->L, index)) {
    case LUA_TNIL:
        return put_tag(w, at, NIL);
    case LUA_TBOOLEAN:
        return put_tag(w, at, lua_toboolean(w->L, index) ? YES : NO);
    case LUA_TNUMBER:
        return put_number(w, at, index);
    case LUA_TSTRING:
        return put_string(w, at, index);
    case LUA_TTABLE:
        return put_table(w, at, index);
    case LUA_TLIGHTUSERDATA:
    case LUA_TUSERDATA:
        return put_userdata(w, at, index);
    default:
        return fail_type(w, index, at);
    }
}

int
atl_copy_write(lua_State *L, struct atl_vm *vm, int first, int count,
               struct atl_buf *out, struct atl_copy_fault *fault)
{
    struct writer w = {.L = L, .vm = vm, .out = out, .fault = fault};
    struct header header = {count, 0};
    int i, err, top = lua_gettop(L);
    size_t start = out->len;

    luaL_checkstack(L, 16, "copy");
    lua_pushnil(L);
    w.seen = top + 1;
    fault->value = 1;
    err = put(&w, NULL, &header, sizeof(header));
    for (i = 0; i < count && err == 0; i++) {
        fault->value = i + 1;
        err = put_value(&w, NULL, first + i);
    }
    header.repeats = w.repeats;
    if (err == 0)
        memcpy(out->data + start, &header, sizeof(header));
    lua_settop(L, top);
    return err;
}

/* --- reading --- */

struct reader {
    lua_State *L;
    struct atl_vm *vm;
    const char *at;
    int seen; /* slot of a list of tables; 0: none comes again */
    int tables;
};

static void
get(struct reader *r, void *to, size_t len)
{
    memcpy(to, r->at, len);
    r->at += len;
}

static int
get_tag(struct reader *r)
{
    return (unsigned char)*r->at++;
}

static void
get_string(struct reader *r)
{
    size_t len;

    get(r, &len, sizeof(len));
    lua_pushlstring(r->L, r->at, len);
    r->at += len;
}

static void
get_again(struct reader *r)
{
    uint32_t number;

    get(r, &number, sizeof(number));
    lua_rawgeti(r->L, r->seen, (int)number);
}

static void
set_class(struct reader *r, int class)
{
    if (class == ARRAY_CLASS) {
        atl_json_mark_array(r->L, r->vm, -1);
    } else if (class != 0) {
        atl_vm_push(r->L, r->vm->refs.copy_classes);
        lua_rawgeti(r->L, -1, class);
        lua_setmetatable(r->L, -3);
        lua_pop(r->L, 1);
    }
}

static void get_value(struct reader *r, int tag);

static void
get_table(struct reader *r)
{
    lua_State *L = r->L;
    struct table_head head;
    uint32_t i;
    int tag;

    get(r, &head, sizeof(head));
    luaL_checkstack(L, 8, "copy");
    lua_createtable(L, (int)head.items, (int)head.pairs);
    if (r->seen != 0) {
        lua_pushvalue(L, -1);
        lua_rawseti(L, r->seen, ++r->tables);
    }
    for (i = 1; i <= head.items; i++) {
        get_value(r, get_tag(r));
        lua_rawseti(L, -2, (int)i);
    }
    while ((tag = get_tag(r)) != NIL) {
        get_value(r, tag);
        get_value(r, get_tag(r));
        lua_rawset(L, -3);
    }
    set_class(r, head.class);
}

static void
get_value(struct reader *r, int tag)
{
    lua_Number number;
    lua_Integer integer;

    switch (tag) {
    case NIL:
        lua_pushnil(r->L);
        break;
    case NO:
    case YES:
        lua_pushboolean(r->L, tag == YES);
        break;
    case INTEGER:
        get(r, &integer, sizeof(integer));
        lua_pushinteger(r->L, integer);
        break;
    case FLOAT:
        get(r, &number, sizeof(number));
        lua_pushnumber(r->L, number);
        break;
    case STRING:
        get_string(r);
        break;
    case TABLE:
        get_table(r);
        break;
    case AGAIN:
        get_again(r);
        break;
    case JSON_NULL:
        atl_json_push_null(r->L, r->vm);
        break;
    default:
        lua_pushlightuserdata(r->L, NULL);
    }
}

int
atl_copy_read(lua_State *L, struct atl_vm *vm, const char *bytes)
{
    struct reader r = {.L = L, .vm = vm, .at = bytes};
    struct header header;
    int i;

    get(&r, &header, sizeof(header));
    luaL_checkstack(L, header.count + 16, "copy");
    if (header.repeats > 0) {
        lua_newtable(L);
        r.seen = lua_gettop(L);
    }
    for (i = 0; i < header.count; i++)
        get_value(&r, get_tag(&r));
    if (r.seen != 0)
        lua_remove(L, r.seen);
    return header.count;
}
