"""test_listening.py - unix sockets, and several addresses at once.

SPDX-License-Identifier: MIT
"""

import os
import re
import socket
import stat

from harness import Skip, eq, fails_with, has, matches

SHOW = """
    local function text(pair)
        return pair and table.concat({ tostring(pair[1]), tostring(pair[2]) }, " ") or "none"
    end
    answer(text(scope.server) .. "|" .. text(scope.client))
"""
APP = "return { app = function() end }"


def over_unix(server, path):
    return server.curl("--unix-socket", path, "http://localhost/")


# --- unix sockets ---


def test_a_unix_socket_is_served(place):
    server = place.serve_app(SHOW, "--unix", "site.sock")
    eq(server.urls, ["unix:site.sock"])
    eq(server.out(), "Serving on unix:site.sock\n")
    has(over_unix(server, "site.sock").out, "site.sock nil|")


def test_a_client_over_a_unix_socket_has_no_address(place):
    server = place.serve_app(SHOW, "--unix", "site.sock")
    eq(over_unix(server, "site.sock").out, "site.sock nil|none")


def test_an_absolute_path_is_told_as_it_is(place):
    path = place.path / "site.sock"
    server = place.serve_app(SHOW, "--unix", path)
    eq(server.out(), f"Serving on unix:{path}\n")
    has(over_unix(server, path).out, f"{path} nil|")


def test_a_unix_socket_alone_means_no_port(place):
    server = place.serve_app(SHOW, "--unix", "site.sock", env={"ATLAS_PORT": "0"})
    eq(server.urls, ["unix:site.sock"])
    folder = f"/proc/{server.pid}/fd"
    links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    with open(f"/proc/{server.pid}/net/tcp", encoding="ascii") as table:
        listening = {line.split()[9] for line in table if line.split()[3] == "0A"}
    eq(inodes & listening, set())


def test_the_socket_is_removed_at_the_end(place):
    server = place.serve_app(SHOW, "--unix", "site.sock")
    assert stat.S_ISSOCK((place.path / "site.sock").stat().st_mode)
    server.stop()
    assert not (place.path / "site.sock").exists()


def test_a_stale_socket_is_replaced(place):
    server = place.serve_app(SHOW, "--unix", "site.sock")
    server.kill()  # it leaves its file
    assert (place.path / "site.sock").exists()
    server = place.serve_app(SHOW, "--unix", "site.sock")
    has(over_unix(server, "site.sock").out, "site.sock")


def test_a_socket_that_is_in_use_is_left_alone(place):
    server = place.serve_app(SHOW, "--unix", "site.sock")
    fails_with(place.run("serve", "site:app", "--unix", "site.sock"), 3,
               "cannot listen on site.sock: address already in use")
    has(over_unix(server, "site.sock").out, "site.sock")


def test_a_file_that_is_no_socket_is_left_alone(place):
    place.write("site.sock", "precious")
    fails_with(place.run_serve(APP, "--unix", "site.sock"), 3,
               "cannot listen on site.sock: address already in use")
    eq(place.read("site.sock"), "precious")


def test_a_folder_that_is_missing(place):
    done = place.run_serve(APP, "--unix", "no/such/site.sock")
    matches(r"atlas: cannot listen on no/such/site\.sock: no such file or directory\n", done.err)
    eq(done.status, 3)


def test_a_path_that_is_too_long(place):
    path = "x" * 120
    done = place.run_serve(APP, "--unix", path)
    matches(rf"atlas: cannot listen on {path}: [^\n]+\n", done.err)
    eq(done.status, 3)


def test_several_unix_sockets_at_once(place):
    server = place.serve_app(SHOW, "--unix", "one.sock", "--unix", "two.sock")
    eq(server.urls, ["unix:one.sock", "unix:two.sock"])
    for name in "one.sock", "two.sock":
        has(over_unix(server, name).out, name)


# --- addresses ---


def require_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        raise Skip("this machine has no ::1") from None


def test_an_ipv6_address_is_served_and_told_in_brackets(place):
    require_ipv6()
    for host in "::1", "[::1]":
        server = place.serve_app(SHOW, "--host", host)
        matches(r"http://\[::1\]:\d+", server.urls[0])
        matches(rf"::1 {server.port}\|::1 \d+", server.curl("-g", server.url()).out)


def test_localhost_is_an_address(place):
    server = place.serve_app(SHOW, "--host", "localhost")
    matches(r"http://127\.0\.0\.1:\d+", server.urls[0])


def test_all_addresses_may_be_asked_for(place):
    server = place.serve_app(SHOW, "--host", "0.0.0.0")
    matches(r"http://0\.0\.0\.0:\d+", server.urls[0])
    for host in "127.0.0.1", "127.0.0.2":
        eq(server.curl(f"http://{host}:{server.port}/").status, 0)


def test_several_addresses_at_once(place):
    require_ipv6()
    server = place.serve_app(SHOW, "--host", "127.0.0.1", "--host", "127.0.0.2", "--host", "::1")
    eq([re.sub(r":\d+$", "", url) for url in server.urls],
       ["http://127.0.0.1", "http://127.0.0.2", "http://[::1]"])
    for url, host in zip(server.urls, ("127.0.0.1", "127.0.0.2", "::1")):
        port = url.rsplit(":", 1)[1]
        matches(rf"{host} {port}\|\S+ \d+", server.curl("-g", url + "/").out)


def test_one_port_on_several_addresses(place):
    require_ipv6()
    server = place.serve_app(SHOW, "--host", "127.0.0.1")
    port = server.port
    server.stop()
    server = place.serve("site:app", "--host", "127.0.0.1", "--host", "::1", "--port", port)
    eq(server.urls, [f"http://127.0.0.1:{port}", f"http://[::1]:{port}"])


def test_an_address_and_a_unix_socket_at_once(place):
    server = place.serve_app(SHOW, "--unix", "site.sock", "--host", "127.0.0.1", "--port", 0)
    eq(server.urls[0], "unix:site.sock")
    has(over_unix(server, "site.sock").out, "site.sock")
    matches(rf"127\.0\.0\.1 {server.port}\|127\.0\.0\.1 \d+",
            server.curl(server.urls[1] + "/").out)


def test_port_0_is_any_free_port(place):
    first, second = place.serve_app(SHOW), place.serve("site:app")
    assert first.port != second.port
    for server in first, second:
        eq(server.curl(server.url()).status, 0)


def test_a_port_can_be_had_again_at_once(place):
    """Connections in TIME_WAIT don't keep it (SO_REUSEADDR)."""
    server = place.serve_app('answer("hi")')
    port = server.port
    for _ in range(3):
        eq(server.curl("-H", "Connection: close", server.url()).out, "hi")
        server.stop()
        server = place.serve("site:app", "--port", port)
