/* err_test.c - the error codes' names and texts.
 * SPDX-License-Identifier: MIT
 */
#include "base/err.h"

#include <uv.h>

#include "unit/test.h"

TEST(our_codes_have_the_name_of_their_constant_with_an_e)
{
    CHECK_STR(atl_err_name(ATL_E_TOOBIG), "ETOOBIG");
    CHECK_STR(atl_err_name(ATL_E_PROTO), "EPROTO");
    CHECK_STR(atl_err_name(ATL_E_CLOSED), "ECLOSED");
    CHECK_STR(atl_err_name(ATL_E_NOTFOUND), "ENOTFOUND");
}

TEST(our_codes_have_the_text_of_their_row)
{
    CHECK_STR(atl_err_text(ATL_E_TOOBIG), "size limit exceeded");
    CHECK_STR(atl_err_text(ATL_E_CLOSED), "closed");
}

TEST(our_codes_are_none_of_libuvs)
{
#define X(name, code, text) CHECK(code < UV_ERRNO_MAX);
    ATL_ERROR_MAP(X)
#undef X
}

TEST(every_code_of_libuv_has_libuvs_name_and_text)
{
#define X(name, text)                                           \
    CHECK_STR(atl_err_name(UV_##name), uv_err_name(UV_##name)); \
    if (UV_##name != UV_ETIMEDOUT)                              \
        CHECK_STR(atl_err_text(UV_##name), uv_strerror(UV_##name));
    UV_ERRNO_MAP(X)
#undef X
}

TEST(what_timed_out_need_not_be_a_connection)
{
    CHECK_STR(atl_err_text(UV_ETIMEDOUT), "timed out");
}

TEST(a_system_calls_errno_has_its_name)
{
    CHECK_STR(atl_err_name(-ECONNRESET), "ECONNRESET");
    CHECK_STR(atl_err_name(-ENOENT), "ENOENT");
}

/* The sanitizer's leak check is a part of this test. */
TEST(a_code_of_neither_is_unknown)
{
    static const int codes[] = {0, 1, -4999, -5000, -5999, -2147483647 - 1};
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        CHECK_STR(atl_err_name(codes[i]), "EUNKNOWN");
        CHECK_STR(atl_err_text(codes[i]), "unknown error");
    }
}

TEST(a_name_is_the_same_pointer_every_time)
{
    CHECK(atl_err_name(ATL_E_STATE) == atl_err_name(ATL_E_STATE));
    CHECK(atl_err_name(UV_EOF) == atl_err_name(UV_EOF));
    CHECK(atl_err_name(-4999) == atl_err_name(-4998));
}
