/* fuzz_media.c - media types, negotiation and redirect targets.
 * SPDX-License-Identifier: MIT
 *
 * The input is read as each of the fields in turn.
 */
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "web/accept.h"
#include "web/location.h"
#include "web/media.h"

#include <string.h>

static void
check_inside(struct atl_str all, struct atl_str s)
{
    FUZZ_CHECK(s.ptr >= all.ptr && s.ptr + s.len <= all.ptr + all.len);
}

static void
check_media(struct atl_str all, struct atl_arena *arena)
{
    struct atl_media_param param, found;
    struct atl_media m;
    struct atl_str rest;
    unsigned count = 0;

    atl_media_wants_charset(all);
    FUZZ_CHECK(atl_media_of_name(all).len > 0);
    if (!atl_media_parse(all, &m))
        return;
    check_inside(all, m.type);
    check_inside(all, m.subtype);
    FUZZ_CHECK(m.type.len > 0 && m.subtype.len > 0);
    rest = m.params;
    while (atl_media_param_next(&rest, &param)) {
        check_inside(all, param.name);
        check_inside(all, param.value);
        FUZZ_CHECK(param.name.len > 0);
        FUZZ_CHECK(atl_media_text(&param, arena).len <= param.value.len);
        if (count++ < 16)
            FUZZ_CHECK(atl_media_param_find(&m, param.name, &found));
    }
    FUZZ_CHECK(rest.len == 0 && count <= all.len);
}

static void
check_accept(struct atl_str all)
{
    static const struct atl_str types[] = {
        ATL_STR("text/html"), ATL_STR("application/json; a=b"), ATL_STR("a/b")};
    static const struct atl_str codings[] = {ATL_STR("br"), ATL_STR("gzip"),
                                             ATL_STR("identity")};
    int best = atl_accept_best(all, types, 3), i, q;
    int coding = atl_accept_coding_best(all, codings, 3);

    for (i = 0; i < 3; i++) {
        q = atl_accept_quality(all, types[i]);
        FUZZ_CHECK(q >= 0 && q <= 1000);
        FUZZ_CHECK(best >= 0 ? q <= atl_accept_quality(all, types[best])
                             : q == 0);
        q = atl_accept_coding_quality(all, codings[i]);
        FUZZ_CHECK(q >= 0 && q <= 1000);
        FUZZ_CHECK(coding >= 0
                       ? q <= atl_accept_coding_quality(all, codings[coding])
                       : q == 0);
    }
}

/* What is written is safe, of the same kind, and stays as it is. */
static void
check_location(struct atl_str all)
{
    struct atl_str host, again_host, made;
    enum atl_location kind = atl_location_classify(all, &host);
    struct atl_buf out, again;
    const char *reason = NULL;
    size_t i;

    atl_buf_init(&out, 3 * all.len + 1);
    atl_buf_init(&again, 3 * all.len + 1);
    if (atl_location_write(all, &out, &reason) != 0) {
        FUZZ_CHECK(kind > ATL_LOCATION_ABSOLUTE && reason != NULL);
        atl_buf_deinit(&out);
        return;
    }
    made = (struct atl_str){out.data, out.len};
    for (i = 0; i < made.len; i++)
        FUZZ_CHECK(made.ptr[i] > ' ' && made.ptr[i] < 0x7f &&
                   strchr("\\\"<>^`{|}", made.ptr[i]) == NULL);
    if (all.len > 0) {
        enum atl_location now = atl_location_classify(made, &again_host);
        bool ascii = true;

        for (i = 0; i < host.len; i++)
            ascii &= !(host.ptr[i] & 0x80);
        /* A name above ASCII is encoded, which is no host of ours again. */
        FUZZ_CHECK(!ascii || now == kind);
        FUZZ_CHECK(!ascii || atl_str_eq(host, again_host));
        FUZZ_CHECK(!ascii || atl_location_write(made, &again, &reason) == 0);
        FUZZ_CHECK(!ascii ||
                   atl_str_eq(made, (struct atl_str){again.data, again.len}));
    }
    atl_buf_deinit(&again);
    atl_buf_deinit(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atl_str all = {(const char *)data, size};
    struct atl_arena arena;

    atl_arena_init(&arena, NULL, 0);
    check_media(all, &arena);
    check_accept(all);
    check_location(all);
    atl_arena_reset(&arena);
    return 0;
}
