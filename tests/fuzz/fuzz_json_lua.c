/* fuzz_json_lua.c - JSON: what is taken is what the grammar says, and what is
 * written of it is read as the same again.
 * SPDX-License-Identifier: MIT
 *
 * Each input is decoded, with the usual options and others, and compared with
 * a recogniser that is written for nothing but to be read.
 */
#include "lua/json.h"

#include <string.h>

#include "base/err.h"
#include "fuzz/fuzz.h"

#define MAX_DEPTH 128 /* the default */

/* --- RFC 8259, by the letter: p moves behind what was found --- */

static const uint8_t *p, *end;
static int depth;
static int too_deep;

static int is_value(void);

static void
skip_space(void)
{
    while (p < end && memchr(" \t\r\n", *p, 4) != NULL)
        p++;
}

static int
is_byte(uint8_t c)
{
    if (p == end || *p != c)
        return 0;
    p++;
    return 1;
}

static int
is_word(const char *word)
{
    for (; *word != '\0'; word++)
        if (!is_byte((uint8_t)*word))
            return 0;
    return 1;
}

static int
is_digits(void)
{
    const uint8_t *start = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > start;
}

static int
is_number(void)
{
    is_byte('-');
    if (!is_byte('0') && !is_digits())
        return 0;
    if (is_byte('.') && !is_digits())
        return 0;
    if (is_byte('e') || is_byte('E')) {
        if (!is_byte('+'))
            is_byte('-');
        return is_digits();
    }
    return 1;
}

static long
hex4(void)
{
    char digits[5] = "";
    int i;

    for (i = 0; i < 4; i++) {
        if (p == end || *p == 0 ||
            memchr("0123456789abcdefABCDEF", *p, 22) == NULL)
            return -1;
        digits[i] = (char)*p++;
    }
    return strtol(digits, NULL, 16);
}

static int
is_escape(void)
{
    long code;

    if (p == end)
        return 0;
    if (*p != 'u') {
        if (memchr("\"\\/bfnrt", *p, 8) == NULL)
            return 0;
        p++;
        return 1;
    }
    p++;
    code = hex4();
    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return 0;
    if (code < 0xd800 || code > 0xdbff)
        return 1;
    if (!is_byte('\\') || !is_byte('u'))
        return 0;
    code = hex4();
    return code >= 0xdc00 && code <= 0xdfff;
}

/* RFC 3629 4 */
static int
is_character(void)
{
    static const struct {
        uint8_t first, last, low, high;
        int tails;
    } rows[] = {
        {0x20, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1},
        {0xe0, 0xe0, 0xa0, 0xbf, 2}, {0xe1, 0xec, 0x80, 0xbf, 2},
        {0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
        {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3},
        {0xf4, 0xf4, 0x80, 0x8f, 3},
    };
    size_t i;
    int k;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (*p < rows[i].first || *p > rows[i].last)
            continue;
        if (end - p <= rows[i].tails)
            return 0;
        for (k = 1; k <= rows[i].tails; k++)
            if (p[k] < (k == 1 ? rows[i].low : 0x80) ||
                p[k] > (k == 1 ? rows[i].high : 0xbf))
                return 0;
        p += 1 + rows[i].tails;
        return 1;
    }
    return 0;
}

static int
is_string(void)
{
    if (!is_byte('"'))
        return 0;
    while (p < end && *p != '"')
        if (is_byte('\\') ? !is_escape() : !is_character())
            return 0;
    return is_byte('"');
}

static int
is_list(uint8_t close, int (*is_item)(void))
{
    if (++depth > MAX_DEPTH) {
        too_deep = 1;
        return 0;
    }
    skip_space();
    if (!is_byte(close)) {
        do {
            if (!is_item())
                return 0;
        } while (is_byte(','));
        if (!is_byte(close))
            return 0;
    }
    depth--;
    return 1;
}

static int
is_pair(void)
{
    skip_space();
    if (!is_string())
        return 0;
    skip_space();
    return is_byte(':') && is_value();
}

static int
is_value(void)
{
    int is_one;

    skip_space();
    if (p == end)
        return 0;
    if (*p == '"')
        is_one = is_string();
    else if (is_byte('['))
        is_one = is_list(']', is_value);
    else if (is_byte('{'))
        is_one = is_list('}', is_pair);
    else if (*p == 't')
        is_one = is_word("true");
    else if (*p == 'f')
        is_one = is_word("false");
    else if (*p == 'n')
        is_one = is_word("null");
    else
        is_one = is_number();
    skip_space();
    return is_one;
}

static int
is_text(const uint8_t *data, size_t size)
{
    p = data;
    end = data + size;
    depth = too_deep = 0;
    return is_value() && p == end;
}

/* --- the target --- */

static struct atl_vm *vm;
static lua_State *L;

static void
open_vm(void)
{
    if (vm != NULL)
        return;
    FUZZ_CHECK(atl_vm_new(&vm) == 0);
    L = vm->L;
}

static lua_Integer
get_integer(const char *name)
{
    lua_Integer n;

    lua_getfield(L, -1, name);
    FUZZ_CHECK(lua_type(L, -1) == LUA_TNUMBER);
    n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return n;
}

/* The error object on top is about a text of `size` bytes. */
static void
check_error(int err, const uint8_t *data, size_t size)
{
    const char *message;
    int is_valid = is_text(data, size);

    FUZZ_CHECK(get_integer("offset") >= 1);
    FUZZ_CHECK((size_t)get_integer("offset") <= size + 1);
    FUZZ_CHECK(get_integer("line") >= 1 && get_integer("column") >= 1);
    lua_getfield(L, -1, "message");
    message = lua_tostring(L, -1);
    FUZZ_CHECK(strlen(message) > 0);
    /* The grammar knows no limit for numbers. */
    if (err == ATL_E_INVALID && strstr(message, "too large") == NULL)
        FUZZ_CHECK(!is_valid && !too_deep);
    if (err == ATL_E_TOOBIG)
        FUZZ_CHECK(too_deep);
    lua_pop(L, 1);
}

/* Push the text of the value on top. */
static void
push_text(void)
{
    FUZZ_CHECK(atl_json_push_text(L, vm, -1, NULL) == 0);
}

/* With other options: no more is taken, and it means the same. */
static void
check_options(const uint8_t *data, size_t size, int is_taken)
{
    struct atl_json_decode_options o = atl_json_decode_defaults;

    o.unique_keys = true;
    if (atl_json_decode(L, vm, (const char *)data, size, &o) == 0) {
        FUZZ_CHECK(is_taken);
        push_text();
        FUZZ_CHECK(lua_rawequal(L, -1, 2));
    }
    o.unique_keys = false;
    o.integers = ATL_JSON_STRING;
    if (atl_json_decode(L, vm, (const char *)data, size, &o) == 0)
        push_text();
    else
        FUZZ_CHECK(!is_taken);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int count;
    size_t len;
    const char *text;
    int err;

    open_vm();
    err = atl_json_decode(L, vm, (const char *)data, size, NULL);
    FUZZ_CHECK(lua_gettop(L) == 1);
    if (err != 0) {
        check_error(err, data, size);
        lua_pushnil(L);
    } else {
        FUZZ_CHECK(is_text(data, size));
        push_text();
        text = lua_tolstring(L, 2, &len);
        FUZZ_CHECK(is_text((const uint8_t *)text, len));
        FUZZ_CHECK(atl_json_decode(L, vm, text, len, NULL) == 0);
        push_text();
        FUZZ_CHECK(lua_rawequal(L, 2, 4));
    }
    check_options(data, size, err == 0);
    lua_settop(L, 0);
    if (++count % 256 == 0)
        lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}
