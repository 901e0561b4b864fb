/* logging.c - module atlas.logging.core: loggers, for lua/atlas/logging.lua.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/request_id.h"
#include "bind/base/log_fields.h"
#include "bind/init.h"
#include "lua/args.h"
#include "lua/error.h"
#include "lua/reg.h"
#include "lua/sched.h"

/* The userdata behind a logger's functions. */
struct logger {
    struct atl_logger logger;
    char name[];
};

/* --- the functions of a logger --- */

static uint64_t
current_request(struct atl_vm *vm)
{
    const struct atl_lua_task *t = atl_sched_current(vm);

    return t != NULL ? t->request : vm->request;
}

/* A table of fields at `index`, or nothing. */
static bool
check_fields(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return false;
    atl_arg_table(L, index);
    return true;
}

/*
 * logger.info(message, fields), logger:info(message, fields).  Upvalues: the
 * VM, the function's name, the userdata, the level, the logger itself.
 */
static int
f_write(lua_State *L)
{
    struct logger *lg = lua_touserdata(L, lua_upvalueindex(3));
    enum atl_log_level level =
        (enum atl_log_level)lua_tointeger(L, lua_upvalueindex(4));
    struct atl_log_line l;
    bool has_fields;

    if (!atl_log_is_on(&lg->logger, level))
        return 0;
    if (lua_rawequal(L, 1, lua_upvalueindex(5)))
        lua_remove(L, 1);
    lua_settop(L, 2);
    has_fields = check_fields(L, 2);
    if (!atl_log_begin(&l, &lg->logger, level, current_request(ATL_VM(L))))
        return 0;
    atl_log_fields_message(L, &l, 1);
    if (has_fields)
        atl_log_fields_put(L, &l, 2);
    atl_log_commit(&l);
    return 0;
}

static enum atl_log_level
arg_level(lua_State *L, int arg)
{
    enum atl_log_level level = ATL_LOG_OFF;

    if (!atl_log_find_level(atl_arg_str(L, arg), &level))
        atl_arg_error(L, arg, "debug, info, warn, error or off expected");
    return level;
}

/* logger:is_enabled(level) -> boolean; the same upvalues. */
static int
f_is_enabled(lua_State *L)
{
    struct logger *lg = lua_touserdata(L, lua_upvalueindex(3));
    enum atl_log_level level;

    if (lua_rawequal(L, 1, lua_upvalueindex(5)))
        lua_remove(L, 1);
    level = arg_level(L, 1);
    lua_pushboolean(L,
                    level != ATL_LOG_OFF && atl_log_is_on(&lg->logger, level));
    return 1;
}

/* --- the module --- */

/* With the logger's table on top and its userdata below: set a function. */
static void
set_function(lua_State *L, struct atl_vm *vm, const char *name,
             lua_CFunction fn, int level)
{
    lua_pushlightuserdata(L, vm);
    lua_pushstring(L, name);
    lua_pushvalue(L, -4);
    lua_pushinteger(L, level);
    lua_pushvalue(L, -5);
    lua_pushcclosure(L, fn, 5);
    lua_setfield(L, -2, name);
}

/* new(name) -> logger */
static int
f_new(lua_State *L)
{
    static const struct {
        const char *name;
        enum atl_log_level level;
    } writers[] = {
        {"debug", ATL_LOG_DEBUG}, {"info", ATL_LOG_INFO},
        {"warn", ATL_LOG_WARN},   {"error", ATL_LOG_ERROR},
        {"log", ATL_LOG_INFO},
    };
    struct atl_str name = atl_arg_str(L, 1);
    struct logger *lg;
    size_t i;

    if (name.len == 0 || name.len > ATL_LOG_NAME_MAX)
        return atl_arg_error(L, 1, "a name of 1 to 64 bytes expected");
    lg = atl_newuserdata(L, sizeof(*lg) + name.len);
    memcpy(lg->name, name.ptr, name.len);
    lg->logger.name = (struct atl_str){lg->name, name.len};
    atomic_init(&lg->logger.known, 0);
    lua_newtable(L);
    for (i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
        set_function(L, ATL_VM(L), writers[i].name, f_write,
                     (int)writers[i].level);
    set_function(L, ATL_VM(L), "is_enabled", f_is_enabled, 0);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "name");
    return 1;
}

/* dropped() -> integer */
static int
f_dropped(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)atl_log_writer_dropped());
    return 1;
}

/* request_id() -> string or nil */
static int
f_request_id(lua_State *L)
{
    uint64_t request = current_request(ATL_VM(L));
    char id[ATL_REQUEST_ID_MAX];

    if (request == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, id, atl_request_id(request, id));
    return 1;
}

/* set_levels(spec) -> true, or nil and a message */
static int
f_set_levels(lua_State *L)
{
    struct atl_str spec = atl_arg_str(L, 1);
    int err = atl_log_set_levels(spec);

    if (err == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    if (err == ATL_E_TOOBIG)
        lua_pushliteral(L, "too many log levels, or a name too long");
    else
        lua_pushfstring(L, "there is no log level '%s'", spec.ptr);
    return 2;
}

/* options[key]: a string, or "" */
static const char *
text_option(lua_State *L, const char *key)
{
    const char *text;

    lua_getfield(L, 1, key);
    text = lua_tostring(L, -1); /* the table holds it */
    lua_pop(L, 1);
    return text != NULL ? text : "";
}

/*
 * open(options) -> true | nil, err.  The Lua half has checked them: file,
 * stream ("stdout" or "stderr"), format, full and buffer.
 */
static int
f_open(lua_State *L)
{
    struct atl_log_options o = {0};
    int err;

    atl_arg_table(L, 1);
    o.file = text_option(L, "file");
    o.stream = strcmp(text_option(L, "stream"), "stdout") == 0 ? STDOUT_FILENO
                                                               : STDERR_FILENO;
    o.format = strcmp(text_option(L, "format"), "json") == 0 ? ATL_LOG_JSON
                                                             : ATL_LOG_TEXT;
    o.block = strcmp(text_option(L, "full"), "block") == 0;
    lua_getfield(L, 1, "buffer");
    o.ring_size = (size_t)lua_tonumber(L, -1);
    if ((err = atl_log_writer_open(&o)) != 0)
        return atl_push_error(L, ATL_VM(L), err, o.file);
    lua_pushboolean(L, 1);
    return 1;
}

static const struct atl_reg functions[] = {
    {"new", f_new, 0},
    {"dropped", f_dropped, 0},
    {"request_id", f_request_id, 0},
    {"set_levels", f_set_levels, 0},
    {"open", f_open, 0},
    {NULL, NULL, 0},
};

int
luaopen_atlas_logging(lua_State *L)
{
    struct atl_vm *vm = ATL_VM(L);

    lua_newtable(L);
    atl_reg_set(L, vm, functions);
    return 1;
}
