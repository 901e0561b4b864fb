/* params.c - the parameters that a request's path holds.  See params.h.
 * SPDX-License-Identifier: MIT
 */
#include "app/params.h"

#define SURE_ROOM 12 /* values that a C function may push without asking */

/* Is `s` a part of what `span` means? */
static bool
is_in(const struct atl_exchange *x, struct atl_span span, struct atl_str s)
{
    const char *start = x->req.base + span.at;

    return s.ptr >= start && s.ptr + s.len <= start + span.len;
}

void
atl_params_keep(struct atl_exchange *x, struct atl_app_level *level,
                const struct atl_match *m)
{
    struct atl_app_value *values =
        atl_arena_alloc(&x->arena, m->value_count * sizeof(*values));
    unsigned i;

    level->values = values;
    level->value_count = m->value_count;
    for (i = 0; i < m->value_count; i++) {
        struct atl_str v = m->values[i];
        bool lent = is_in(x, x->req.path, v) || is_in(x, x->req.host, v);

        values[i].ptr = lent ? NULL : v.ptr;
        values[i].span.at = lent ? (uint32_t)(v.ptr - x->req.base) : 0;
        values[i].span.len = (uint32_t)v.len;
    }
}

/* The function that parses what `c` takes, or 0. */
static int
parse_of(const struct atl_converter *c)
{
    const struct atl_app_converter *custom = c->data;

    return c->kind == ATL_CONVERTER_CUSTOM ? custom->parse : 0;
}

bool
atl_params_parsed(const struct atl_pattern *p)
{
    unsigned i;

    if (p == NULL)
        return false;
    for (i = 0; i < p->param_count; i++)
        if (parse_of(atl_pattern_param(p, i)->converter) != 0)
            return true;
    return false;
}

/* int and number are numbers, which have been checked to be exact. */
void
atl_params_push_value(lua_State *L, const struct atl_converter *c,
                      struct atl_str value)
{
    int64_t n;

    if (c->kind == ATL_CONVERTER_INT && atl_converter_parse_int(value, &n)) {
        lua_pushinteger(L, (lua_Integer)n);
        return;
    }
    if (parse_of(c) != 0)
        atl_vm_push(L, parse_of(c));
    lua_pushlstring(L, value.ptr, value.len);
    if (parse_of(c) != 0) {
        lua_call(L, 1, 1);
    } else if (c->kind == ATL_CONVERTER_NUMBER) {
        lua_pushnumber(L, lua_tonumber(L, -1));
        lua_replace(L, -2);
    }
}

static void
push_value(lua_State *L, struct atl_exchange *x,
           const struct atl_app_value *value, const struct atl_converter *c)
{
    struct atl_str s = {value->ptr, value->span.len};

    if (s.ptr == NULL)
        s = atl_request_str(&x->req, value->span);
    atl_params_push_value(L, c, s);
}

static void
push_level(lua_State *L, struct atl_exchange *x,
           const struct atl_app_level *level)
{
    unsigned i;

    for (i = 0; i < level->value_count; i++)
        push_value(L, x, &level->values[i],
                   atl_route_param(level->found, i)->converter);
}

int
atl_params_push(lua_State *L, struct atl_exchange *x)
{
    const struct atl_app_call *call = atl_app_call_of(x);
    unsigned i;
    int n = 0;

    for (i = 0; i < call->level_count; i++)
        n += (int)call->levels[i].value_count;
    if (n > SURE_ROOM)
        luaL_checkstack(L, n + SURE_ROOM, "too many parameters");
    for (i = 0; i < call->level_count; i++)
        if (call->levels[i].value_count > 0)
            push_level(L, x, &call->levels[i]);
    return n;
}

void
atl_params_push_table(lua_State *L, struct atl_exchange *x)
{
    const struct atl_app_call *call = atl_app_call_of(x);
    unsigned i, k;

    lua_newtable(L);
    for (i = 0; i < call->level_count; i++) {
        const struct atl_app_level *level = &call->levels[i];

        for (k = 0; k < level->value_count; k++) {
            const struct atl_pattern_part *p = atl_route_param(level->found, k);

            lua_pushlstring(L, p->text.ptr, p->text.len);
            push_value(L, x, &level->values[k], p->converter);
            lua_rawset(L, -3);
        }
    }
}
