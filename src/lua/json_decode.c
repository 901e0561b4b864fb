/* json_decode.c - from JSON text to Lua values.  See json.h.
 * SPDX-License-Identifier: MIT
 *
 * The values of an array or object are collected on the Lua stack until it
 * ends, and then put into a table of just the right size.  What is too large
 * for that gets its table early, and the rest one by one.
 *
 * Laws:
 * 1. `top` is lua_gettop(), `room` how far it may go.
 * 2. A function that reads a value leaves it pushed, or returns a code and
 *    leaves the stack as it happens to be.
 * 3. Objects whose table has been made take keys in the text's order, so
 *    that the last of those repeated wins; before that there are none.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/number.h"
#include "lua/json.h"
#include "lua/json_fault.h"
#include "lua/json_keys.h"
#include "lua/json_scratch.h"
#include "lua/json_string.h"

#define MAX_COLLECTED 1000 /* values of one array or object */
#define MAX_STACK 3000     /* values of all that are open */
#define SLOTS 8            /* that one step may take */
#define MIN_ROOM 64
#define MAX_QUICK_DIGITS 9
#define MIN_CACHED 400 /* bytes of a text that may repeat keys */

struct decoder {
    const char *p, *end; /* what is left of the text */
    lua_State *L;
    int top, room;
    int full; /* the top from which on nothing is collected */
    int depth;
    uint32_t values;  /* so far */
    uint32_t objects; /* so far: the number of the last */
    int array_slot;   /* the metatable of arrays */
    int scratch_slot; /* nil, or the userdata of `scratch` */
    int keys_slot;    /* below the first string of `keys`; 0: none are kept */
    struct atl_json_scratch *scratch; /* NULL until it is needed */
    struct atl_vm *vm;
    const struct atl_json_decode_options *o;
    const char *error_at;
    char error[ATL_JSON_FAULT_ROOM];
    struct atl_json_keys keys;
};

const struct atl_json_decode_options atl_json_decode_defaults = {
    .max_depth = 128,
    .max_values = 1000000,
    .max_bytes = 64 << 20,
    .integers = ATL_JSON_REFUSE,
};

static int read_value(struct decoder *d);

/* --- errors --- */

static int fail(struct decoder *d, const char *at, int code, const char *format,
                ...) __attribute__((format(printf, 4, 5), cold));

static int
fail(struct decoder *d, const char *at, int code, const char *format, ...)
{
    va_list args;

    d->error_at = at;
    va_start(args, format);
    vsnprintf(d->error, sizeof(d->error), format, args);
    va_end(args);
    return code;
}

/* Something else than `wanted` is at p. */
static __attribute__((cold)) int
fail_at(struct decoder *d, const char *wanted)
{
    char text[ATL_JSON_FAULT_ROOM];

    atl_json_fault_expected(text, sizeof(text), wanted, d->p, d->end);
    return fail(d, d->p, ATL_E_INVALID, "%s", text);
}

/* --- small things --- */

static inline void
skip_space(struct decoder *d)
{
    const char *p = d->p, *end = d->end;

    if (p == end || (unsigned char)*p > ' ') /* mostly */
        return;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    d->p = p;
}

static int
grow_stack(struct decoder *d)
{
    int more = d->room > MIN_ROOM ? d->room : MIN_ROOM;

    if (!lua_checkstack(d->L, more + SLOTS) &&
        !lua_checkstack(d->L, (more = 2 * SLOTS) + SLOTS))
        return fail(d, d->p, ATL_E_TOOBIG, "the Lua stack is full");
    d->room = d->top + more;
    return 0;
}

/* Room for one step. */
static inline int
ensure_stack(struct decoder *d)
{
    return d->top + SLOTS <= d->room ? 0 : grow_stack(d);
}

/* An array or object begins. */
static int
enter(struct decoder *d)
{
    if (++d->depth > d->o->max_depth)
        return fail(d, d->p, ATL_E_TOOBIG,
                    "more than %d levels of arrays and objects",
                    d->o->max_depth);
    return ensure_stack(d);
}

/* --- scalars --- */

static int
read_word(struct decoder *d, const char *word, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (d->p + i == d->end || d->p[i] != word[i])
            return fail_at(d, "a value");
    d->p += len;
    d->top++;
    switch (*word) {
    case 't':
        lua_pushboolean(d->L, 1);
        break;
    case 'f':
        lua_pushboolean(d->L, 0);
        break;
    default:
        atl_json_push_null(d->L, d->vm);
    }
    return 0;
}

/* An integer, from `start`, that isn't exact as a Lua number. */
static int
push_inexact(struct decoder *d, const struct atl_number *n, const char *start)
{
    size_t len = (size_t)(n->end - start);

    switch (d->o->integers) {
    case ATL_JSON_STRING:
        lua_pushlstring(d->L, start, len);
        return 0;
    case ATL_JSON_ROUND:
        if (n->kind == ATL_NUMBER_BIG && isinf(n->real))
            return fail(d, start, ATL_E_INVALID, "the number is too large");
        lua_pushnumber(d->L, n->kind == ATL_NUMBER_INTEGER
                                 ? (lua_Number)n->integer
                                 : n->real);
        return 0;
    case ATL_JSON_REFUSE:
        break;
    }
    return fail(d, start, ATL_E_INVALID,
                "the integer %.*s%s is too large to be exact",
                len < 40 ? (int)len : 40, start, len < 40 ? "" : "...");
}

static int
read_number(struct decoder *d)
{
    const char *start = d->p, *p = start;
    struct atl_number n;
    int64_t sum = 0;

    /* Most are integers of a few digits. */
    while (p < d->end && atl_json_is_digit(*p) && p - start < MAX_QUICK_DIGITS)
        sum = 10 * sum + (*p++ - '0');
    if (p > start && p < d->end && atl_json_is_delimiter(*p) &&
        (*start != '0' || p == start + 1)) {
        (void)atl_push_exact(d->L, sum);
        d->p = p;
        d->top++;
        return 0;
    }
    atl_number_read(&n, start, d->end);
    d->p = n.end;
    d->top++;
    switch (n.kind) {
    case ATL_NUMBER_REAL:
        lua_pushnumber(d->L, n.real);
        return 0;
    case ATL_NUMBER_INTEGER:
        if (atl_push_exact(d->L, n.integer))
            return 0;
        return push_inexact(d, &n, start);
    case ATL_NUMBER_BIG:
        return push_inexact(d, &n, start);
    case ATL_NUMBER_HUGE:
        return fail(d, start, ATL_E_INVALID, "the number is too large");
    case ATL_NUMBER_BAD:
        break;
    }
    if (d->p < d->end && *d->p >= '0' && *d->p <= '9')
        return fail(d, start, ATL_E_INVALID, "a number with a leading 0");
    return fail_at(d, "a digit");
}

/* Find the end of a string: true if its text means itself and p is its quote;
 * or p is what has to be looked at. */
static inline bool
find_quote(struct decoder *d, const char *start)
{
    d->p = atl_json_skip_plain(start, d->end);
    if (d->p < d->end && (unsigned char)*d->p >= 0x80)
        d->p = atl_json_skip_text(d->p, d->end);
    return d->p < d->end && *d->p == '"';
}

/* Push the string whose text, from `start`, has something in it that isn't
 * plain at p. */
static int
push_unescaped(struct decoder *d, const char *start)
{
    const char *fault;

    if (d->scratch == NULL) {
        d->scratch = atl_json_scratch_take(d->L, d->vm);
        lua_replace(d->L, d->scratch_slot);
    }
    d->scratch->text.len = 0;
    d->p = start;
    fault = atl_json_unescape(&d->scratch->text, &d->p, d->end);
    if (fault != NULL)
        return fail(d, d->p, ATL_E_INVALID, "%s", fault);
    lua_pushlstring(d->L, d->scratch->text.data, d->scratch->text.len);
    return 0;
}

/* p is at the opening quote. */
static int
read_string(struct decoder *d)
{
    const char *start = d->p + 1;
    int err;

    if (find_quote(d, start))
        lua_pushlstring(d->L, start, (size_t)(d->p - start));
    else if ((err = push_unescaped(d, start)) != 0)
        return err;
    d->p++;
    d->top++;
    return 0;
}

/* --- arrays --- */

/* Make the table of the `count` values above `slot`, and put it there. */
static void
build_array(struct decoder *d, int slot, int count)
{
    lua_createtable(d->L, count, 0);
    lua_replace(d->L, slot);
    for (; count > 0; count--)
        lua_rawseti(d->L, slot, count);
    d->top = slot;
}

/* Read the values; p is at the closing bracket then, *count_out of them are
 * above `slot`, or 0 if they are in their table already. */
static int
read_values(struct decoder *d, int slot, int *count_out)
{
    bool is_built = false;
    int count = 0, err;

    for (;;) {
        if ((err = read_value(d)) != 0)
            return err;
        count++;
        if (is_built) {
            lua_rawseti(d->L, slot, count);
            d->top--;
        } else if (count == MAX_COLLECTED || d->top >= d->full) {
            build_array(d, slot, count);
            is_built = true;
        }
        skip_space(d);
        if (d->p == d->end || *d->p != ',')
            break;
        d->p++;
        if ((err = ensure_stack(d)) != 0)
            return err;
    }
    *count_out = is_built ? 0 : count;
    if (d->p == d->end || *d->p != ']')
        return fail_at(d, "',' or ']'");
    return 0;
}

static int
read_array(struct decoder *d)
{
    int slot, count, err;

    if ((err = enter(d)) != 0)
        return err;
    d->p++;
    slot = ++d->top;
    skip_space(d);
    if (d->p < d->end && *d->p == ']') {
        lua_createtable(d->L, 0, 0);
    } else {
        lua_pushnil(d->L);
        if ((err = read_values(d, slot, &count)) != 0)
            return err;
        if (count > 0)
            build_array(d, slot, count);
    }
    d->p++;
    d->depth--;
    lua_pushvalue(d->L, d->array_slot);
    lua_setmetatable(d->L, slot);
    return 0;
}

/* --- objects --- */

/* Push the present key, which is known. */
static void
push_known_key(struct decoder *d, const char *ptr)
{
    unsigned i = d->keys.last;
    uint64_t bit = (uint64_t)1 << i;

    if ((d->keys.pushed & bit) != 0) {
        lua_pushvalue(d->L, d->keys_slot + (int)i);
        return;
    }
    lua_pushlstring(d->L, ptr, d->keys.entries[i].len);
    if (d->keys_slot > 0) {
        lua_pushvalue(d->L, -1);
        lua_replace(d->L, d->keys_slot + (int)i);
        d->keys.pushed |= bit;
    }
}

/* Push the key at `start`, behind its quote; p is its closing quote then. */
static int
push_key(struct decoder *d, const char *start, uint32_t object,
         enum atl_json_seen *seen_out)
{
    bool is_known = atl_json_keys_expect(&d->keys, start, d->end);
    size_t len;

    if (is_known) {
        d->p = start + d->keys.entries[d->keys.last].len;
    } else {
        if (!find_quote(d, start)) {
            *seen_out = ATL_JSON_UNSURE;
            return push_unescaped(d, start);
        }
        len = (size_t)(d->p - start);
        if (len > UINT32_MAX) {
            *seen_out = ATL_JSON_UNSURE;
            lua_pushlstring(d->L, start, len);
            return 0;
        }
        is_known = atl_json_keys_find(&d->keys, start, len);
        if (!is_known)
            lua_pushlstring(d->L, start, len);
    }
    if (is_known)
        push_known_key(d, start);
    *seen_out = atl_json_keys_note(&d->keys, object, is_known);
    return 0;
}

/* A key and the colon. */
static int
read_key(struct decoder *d, uint32_t object, enum atl_json_seen *seen_out)
{
    int err;

    if (d->p == d->end || *d->p != '"')
        return fail_at(d, "a key in quotes");
    if ((err = push_key(d, d->p + 1, object, seen_out)) != 0)
        return err;
    d->p++;
    d->top++;
    skip_space(d);
    if (d->p == d->end || *d->p != ':')
        return fail_at(d, "':'");
    d->p++;
    return 0;
}

/* Make the table of the `count` pairs above `slot`, and put it there. */
static void
build_object(struct decoder *d, int slot, int count)
{
    lua_createtable(d->L, 0, count);
    lua_replace(d->L, slot);
    for (; count > 0; count--)
        lua_rawset(d->L, slot);
    d->top = slot;
}

/* The same below a key, which is above the table then. */
static void
build_below_key(struct decoder *d, int slot, int count)
{
    lua_insert(d->L, slot); /* out of the way */
    build_object(d, slot + 1, count);
    lua_insert(d->L, slot);
}

/* The key on top may be in the table at `slot`: is that allowed? */
static int
check_unique(struct decoder *d, int slot, const char *at)
{
    bool is_new;

    if (!d->o->unique_keys)
        return 0;
    lua_pushvalue(d->L, -1);
    lua_rawget(d->L, slot);
    is_new = lua_isnil(d->L, -1);
    lua_pop(d->L, 1);
    return is_new ? 0 : fail(d, at, ATL_E_INVALID, "the key is repeated");
}

/* As read_values(). */
static int
read_pairs(struct decoder *d, int slot, int *count_out)
{
    uint32_t object = ++d->objects;
    bool is_built = false;
    int count = 0, err;

    for (;;) {
        const char *at = d->p;
        enum atl_json_seen seen = ATL_JSON_NEW;

        if ((err = read_key(d, object, &seen)) != 0)
            return err;
        if (!is_built && seen != ATL_JSON_NEW) {
            build_below_key(d, slot, count);
            is_built = true;
        }
        if (is_built && (err = check_unique(d, slot, at)) != 0)
            return err;
        if ((err = read_value(d)) != 0)
            return err;
        if (is_built) {
            lua_rawset(d->L, slot);
            d->top -= 2;
        } else if (++count == MAX_COLLECTED || d->top >= d->full) {
            build_object(d, slot, count);
            is_built = true;
        }
        skip_space(d);
        if (d->p == d->end || *d->p != ',')
            break;
        d->p++;
        skip_space(d);
        if ((err = ensure_stack(d)) != 0)
            return err;
    }
    *count_out = is_built ? 0 : count;
    if (d->p == d->end || *d->p != '}')
        return fail_at(d, "',' or '}'");
    return 0;
}

static int
read_object(struct decoder *d)
{
    int slot, count, err;

    if ((err = enter(d)) != 0)
        return err;
    d->p++;
    slot = ++d->top;
    skip_space(d);
    if (d->p < d->end && *d->p == '}') {
        lua_createtable(d->L, 0, 0);
    } else {
        lua_pushnil(d->L);
        if ((err = read_pairs(d, slot, &count)) != 0)
            return err;
        if (count > 0)
            build_object(d, slot, count);
    }
    d->p++;
    d->depth--;
    return 0;
}

/* --- the text --- */

static int
read_value(struct decoder *d)
{
    skip_space(d);
    if (d->p == d->end)
        return fail_at(d, "a value");
    if (d->values++ == d->o->max_values)
        return fail(d, d->p, ATL_E_TOOBIG, "more than %u values",
                    (unsigned)d->o->max_values);
    switch (*d->p) {
    case '"':
        return read_string(d);
    case '{':
        return read_object(d);
    case '[':
        return read_array(d);
    case 't':
        return read_word(d, "true", 4);
    case 'f':
        return read_word(d, "false", 5);
    case 'n':
        return read_word(d, "null", 4);
    default:
        if (*d->p == '-' || (*d->p >= '0' && *d->p <= '9'))
            return read_number(d);
        return fail_at(d, "a value");
    }
}

static int
read_text(struct decoder *d)
{
    size_t len = (size_t)(d->end - d->p);
    int err;

    if (len > d->o->max_bytes)
        return fail(d, d->p, ATL_E_TOOBIG, "more than %zu bytes",
                    d->o->max_bytes);
    if (len >= 3 && memcmp(d->p, "\xef\xbb\xbf", 3) == 0)
        return fail(d, d->p, ATL_E_INVALID,
                    "a byte order mark is not allowed before the value");
    if ((err = ensure_stack(d)) != 0 || (err = read_value(d)) != 0)
        return err;
    skip_space(d);
    return d->p == d->end ? 0 : fail_at(d, "the end");
}

int
atl_json_decode(lua_State *L, struct atl_vm *vm, const char *ptr, size_t len,
                const struct atl_json_decode_options *options)
{
    struct decoder d;
    int base = lua_gettop(L), err;

    d.p = ptr;
    d.end = ptr + len;
    d.L = L;
    d.vm = vm;
    d.o = options != NULL ? options : &atl_json_decode_defaults;
    d.depth = 0;
    d.values = d.objects = 0;
    d.scratch = NULL;
    atl_json_keys_init(&d.keys);
    luaL_checkstack(L, MIN_ROOM + ATL_JSON_KEYS, "no room for JSON");
    atl_vm_push(L, vm->json.array_ref);
    d.array_slot = base + 1;
    d.scratch_slot = base + 2;
    d.keys_slot = len >= MIN_CACHED ? base + 3 : 0;
    d.top = base + 2 + (d.keys_slot > 0 ? ATL_JSON_KEYS : 0);
    lua_settop(L, d.top); /* nil for all of these */
    d.room = base + MIN_ROOM + ATL_JSON_KEYS;
    d.full = d.top + MAX_STACK;
    err = read_text(&d);
    if (d.scratch != NULL)
        atl_json_scratch_give(d.scratch);
    if (err != 0) {
        lua_settop(L, base);
        atl_json_fault_push(L, vm, err, d.error, ptr, d.error_at);
        return err;
    }
    lua_replace(L, base + 1);
    lua_settop(L, base + 1);
    return 0;
}
