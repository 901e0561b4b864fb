/* escape_test.c - text into HTML.
 * SPDX-License-Identifier: MIT
 */
#include "web/escape.h"

#include "base/err.h"
#include "unit/test.h"

static struct atl_arena arena;

__attribute__((constructor)) static void
set_up(void)
{
    atl_arena_init(&arena, NULL, 0);
}

__attribute__((destructor)) static void
tear_down(void)
{
    atl_arena_reset(&arena);
}

/* One byte after the other. */
static size_t
naive(const char *p, size_t len, char *out)
{
    char *from = out;
    size_t i;

    for (i = 0; i < len; i++) {
        const char *text = p[i] == '&'    ? "&amp;"
                           : p[i] == '<'  ? "&lt;"
                           : p[i] == '>'  ? "&gt;"
                           : p[i] == '"'  ? "&quot;"
                           : p[i] == '\'' ? "&#39;"
                                          : NULL;

        if (text != NULL)
            out = stpcpy(out, text);
        else
            *out++ = p[i];
    }
    return (size_t)(out - from);
}

TEST(text_without_specials_is_the_same_slice)
{
    struct atl_str s = ATL_STR("nothing here to escape, at all; not one byte");

    CHECK(atl_escape_html(s, NULL).ptr == s.ptr);
    CHECK_INT(atl_escape_plain_len(s), s.len);
    CHECK_INT(atl_escape_html((struct atl_str){NULL, 0}, NULL).len, 0);
    CHECK_INT(atl_escape_plain_len((struct atl_str){NULL, 0}), 0);
}

TEST(the_five_are_escaped)
{
    struct atl_str got =
        atl_escape_html(ATL_STR("<a href=\"x\" id='y'>&amp;</a>"), &arena);

    CHECK_MEM(got.ptr, got.len,
              "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
}

TEST(every_byte_at_every_place_is_judged_as_by_itself)
{
    char text[40], want[sizeof(text) * ATL_ESCAPE_GROWTH];
    size_t at, len, n;
    int c;

    for (len = 1; len <= sizeof(text); len += len < 20 ? 1 : 5)
        for (at = 0; at < len; at++)
            for (c = 0; c < 256; c++) {
                struct atl_str got;
                char *copy = malloc(len);

                memset(text, 'x', len);
                text[at] = (char)c;
                memcpy(copy, text, len);
                n = naive(text, len, want);
                got = atl_escape_html((struct atl_str){copy, len}, &arena);
                CHECK(atl_str_eq(got, (struct atl_str){want, n}));
                free(copy);
                if (c % 64 == 0)
                    atl_arena_reset(&arena);
            }
}

TEST(any_mixture_is_judged_as_byte_by_byte)
{
    static const char alphabet[] = "&<>\"'%#=?\xa6\xbc\x27x";
    char text[64], want[sizeof(text) * ATL_ESCAPE_GROWTH];
    uint64_t seed = 88172645463325252u;
    struct atl_buf b;
    int round;

    atl_buf_init(&b, sizeof(want));
    for (round = 0; round < 20000; round++) {
        size_t i, n, len = (size_t)round % sizeof(text);

        for (i = 0; i < len; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            text[i] = alphabet[seed % (sizeof(alphabet) - 1)];
        }
        n = naive(text, len, want);
        b.len = 0;
        CHECK_INT(atl_escape_html_append(&b, (struct atl_str){text, len}), 0);
        CHECK(b.len == n && (n == 0 || memcmp(b.data, want, n) == 0));
    }
    atl_buf_deinit(&b);
}

TEST(a_full_buffer_is_left_as_it_was)
{
    struct atl_buf b;

    atl_buf_init(&b, 6);
    CHECK_INT(atl_escape_html_append(&b, ATL_STR("ab")), 0);
    CHECK_INT(atl_escape_html_append(&b, ATL_STR("&")), ATL_E_TOOBIG);
    CHECK_INT(atl_escape_html_append(&b, ATL_STR("<")), 0);
    CHECK_MEM(b.data, b.len, "ab&lt;");
    atl_buf_deinit(&b);
}
