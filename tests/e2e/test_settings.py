"""test_settings.py - option before ATLAS_* before ATLAS_CONFIG before default.

SPDX-License-Identifier: MIT
"""

import re
import time

from harness import alone, eq, free_port, get, has, matches, receive_all

BODY = """
    local size = 0
    repeat
        local message = receive()
        if message.type == "http.disconnect" then return end
        size = size + #message.body
    until not message.more_body
    answer(tostring(size))
"""


def settings(place, **values):
    """A configuration module "settings" with these lines of Lua."""
    lines = ",".join(f"{name} = {value}" for name, value in values.items())
    place.write("settings.lua", f"return {{ {lines} }}")


# --- the port: seen at once ---


def test_the_default_address_is_127_0_0_1_port_8000(place):
    place.write("site.lua", "return { app = function() end }")
    server = place.start("site:app")  # the port may be somebody else's
    while not (server.out() or server.log()):
        time.sleep(0.01)
    matches(r"Serving on http://127\.0\.0\.1:8000\n"
            r"|atlas: cannot listen on 127\.0\.0\.1:8000: address already in use\n",
            server.out() + server.log())


def test_an_option_goes_before_the_environment_and_the_configuration(place):
    option, variable, config = free_port(), free_port(), free_port()
    settings(place, port=config)
    server = place.serve_app('answer("hi")', "--port", option,
                             env={"ATLAS_PORT": str(variable), "ATLAS_CONFIG": "settings"})
    eq(server.urls, [f"http://127.0.0.1:{option}"])


def test_the_environment_goes_before_the_configuration(place):
    variable, config = free_port(), free_port()
    settings(place, port=config)
    place.write("site.lua", "return { app = function() end }")
    server = place.start("site:app", env={"ATLAS_PORT": str(variable), "ATLAS_CONFIG": "settings"})
    server.wait_until_serving()
    eq(server.urls, [f"http://127.0.0.1:{variable}"])


def test_the_configuration_goes_before_the_default(place):
    config = free_port()
    settings(place, port=config)
    place.write("site.lua", "return { app = function() end }")
    server = place.start("site:app", env={"ATLAS_CONFIG": "settings"})
    server.wait_until_serving()
    eq(server.urls, [f"http://127.0.0.1:{config}"])


def test_an_empty_variable_is_as_none(place):
    config = free_port()
    settings(place, port=config)
    place.write("site.lua", "return { app = function() end }")
    server = place.start("site:app", env={"ATLAS_PORT": "", "ATLAS_CONFIG": "settings"})
    server.wait_until_serving()
    eq(server.urls, [f"http://127.0.0.1:{config}"])


def test_the_option_config_goes_before_atlas_config(place):
    first, second = free_port(), free_port()
    place.write("first.lua", f"return {{ port = {first} }}")
    place.write("second.lua", f"return {{ port = {second} }}")
    place.write("site.lua", "return { app = function() end }")
    server = place.start("site:app", "--config", "first", env={"ATLAS_CONFIG": "second"})
    server.wait_until_serving()
    eq(server.urls, [f"http://127.0.0.1:{first}"])


def test_the_last_of_an_option_that_is_repeated_counts(place):
    port = free_port()
    server = place.serve_app('answer("hi")', "--port", free_port(), "--port", port)
    eq(server.urls, [f"http://127.0.0.1:{port}"])


def test_an_option_may_have_its_value_behind_an_equals_sign(place):
    port = free_port()
    server = place.serve_app('answer("hi")', f"--port={port}")
    eq(server.urls, [f"http://127.0.0.1:{port}"])


def test_options_may_stand_before_and_behind_the_target(place):
    place.write("site.lua", "return { app = function() end }")
    server = place.serve("--host", "127.0.0.2", "site:app", "--port", 0)
    matches(r"http://127\.0\.0\.2:\d+", server.urls[0])


def test_the_configuration_may_list_several_hosts(place):
    settings(place, host='{ "127.0.0.2", "127.0.0.3" }', port=0)
    place.write("site.lua", "return { app = function() end }")
    server = place.serve("site:app", "--config", "settings")
    eq([re.sub(r":\d+$", "", url) for url in server.urls],
       ["http://127.0.0.2", "http://127.0.0.3"])


def test_the_application_may_read_the_configuration_too(place):
    settings(place, greeting='"from the settings"')
    server = place.serve_app('answer(require("settings").greeting)', "--config", "settings")
    eq(server.curl(server.url()).out, "from the settings")


# --- a limit: the same order ---


def status_of(server, size):
    return int(server.curl("-o", "/dev/null", "-w", "%{http_code}", "-d", "x" * size,
                           server.url()).out)


def test_a_limit_comes_from_the_option_first(place):
    settings(place, max_body=1000)
    server = place.serve_app(BODY, "--max-body", 10,
                             env={"ATLAS_MAX_BODY": "100", "ATLAS_CONFIG": "settings"})
    eq(status_of(server, 10), 200)
    eq(status_of(server, 11), 413)


def test_a_limit_comes_from_the_environment_next(place):
    settings(place, max_body=1000)
    server = place.serve_app(BODY, env={"ATLAS_MAX_BODY": "100", "ATLAS_CONFIG": "settings"})
    eq(status_of(server, 100), 200)
    eq(status_of(server, 101), 413)


def test_a_limit_comes_from_the_configuration_then(place):
    settings(place, max_body=1000)
    server = place.serve_app(BODY, env={"ATLAS_CONFIG": "settings"})
    eq(status_of(server, 1000), 200)
    eq(status_of(server, 1001), 413)


def test_a_limit_has_its_default_at_last(place):
    server = place.serve_app(BODY)
    place.write("large", "x" * (16 << 20))
    place.write("larger", "x" * ((16 << 20) + 1))
    for name, status in ("large", "200"), ("larger", "413"):
        eq(server.curl("-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{name}",
                       server.url()).out, status)


# --- keep-alive: the same order, by the clock ---


def idle_time(server):
    """Seconds until an idle connection is closed, behind one answer."""
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        has(sock.recv(65536).decode(), "200 OK")
        started = time.monotonic()
        eq(receive_all(sock), b"")
        return time.monotonic() - started


def check_idle_time(server, seconds):
    found = idle_time(server)
    assert seconds - 0.1 <= found < seconds + 3, f"closed after {found:.2f} s, not {seconds}"


@alone
def test_keep_alive_comes_from_the_option_first(place):
    settings(place, keep_alive=60)
    check_idle_time(place.serve_app('answer("hi")', "--keep-alive", "0.5", env={
        "ATLAS_KEEP_ALIVE": "60", "ATLAS_CONFIG": "settings"}), 0.5)


@alone
def test_keep_alive_comes_from_the_environment_next(place):
    settings(place, keep_alive=60)
    check_idle_time(place.serve_app('answer("hi")', env={
        "ATLAS_KEEP_ALIVE": "0.5", "ATLAS_CONFIG": "settings"}), 0.5)


@alone
def test_keep_alive_comes_from_the_configuration_then(place):
    settings(place, keep_alive=0.5)
    check_idle_time(place.serve_app('answer("hi")', "--config", "settings"), 0.5)


def test_a_connection_that_sends_nothing_is_closed_after_keep_alive(place):
    server = place.serve_app('answer("hi")', "--keep-alive", "0.3")
    with server.connect() as sock:
        eq(receive_all(sock), b"")


def test_a_connection_is_kept_while_keep_alive_has_not_passed(place):
    server = place.serve_app('answer("hi")', "--keep-alive", "5")
    client = server.client()
    for _ in range(3):
        eq(get(client)[1], "hi")
        sock = client.sock
        time.sleep(0.3)
        assert client.sock is sock and sock is not None


# --- the log's level ---


def test_the_log_level_debug_tells_why_a_request_was_refused(place):
    server = place.serve_app('answer("hi")', "--log-level", "debug")
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no Host
        has(receive_all(sock).decode(), "400 Bad Request")
    server.wait_log(r"DEBUG atlas\.http\[[^\n]*400")


def test_the_log_level_is_info_by_default(place):
    server = place.serve_app('answer("hi")')
    with server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        has(receive_all(sock).decode(), "400 Bad Request")
    server.stop()
    eq(server.log(), "")
