/* json_path.c - where in a value something is wrong.  See json_path.h.
 * SPDX-License-Identifier: MIT
 */
#include "lua/json_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct path {
    char *text;
    size_t len, room; /* beside the dots and the NUL */
};

static void
add_byte(struct path *path, char c)
{
    if (path->len < path->room)
        path->text[path->len] = c;
    path->len++;
}

static void
add_text(struct path *path, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        add_byte(path, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
}

static bool
is_name(const char *key, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (!(key[i] == '_' || (key[i] >= '0' && key[i] <= '9' && i > 0) ||
              ((key[i] | 0x20) >= 'a' && (key[i] | 0x20) <= 'z')))
            return false;
    return len > 0;
}

static void
add_step(struct path *path, lua_State *L, const struct atl_json_frame *f)
{
    char index[32];
    const char *key;
    size_t len;

    if (f->key == 0) {
        len = (size_t)snprintf(index, sizeof(index), "[%lld]", (long long)f->i);
        add_text(path, index, len);
        return;
    }
    key = lua_tolstring(L, f->key, &len);
    if (is_name(key, len)) {
        add_byte(path, '.');
        add_text(path, key, len);
    } else {
        add_text(path, "[\"", 2);
        add_text(path, key, len);
        add_text(path, "\"]", 2);
    }
}

/* The steps from the outermost table to `f`. */
static void
add_path(struct path *path, lua_State *L, const struct atl_json_frame *f)
{
    if (f->up != NULL)
        add_path(path, L, f->up);
    add_step(path, L, f);
}

void
atl_json_path(lua_State *L, const struct atl_json_frame *f, char *out,
              size_t room)
{
    struct path path = {out, 0, room - 4};

    add_path(&path, L, f);
    if (path.len > path.room)
        memcpy(out + path.room, "...", 4);
    else
        out[path.len] = '\0';
}
