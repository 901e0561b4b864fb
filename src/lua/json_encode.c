/* json_encode.c - from Lua values to JSON text.  See json.h.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. Nothing here allocates Lua memory but what a large object, a __tojson or
 *    an error needs; so no finalizer runs, and tables stay as they are.
 * 2. A function that writes a value knows the stack's top, and leaves it.
 * 3. A frame for each open table, from the innermost outward: the path to
 *    what is wrong, made only when something is.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/number.h"
#include "base/word.h"
#include "lua/error.h"
#include "lua/json.h"
#include "lua/json_path.h"
#include "lua/json_scratch.h"
#include "lua/json_writer.h"

#define SLOTS \
    10 /* of the Lua stack, that one table may take beside its pairs */
#define MAX_ON_STACK 256 /* pairs of an object */
#define MAX_STACK 3000
#define MIN_ROOM 64
#define MIN_KEYS 64
#define PATH_ROOM 160
#define MESSAGE_ROOM 320

const struct atl_json_encode_options atl_json_encode_defaults = {
    .max_depth = 128,
    .max_bytes = 64 << 20,
};

struct encoder {
    struct atl_json_writer w;
    lua_State *L;
    int room; /* how far the top may go */
    int full; /* the top from which on pairs aren't kept on the stack */
    int depth;
    struct atl_json_scratch *scratch;
    struct atl_vm *vm;
    const struct atl_json_encode_options *o;
    const struct atl_json_frame *frame;
    char error[MESSAGE_ROOM];
};

static int write_table(struct encoder *e, int index, int top);
static int write_value(struct encoder *e, int index, int top);

/* --- errors --- */

static int fail(struct encoder *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

static int
fail(struct encoder *e, int code, const char *format, ...)
{
    char text[MESSAGE_ROOM - PATH_ROOM - 16];
    char path[PATH_ROOM + 3];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (e->frame == NULL) {
        snprintf(e->error, sizeof(e->error), "%s", text);
        return code;
    }
    atl_json_path(e->L, e->frame, path, sizeof(path));
    snprintf(e->error, sizeof(e->error), "at %s: %s", path, text);
    return code;
}

static int
fail_full(struct encoder *e)
{
    /* Where it was noticed is nowhere in particular. */
    e->frame = NULL;
    return fail(e, ATL_E_TOOBIG, "the text has more than %zu bytes",
                e->o->max_bytes);
}

/* Too deep: perhaps because a table is inside itself. */
static int
fail_deep(struct encoder *e)
{
    const struct atl_json_frame *inner, *outer, *found = NULL;

    /* The outermost, so that the path is short. */
    for (inner = e->frame; inner != NULL; inner = inner->up)
        for (outer = inner->up; outer != NULL; outer = outer->up)
            if (lua_topointer(e->L, inner->table) ==
                lua_topointer(e->L, outer->table))
                found = inner;
    if (found != NULL) {
        e->frame = found->up;
        return fail(e, ATL_E_INVALID, "the table contains itself");
    }
    e->frame = NULL;
    return fail(e, ATL_E_TOOBIG, "more than %d levels of tables",
                e->o->max_depth);
}

static int
fail_type(struct encoder *e, int index)
{
    const char *name = lua_typename(e->L, lua_type(e->L, index));

    /* LuaJIT's cdata has a type that lua.h doesn't know. */
    return fail(e, ATL_E_INVALID, "a %s is no JSON value", name);
}

/* --- small things --- */

static int
grow_stack(struct encoder *e, int top)
{
    int more = e->room;

    if (!lua_checkstack(e->L, more + SLOTS) &&
        !lua_checkstack(e->L, (more = 2 * SLOTS)))
        return fail(e, ATL_E_TOOBIG, "the Lua stack is full");
    e->room = top + more;
    return 0;
}

/* Room above `top` for one table beside its pairs. */
static inline int
ensure_stack(struct encoder *e, int top)
{
    return top + SLOTS <= e->room ? 0 : grow_stack(e, top);
}

/* Push what __tojson is in the metatable `meta`, on top, if it is there. */
static bool
push_hook(struct encoder *e, int meta)
{
    atl_vm_push(e->L, e->vm->json.tojson_ref);
    lua_rawget(e->L, meta);
    return !lua_isnil(e->L, -1);
}

/* Write what the function on top, which is above `top`, makes of the value. */
static int
write_by_hook(struct encoder *e, int index, int top)
{
    int err;

    if (e->depth == e->o->max_depth)
        return fail_deep(e);
    e->depth++;
    lua_pushvalue(e->L, index);
    lua_call(e->L, 1, 1);
    err = write_value(e, top + 2, top + 2);
    lua_settop(e->L, top);
    e->depth--;
    return err;
}

/* --- scalars --- */

static int
fail_string(struct encoder *e, enum atl_json_written written)
{
    if (written == ATL_JSON_FULL)
        return fail_full(e);
    return fail(e, ATL_E_INVALID, "invalid UTF-8 in a string");
}

static inline int
write_byte(struct encoder *e, char c)
{
    return atl_json_write_byte(&e->w, c) ? 0 : fail_full(e);
}

static int
write_text(struct encoder *e, const char *text, size_t len)
{
    if (!atl_json_writer_room(&e->w, len))
        return fail_full(e);
    memcpy(e->w.p, text, len);
    e->w.p += len;
    return 0;
}

static int
write_string(struct encoder *e, int index)
{
    enum atl_json_written written;
    size_t len;
    const char *ptr = lua_tolstring(e->L, index, &len);

    written = atl_json_write_string(&e->w, ptr, len);
    return written == ATL_JSON_WRITTEN ? 0 : fail_string(e, written);
}

static int
write_number(struct encoder *e, int index)
{
    int64_t integer;
    double real;

    if (!atl_json_writer_room(&e->w, ATL_NUMBER_ROOM))
        return fail_full(e);
    if (atl_is_int64(e->L, index, &integer)) {
        e->w.p = atl_number_write_integer(e->w.p, integer);
        return 0;
    }
    real = lua_tonumber(e->L, index);
    if (!isfinite(real))
        return fail(e, ATL_E_INVALID, "%s is no JSON number",
                    isnan(real) ? "NaN" : "infinity");
    e->w.p = atl_number_write(e->w.p, real);
    return 0;
}

static int
write_userdata(struct encoder *e, int index, int top)
{
    if (lua_touserdata(e->L, index) == e->vm->json.null)
        return write_text(e, "null", 4);
    if (lua_getmetatable(e->L, index)) {
        if (push_hook(e, top + 1))
            return write_by_hook(e, index, top);
        lua_settop(e->L, top);
    }
    return fail_type(e, index);
}

/* Write the value in the slot `index`; the stack's top is `top`. */
static inline int
write_value(struct encoder *e, int index, int top)
{
    switch (lua_type(e->L, index)) {
    case LUA_TSTRING:
        return write_string(e, index);
    case LUA_TNUMBER:
        return write_number(e, index);
    case LUA_TTABLE:
        return write_table(e, index, top);
    case LUA_TBOOLEAN:
        return lua_toboolean(e->L, index) ? write_text(e, "true", 4)
                                          : write_text(e, "false", 5);
    case LUA_TNIL:
        return write_text(e, "null", 4);
    case LUA_TUSERDATA:
        return write_userdata(e, index, top);
    case LUA_TLIGHTUSERDATA: /* NULL is other modules' null */
        if (lua_touserdata(e->L, index) == NULL)
            return write_text(e, "null", 4);
        return fail_type(e, index);
    default:
        return fail_type(e, index);
    }
}

/* --- arrays --- */

static int
fail_key(struct encoder *e, lua_Number key)
{
    char text[ATL_NUMBER_ROOM + 8] = "inf";

    if (isfinite(key))
        *atl_number_write(text, key) = '\0';
    return fail(e, ATL_E_INVALID,
                "a table with the key %s is neither an array nor an object",
                text);
}

/* That the table at `index` has the keys 1 to n and no others. */
static int
check_sequence(struct encoder *e, int index, int top, lua_Integer *n_out)
{
    lua_State *L = e->L;
    lua_Integer count = 0;
    lua_Number max = 0;

    lua_settop(L, top);
    for (lua_pushnil(L); lua_next(L, index); lua_settop(L, top + 1)) {
        lua_Number key = lua_tonumber(L, top + 1);

        if (lua_type(L, top + 1) != LUA_TNUMBER)
            return fail(e, ATL_E_INVALID,
                        "a table with a key that is a %s beside numbers",
                        luaL_typename(L, top + 1));
        if (!(key >= 1 && key <= 1e15 && key == floor(key)))
            return fail_key(e, key);
        count++;
        max = key > max ? key : max;
    }
    if (max != (lua_Number)count)
        return fail(e, ATL_E_INVALID,
                    "an array with holes: %lld values, the last one at %.0f",
                    (long long)count, max);
    *n_out = count;
    return 0;
}

/* The values from `f->i` on, of an array whose keys lua_next() mixes. */
static int
write_rest(struct encoder *e, int index, int top, struct atl_json_frame *f)
{
    lua_Integer n = 0;
    int err;

    e->frame = f->up;
    if ((err = check_sequence(e, index, top, &n)) != 0)
        return err;
    e->frame = f;
    for (; f->i <= n; f->i++) {
        if (f->i > 1 && (err = write_byte(e, ',')) != 0)
            return err;
        lua_rawgeti(e->L, index, (int)f->i);
        if ((err = write_value(e, top + 1, top + 1)) != 0)
            return err;
        lua_settop(e->L, top);
    }
    return write_byte(e, ']');
}

/* The first key and value are above `top`. */
static int
write_array(struct encoder *e, int index, int top)
{
    struct atl_json_frame f = {e->frame, index, 0, 1};
    lua_State *L = e->L;
    int err;

    e->frame = &f;
    if ((err = write_byte(e, '[')) != 0)
        return err;
    for (;;) {
        if (lua_tonumber(L, top + 1) != (lua_Number)f.i ||
            lua_type(L, top + 1) != LUA_TNUMBER) {
            err = write_rest(e, index, top, &f);
            break;
        }
        if (f.i > 1 && (err = write_byte(e, ',')) != 0)
            break;
        if ((err = write_value(e, top + 2, top + 2)) != 0)
            break;
        f.i++;
        lua_settop(L, top + 1);
        if (!lua_next(L, index)) {
            err = write_byte(e, ']');
            break;
        }
    }
    e->frame = f.up;
    return err;
}

/* --- objects --- */

/* Add the key in the slot `key`, whose value is found at `slot`. */
static int
add_key(struct encoder *e, int key, int slot)
{
    struct atl_json_scratch *s = e->scratch;
    struct atl_json_key *k;
    uint64_t word = 0;

    if (lua_type(e->L, key) != LUA_TSTRING)
        return fail(e, ATL_E_INVALID, "an object with a key that is a %s",
                    luaL_typename(e->L, key));
    if (s->key_count == s->key_room) {
        s->key_room = s->key_room > 0 ? 2 * s->key_room : MIN_KEYS;
        s->keys = atl_realloc(s->keys, s->key_room * sizeof(*s->keys));
    }
    k = &s->keys[s->key_count++];
    k->ptr = lua_tolstring(e->L, key, &k->len);
    if (k->len >= 8)
        word = atl_word_load(k->ptr);
    else if (k->len > 0)
        word = atl_word_load_few(k->ptr, k->len);
    k->prefix = __builtin_bswap64(word);
    k->slot = slot;
    return 0;
}

/* The key and the colon. */
static int
write_key(struct encoder *e, const struct atl_json_key *k, bool is_first)
{
    enum atl_json_written written =
        atl_json_write_key(&e->w, is_first ? '{' : ',', k->ptr, k->len);

    return written == ATL_JSON_WRITTEN ? 0 : fail_string(e, written);
}

/*
 * Keys and values stay on the stack as lua_next() gives them.  The first pair
 * is there; *count_out is -1 if there are too many.
 */
static int
collect_pairs(struct encoder *e, int index, int top, int *count_out)
{
    int count = 0, slot, err;

    do {
        slot = top + 2 * count + 1;
        if (count == MAX_ON_STACK || slot > e->full) {
            *count_out = -1;
            return 0;
        }
        if ((err = add_key(e, slot, slot + 1)) != 0 ||
            (err = ensure_stack(e, slot + 1)) != 0)
            return err;
        count++;
        lua_pushvalue(e->L, slot);
    } while (lua_next(e->L, index));
    *count_out = count;
    return 0;
}

static int
write_pairs(struct encoder *e, int top, int count, struct atl_json_frame *f)
{
    size_t first = e->scratch->key_count - (size_t)count;
    int i, err;

    atl_json_keys_sort(e->scratch->keys + first, count);
    e->frame = f;
    for (i = 0; i < count; i++) {
        struct atl_json_key k = e->scratch->keys[first + (size_t)i];

        f->key = k.slot - 1;
        if ((err = write_key(e, &k, i == 0)) != 0 ||
            (err = write_value(e, k.slot, top + 2 * count)) != 0)
            return err;
    }
    return 0;
}

/* The same for many: the keys are kept in a table, in the slot top + 1. */
static int
write_many_pairs(struct encoder *e, int index, int top,
                 struct atl_json_frame *f)
{
    lua_State *L = e->L;
    size_t first = e->scratch->key_count;
    int count = 0, i, err;

    lua_settop(L, top);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index); lua_settop(L, top + 2)) {
        if ((err = add_key(e, top + 2, ++count)) != 0)
            return err;
        lua_pushvalue(L, top + 2);
        lua_rawseti(L, top + 1, count);
    }
    lua_settop(L, top + 1);
    atl_json_keys_sort(e->scratch->keys + first, count);
    f->key = top + 2;
    e->frame = f;
    for (i = 0; i < count; i++) {
        struct atl_json_key k = e->scratch->keys[first + (size_t)i];

        lua_rawgeti(L, top + 1, k.slot);
        if ((err = write_key(e, &k, i == 0)) != 0)
            return err;
        lua_pushvalue(L, top + 2);
        lua_rawget(L, index);
        if ((err = write_value(e, top + 3, top + 3)) != 0)
            return err;
        lua_settop(L, top + 1);
    }
    return 0;
}

/* The first key and value are above `top`. */
static int
write_object(struct encoder *e, int index, int top)
{
    struct atl_json_frame f = {e->frame, index, top + 1, 0};
    size_t first = e->scratch->key_count;
    int count, err;

    if ((err = collect_pairs(e, index, top, &count)) != 0)
        return err;
    if (count >= 0) {
        err = write_pairs(e, top, count, &f);
    } else {
        e->scratch->key_count = first;
        err = write_many_pairs(e, index, top, &f);
    }
    e->scratch->key_count = first;
    e->frame = f.up;
    return err != 0 ? err : write_byte(e, '}');
}

/* --- tables --- */

static int
write_filled_table(struct encoder *e, int index, int top, bool is_array)
{
    int type = lua_type(e->L, top + 1);

    if (type == LUA_TNUMBER)
        return write_array(e, index, top);
    if (is_array)
        return fail(e, ATL_E_INVALID, "an array with a key that is a %s",
                    lua_typename(e->L, type));
    return write_object(e, index, top);
}

static int
write_table(struct encoder *e, int index, int top)
{
    bool is_array = false;
    int err;

    if ((err = ensure_stack(e, top)) != 0)
        return err;
    if (lua_getmetatable(e->L, index)) {
        is_array = lua_topointer(e->L, top + 1) == e->vm->json.array;
        if (!is_array && push_hook(e, top + 1))
            return write_by_hook(e, index, top);
        lua_settop(e->L, top);
    }
    if (e->depth == e->o->max_depth)
        return fail_deep(e);
    e->depth++;
    lua_pushnil(e->L);
    if (lua_next(e->L, index)) {
        err = write_filled_table(e, index, top, is_array);
        lua_settop(e->L, top);
    } else {
        err = write_text(e, is_array ? "[]" : "{}", 2);
    }
    e->depth--;
    return err;
}

/* `s` is above the stack's `base`; `index` is absolute. */
static int
encode(struct encoder *e, int index, int base, struct atl_buf *out)
{
    int err;

    e->depth = 0;
    e->frame = NULL;
    atl_json_writer_init(&e->w, out, e->o->max_bytes);
    e->room = base + MIN_ROOM;
    e->full = base + MAX_STACK;
    if ((err = write_value(e, index, base + 1)) != 0)
        return err;
    if (atl_json_writer_len(&e->w) > e->o->max_bytes)
        return fail_full(e);
    return 0;
}

/* Encode into `out`, or into the scratch's own buffer if that is NULL; what is
 * pushed then is the text. */
static int
run(lua_State *L, struct atl_vm *vm, int index, struct atl_buf *out,
    const struct atl_json_encode_options *options)
{
    int base = lua_gettop(L), err;
    struct encoder e;

    index = lua_absindex(L, index);
    luaL_checkstack(L, MIN_ROOM, "no room for JSON");
    e.L = L;
    e.vm = vm;
    e.o = options != NULL ? options : &atl_json_encode_defaults;
    e.scratch = atl_json_scratch_take(L, vm);
    err = encode(&e, index, base, out != NULL ? out : &e.scratch->text);
    lua_settop(L, base + 1); /* the scratch */
    if (err != 0)
        atl_push_error_object(L, vm, err, e.error);
    else if (out != NULL)
        atl_json_writer_end(&e.w);
    else
        lua_pushlstring(L, e.scratch->text.data, atl_json_writer_len(&e.w));
    atl_json_scratch_give(e.scratch);
    lua_remove(L, base + 1);
    return err;
}

int
atl_json_encode(lua_State *L, struct atl_vm *vm, int index, struct atl_buf *out,
                const struct atl_json_encode_options *options)
{
    return run(L, vm, index, out, options);
}

int
atl_json_push_text(lua_State *L, struct atl_vm *vm, int index,
                   const struct atl_json_encode_options *options)
{
    return run(L, vm, index, NULL, options);
}
