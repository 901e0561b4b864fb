/* address.c - socket addresses from text.  See address.h.
 * SPDX-License-Identifier: MIT
 */
#include "net/address.h"

#include <string.h>

#include <uv.h>

int
atl_address_parse(const char *host, int port, union atl_address *addr_out,
                  size_t *len_out)
{
    char bare[64]; /* more than an address with its zone takes */
    size_t len = strlen(host);

    if (port < 0 || port > 65535)
        return UV_EINVAL;
    *len_out = sizeof(addr_out->v4);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (uv_ip4_addr(host, port, &addr_out->v4) == 0)
        return 0;
    *len_out = sizeof(addr_out->v6);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len >= sizeof(bare))
        return UV_EINVAL;
    memcpy(bare, host, len);
    bare[len] = '\0';
    return uv_ip6_addr(bare, port, &addr_out->v6) == 0 ? 0 : UV_EINVAL;
}
