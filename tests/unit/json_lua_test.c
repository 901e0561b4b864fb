/* json_lua_test.c - JSON as the framework's C calls it: buffers, limits, and
 * memory that runs out.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lua/json_scratch.h"
#include "unit/test.h"

static struct atl_vm *vm;
static lua_State *L;

static void
open_vm(void)
{
    CHECK_INT(atl_vm_new(&vm), 0);
    L = vm->L;
}

static void
close_vm(void)
{
    CHECK_INT(lua_gettop(L), 0);
    atl_vm_free(vm);
}

/* Push what the Lua expression gives. */
static void
push(const char *expression)
{
    char chunk[1024];

    snprintf(chunk, sizeof(chunk), "return %s", expression);
    if (luaL_loadstring(L, chunk) != 0 || lua_pcall(L, 0, 1, 0) != 0)
        fail_msg("%s", lua_tostring(L, -1));
}

static const char *
get_field(const char *name)
{
    const char *text;

    lua_getfield(L, -1, name);
    text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

/* Decode a copy that ends where its bytes end. */
static int
decode(const char *text, const struct atl_json_decode_options *options)
{
    size_t len = strlen(text);
    char *copy = malloc(len);
    int err;

    memcpy(copy, text, len);
    err = atl_json_decode(L, vm, copy, len, options);
    free(copy);
    return err;
}

TEST(a_value_is_appended_to_what_the_buffer_holds)
{
    struct atl_buf out;

    open_vm();
    atl_buf_init(&out, 1000);
    CHECK_INT(atl_buf_append(&out, "HTTP ", 5), 0);
    push("{1, 'two', {three = 3.5, [\"\\195\\188\"] = '\\n'}, false}");
    CHECK_INT(atl_json_encode(L, vm, -1, &out, NULL), 0);
    CHECK_MEM(out.data, out.len,
              "HTTP [1,\"two\",{\"three\":3.5,\"\xc3\xbc\":\"\\n\"},false]");
    CHECK_INT(lua_gettop(L), 1);
    lua_settop(L, 0);
    atl_buf_deinit(&out);
    close_vm();
}

TEST(a_refused_value_leaves_the_buffer_as_it_was)
{
    struct atl_buf out;

    open_vm();
    atl_buf_init(&out, 100000);
    CHECK_INT(atl_buf_append(&out, "before", 6), 0);
    push("{('x'):rep(5000), {a = {1, 2, 0/0}}}");
    CHECK_INT(atl_json_encode(L, vm, 1, &out, NULL), ATL_E_INVALID);
    CHECK_MEM(out.data, out.len, "before");
    CHECK_INT(lua_gettop(L), 2);
    CHECK_STR(get_field("message"), "at [2].a[3]: NaN is no JSON number");
    CHECK_STR(get_field("code"), "EINVALID");
    lua_settop(L, 0);
    atl_buf_deinit(&out);
    close_vm();
}

/* The limit is kept to the byte, whatever stands last. */
TEST(a_text_may_have_as_many_bytes_as_are_allowed)
{
    static const char *const values[] = {
        "('x'):rep(40)",  "{a = 'b'}",        "{1,2,3}",
        "{{{{}}}}",       "1.5e300",          "true",
        "('\\1'):rep(9)", "{1, {a = 1}, ''}", "('\\195\\188'):rep(9)",
        "-123456789"};
    size_t i, len;

    open_vm();
    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct atl_json_encode_options o = atl_json_encode_defaults;

        push(values[i]);
        CHECK_INT(atl_json_push_text(L, vm, 1, NULL), 0);
        lua_tolstring(L, 2, &len);
        o.max_bytes = len;
        CHECK_INT(atl_json_push_text(L, vm, 1, &o), 0);
        o.max_bytes = len - 1;
        CHECK_INT(atl_json_push_text(L, vm, 1, &o), ATL_E_TOOBIG);
        lua_settop(L, 0);
    }
    close_vm();
}

TEST(the_limit_of_the_buffer_is_kept_too)
{
    struct atl_buf out;
    size_t limit;

    open_vm();
    push("{'some text', {key = 12.5}, true, ('\\2'):rep(10)}");
    CHECK_INT(atl_json_push_text(L, vm, 1, NULL), 0);
    for (limit = 0; limit < 200; limit++) {
        int err;

        atl_buf_init(&out, limit);
        err = atl_json_encode(L, vm, 1, &out, NULL);
        CHECK(out.cap <= limit);
        if (err == 0) {
            CHECK(out.len == atl_rawlen(L, 2));
        } else {
            CHECK_INT(err, ATL_E_TOOBIG);
            CHECK(limit < atl_rawlen(L, 2) + 32);
            lua_pop(L, 1);
        }
        atl_buf_deinit(&out);
    }
    lua_settop(L, 0);
    close_vm();
}

TEST(text_is_decoded_up_to_its_length)
{
    open_vm();
    CHECK_INT(decode("[1,2]", NULL), 0);
    CHECK(atl_json_is_array(L, vm, -1));
    CHECK_INT(lua_gettop(L), 1);
    lua_settop(L, 0);
    CHECK_INT(atl_json_decode(L, vm, "123456", 3, NULL), 0);
    CHECK_INT(lua_tointeger(L, -1), 123);
    lua_settop(L, 0);
    CHECK_INT(atl_json_decode(L, vm, NULL, 0, NULL), ATL_E_INVALID);
    lua_settop(L, 0);
    close_vm();
}

/* Every text that is cut short is refused without a look behind its end. */
TEST(a_text_cut_anywhere_is_refused)
{
    static const char whole[] =
        "{\"a\":[1,-2.5e-3,\"x\\u00fc\\ud83d\\ude00\\n\xe2\x82\xac\",true,"
        "false,null,{}],\"key\":{\"a\":[],\"long key of text\":\""
        "plain\"}}";
    char text[sizeof(whole)];
    size_t len;

    open_vm();
    CHECK_INT(decode(whole, NULL), 0);
    lua_settop(L, 0);
    for (len = 0; len < sizeof(whole) - 1; len++) {
        memcpy(text, whole, len);
        text[len] = '\0';
        CHECK_INT(decode(text, NULL), ATL_E_INVALID);
        CHECK_INT(lua_gettop(L), 1);
        lua_settop(L, 0);
    }
    close_vm();
}

TEST(an_error_tells_the_place)
{
    open_vm();
    CHECK_INT(decode("[1,\n \"\xc3\xbc\", x]", NULL), ATL_E_INVALID);
    CHECK_STR(get_field("message"),
              "line 2, column 7: a value expected, got 'x'");
    CHECK_STR(get_field("line"), "2");
    CHECK_STR(get_field("column"), "7");
    CHECK_STR(get_field("offset"), "12");
    lua_settop(L, 0);
    close_vm();
}

TEST(limits_are_kept_exactly)
{
    struct atl_json_decode_options o = atl_json_decode_defaults;

    open_vm();
    o.max_values = 4;
    CHECK_INT(decode("[1,[2]]", &o), 0);
    CHECK_INT(decode("[1,[2],3]", &o), ATL_E_TOOBIG);
    o = atl_json_decode_defaults;
    o.max_depth = 2;
    CHECK_INT(decode("[[],{}]", &o), 0);
    CHECK_INT(decode("[[[]]]", &o), ATL_E_TOOBIG);
    CHECK_INT(decode("[{\"a\":{}}]", &o), ATL_E_TOOBIG);
    o = atl_json_decode_defaults;
    o.max_bytes = 5;
    CHECK_INT(decode("[1,2]", &o), 0);
    CHECK_INT(decode("[1,2 ]", &o), ATL_E_TOOBIG);
    lua_settop(L, 0);
    close_vm();
}

/* --- memory that runs out --- */

static lua_Alloc real_alloc;
static void *real_data;
static long left; /* allocations that succeed */

static void *
failing_alloc(void *data, void *ptr, size_t old, size_t size)
{
    (void)data;
    if (size > old || (ptr == NULL && size > 0)) {
        if (left == 0)
            return NULL;
        left--;
    }
    return real_alloc(real_data, ptr, old, size);
}

static struct atl_buf out_buf;

static int
run_decode(lua_State *co)
{
    static const char text[] =
        "{\"a\":[1,2,{\"b\":\"\\u00fc\\n\"},\"text\"],\"long\":\"0123456789 "
        "0123456789 0123456789 0123456789\",\"e\":{\"\\u0061\":1}}";

    if (atl_json_decode(co, vm, text, sizeof(text) - 1, NULL) != 0)
        lua_error(co);
    return 1;
}

static int
run_encode(lua_State *co)
{
    if (atl_json_push_text(co, vm, 1, NULL) != 0)
        lua_error(co);
    return 1;
}

static int
run_append(lua_State *co)
{
    if (atl_json_encode(co, vm, 1, &out_buf, NULL) != 0)
        lua_error(co);
    return 0;
}

/* Call `fn` with the value in slot 1, failing at every allocation in turn,
 * until it succeeds; what it returns is left in slot 2. */
static void
fail_at_each_allocation(lua_CFunction fn, int results)
{
    long i;

    for (i = 0;; i++) {
        int status;

        lua_settop(L, 1);
        lua_gc(L, LUA_GCCOLLECT, 0);
        lua_pushcfunction(L, fn);
        lua_pushvalue(L, 1);
        left = i;
        lua_setallocf(L, failing_alloc, NULL);
        status = lua_pcall(L, 1, results, 0);
        lua_setallocf(L, real_alloc, real_data);
        if (status == LUA_OK)
            break;
        CHECK_INT(status, LUA_ERRMEM);
        CHECK(i < 1000);
    }
    CHECK(i > 0 || results == 0);
}

TEST(an_error_when_memory_runs_out_leaks_nothing_and_the_next_call_works)
{
    open_vm();
    real_alloc = lua_getallocf(L, &real_data);
    lua_pushnil(L);
    fail_at_each_allocation(run_decode, 1);
    lua_getfield(L, 2, "a");
    CHECK_INT(atl_rawlen(L, -1), 4);
    lua_settop(L, 0);

    push("{a = {1, 2, {b = setmetatable({}, {__tojson = function(v)"
         " return {v = tostring(v):sub(1, 5) .. 'x'} end})}}}");
    fail_at_each_allocation(run_encode, 1);
    CHECK_STR(lua_tostring(L, 2), "{\"a\":[1,2,{\"b\":{\"v\":\"tablex\"}}]}");
    lua_settop(L, 0);

    /* So many keys that they are kept in a table. */
    push("(function() local t = {} for i = 1, 600 do t['k' .. i] = i end "
         "return t end)()");
    atl_buf_init(&out_buf, 1000000);
    fail_at_each_allocation(run_append, 0);
    CHECK_INT(out_buf.data[out_buf.len - 1], '}');
    atl_buf_deinit(&out_buf);
    lua_settop(L, 0);
    close_vm();
}

/* --- the scratch --- */

TEST(a_scratch_that_an_error_left_in_use_is_replaced)
{
    const struct atl_json_scratch *first;

    open_vm();
    first = vm->json.scratch;
    push(
        "setmetatable({}, {__tojson = function() error('on purpose', 0) end})");
    lua_pushcfunction(L, run_encode);
    lua_pushvalue(L, 1);
    CHECK_INT(lua_pcall(L, 1, 1, 0), LUA_ERRRUN);
    CHECK_STR(lua_tostring(L, -1), "on purpose");
    lua_settop(L, 0);
    CHECK(first->busy);
    push("{1}");
    CHECK_INT(atl_json_push_text(L, vm, 1, NULL), 0);
    CHECK(vm->json.scratch != first);
    CHECK(!vm->json.scratch->busy);
    lua_settop(L, 0);
    close_vm();
}

TEST(a_large_text_is_not_kept_in_memory)
{
    open_vm();
    push("('x'):rep(1000000)");
    CHECK_INT(atl_json_push_text(L, vm, 1, NULL), 0);
    CHECK_INT(vm->json.scratch->text.cap, 0);
    lua_settop(L, 0);
    push("('x'):rep(1000)");
    CHECK_INT(atl_json_push_text(L, vm, 1, NULL), 0);
    CHECK(vm->json.scratch->text.cap >= 1000);
    lua_settop(L, 0);
    close_vm();
}
