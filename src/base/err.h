/* err.h - one space of negative error codes: libuv's, and ours from -5001.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_BASE_ERR_H
#define ATL_BASE_ERR_H

/* One row: name, code, the text that a person reads. */
#define ATL_ERROR_MAP(X)                         \
    X(TOOBIG, -5001, "size limit exceeded")      \
    X(PROTO, -5002, "peer broke the protocol")   \
    X(STATE, -5003, "not allowed in this state") \
    X(CLOSED, -5004, "closed")                   \
    X(INVALID, -5005, "invalid argument")        \
    X(NOTFOUND, -5006, "not found")

enum atl_err {
#define X(name, code, text) ATL_E_##name = (code),
    ATL_ERROR_MAP(X)
#undef X
};

/*
 * The name of `code`, which never changes: "ECONNRESET" for libuv's
 * UV_ECONNRESET, "ECLOSED" for our ATL_E_CLOSED, "EUNKNOWN" for a code of
 * neither.  Static storage.
 */
const char *atl_err_name(int code);

/*
 * One line of text for `code`, without a full stop; "unknown error" for a
 * code of neither.  Static storage.
 */
const char *atl_err_text(int code);

#endif
