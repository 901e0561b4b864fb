/* media.h - media types: of file names, and the Content-Type field.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_WEB_MEDIA_H
#define ATL_WEB_MEDIA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

/*
 * The media type for a file called `name` (a path will do), by its extension
 * in any case: "text/css".  application/octet-stream if that is unknown.
 * Static storage.
 */
struct atl_str atl_media_of_name(struct atl_str name);

/*
 * Is `type` (a Content-Type, parameters allowed) text that is to be sent with
 * `; charset=utf-8`: text/anything, application/javascript, application/xml
 * and types that end in +xml, if it names no charset?  JSON has none, and
 * needs none (RFC 8259 11).
 */
bool atl_media_wants_charset(struct atl_str type);

/* A parsed Content-Type: slices of the field's value. */
struct atl_media {
    struct atl_str type;    /* "text"; case as it came */
    struct atl_str subtype; /* "html" */
    struct atl_str params;  /* what follows, for atl_media_param_next() */
};

/* One parameter.  `quoted`: the value still has its backslashes. */
struct atl_media_param {
    struct atl_str name;
    struct atl_str value; /* without the quotes around it */
    bool quoted;          /* it holds a backslash: see atl_media_text() */
};

/*
 * Parse type/subtype (RFC 9110 8.3.1), white space around it allowed.  False
 * if it isn't one, or something else than a ';' follows.
 */
bool atl_media_parse(struct atl_str field, struct atl_media *out);

/* Is it `type`/`subtype`, both in lower case? */
bool atl_media_is(const struct atl_media *m, struct atl_str type,
                  struct atl_str subtype);

/*
 * Take the next parameter off *params; false if there is none.  What is
 * malformed is left out, up to the next ';' that stands in no quotes.
 */
bool atl_media_param_next(struct atl_str *params, struct atl_media_param *out);

/* The first parameter called `name` (in any case); false if there is none. */
bool atl_media_param_find(const struct atl_media *m, struct atl_str name,
                          struct atl_media_param *out);

/* The parameter's value; if `quoted`, without its backslashes in `arena`. */
struct atl_str atl_media_text(const struct atl_media_param *param,
                              struct atl_arena *arena);

#endif
