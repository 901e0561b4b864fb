/* address.h - socket addresses from text.
 * SPDX-License-Identifier: MIT
 */
#ifndef ATL_NET_ADDRESS_H
#define ATL_NET_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

union atl_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/*
 * `host` is a numeric IPv4 or IPv6 address, the latter with or without
 * brackets, or "localhost", which is 127.0.0.1; *len_out: how many bytes of
 * *addr_out are meant.  Returns 0; UV_EINVAL for another host, or a port that
 * isn't one from 0 to 65535.
 */
int atl_address_parse(const char *host, int port, union atl_address *addr_out,
                      size_t *len_out) __attribute__((warn_unused_result));

#endif
