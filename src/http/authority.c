/* authority.c - host and port.  See authority.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/authority.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "http/scan.h"

/* unreserved and sub-delims (RFC 3986 2.3, 2.2). */
static const bool name_byte[256] = {
    ['!'] = 1, ['$'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1,
    ['*'] = 1, ['+'] = 1, [','] = 1, ['-'] = 1,  ['.'] = 1, [';'] = 1,
    ['='] = 1, ['_'] = 1, ['~'] = 1, ['0'] = 1,  ['1'] = 1, ['2'] = 1,
    ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,  ['j'] = 1, ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,  ['p'] = 1, ['q'] = 1,
    ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,  ['v'] = 1, ['w'] = 1,
    ['x'] = 1, ['y'] = 1, ['z'] = 1, ['A'] = 1,  ['B'] = 1, ['C'] = 1,
    ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1,  ['H'] = 1, ['I'] = 1,
    ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1,  ['T'] = 1, ['U'] = 1,
    ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1,  ['Z'] = 1,
};

/* Four bytes a step: this runs for every request. */
static const char *
scan_names(const char *p, const char *end)
{
    while (end - p >= 4 &&
           (name_byte[(unsigned char)p[0]] & name_byte[(unsigned char)p[1]] &
            name_byte[(unsigned char)p[2]] & name_byte[(unsigned char)p[3]]))
        p += 4;
    while (p < end && name_byte[(unsigned char)*p])
        p++;
    return p;
}

/* 0 to 5 digits that make no more than 65535. */
static bool
is_port(const char *p, const char *end)
{
    unsigned int port = 0;

    if (end - p > 5)
        return false;
    for (; p < end; p++) {
        unsigned int digit = (unsigned int)(*p - '0');

        if (digit > 9)
            return false;
        port = port * 10 + digit;
    }
    return port <= 65535;
}

/* reg-name, which an IPv4 address is too (RFC 3986 3.2.2). */
static const char *
scan_name(const char *p, const char *end)
{
    while ((p = scan_names(p, end)) < end && *p == '%') {
        if (end - p < 3 || atl_scan_hex(p[1]) < 0 || atl_scan_hex(p[2]) < 0)
            break;
        p += 3;
    }
    return p;
}

static bool
is_ipv6(const char *p, const char *end)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    size_t len = (size_t)(end - p);

    /* A NUL inside would end what inet_pton() sees; a '%' starts a zone. */
    if (len >= sizeof(text) || memchr(p, 0, len) || memchr(p, '%', len))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return inet_pton(AF_INET6, text, &unused) == 1;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) (RFC 3986 3.2.2). */
static bool
is_ip_future(const char *p, const char *end)
{
    const char *version = p + 1;

    if (p == end || (*p != 'v' && *p != 'V'))
        return false;
    for (p = version; p < end && atl_scan_hex(*p) >= 0;)
        p++;
    if (p == version || end - p < 2 || *p != '.')
        return false;
    for (p++; p < end && (name_byte[(unsigned char)*p] || *p == ':');)
        p++;
    return p == end;
}

/* IP-literal (RFC 3986 3.2.2); not inlined, since it is rare. */
static __attribute__((noinline)) const char *
scan_literal(const char *p, const char *end)
{
    const char *close = memchr(p, ']', (size_t)(end - p));

    if (close == NULL ||
        (!is_ipv6(p + 1, close) && !is_ip_future(p + 1, close)))
        return p;
    return close + 1;
}

bool
atl_authority_is_valid(struct atl_str s)
{
    const char *p, *end;

    if (s.len == 0)
        return false;
    end = s.ptr + s.len;
    p = s.ptr[0] == '[' ? scan_literal(s.ptr, end) : scan_name(s.ptr, end);
    if (p == s.ptr)
        return false;
    return p == end || (*p == ':' && is_port(p + 1, end));
}
