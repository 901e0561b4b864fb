"""test_conformance.py - atlas test --lasgi: is it LASGI?

That each check can fail is shown in tests/lua/conformance_*_test.lua; here it
is the program, against servers and applications as users have them.

SPDX-License-Identifier: MIT
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness import eq, has, lacks, matches

ROOT = Path(__file__).resolve().parents[2]
PROBE = "atlas.conformance.probe:app"
LAST = re.compile(r"\n\n(\d+) passed, (\d+) failed, (\d+) skipped\n$")


def check(place, target, *args, env={}):
    """`atlas test --lasgi TARGET`: its end, and (passed, failed, skipped)."""
    done = place.run("test", "--lasgi", target, *args, env=env, timeout=240)
    counts = LAST.search(done.out)
    return done, tuple(map(int, counts.groups())) if counts else None


def failed(done):
    """The names of the checks that failed."""
    return re.findall(r"^  FAIL  (.*)$", done.out, re.MULTILINE)


# --- servers ---


def test_own_server_passes_on_tcp(place):
    """Atlas's own server passes all that it offers, over TCP."""
    server = place.serve(PROBE, "--body-timeout", 1)
    done, counts = check(place, server.urls[0], "--patience", 20)
    eq(failed(done), [], done.out)
    eq(done.status, 0, repr(done))
    assert counts[0] >= 90, counts
    has(done.out, "  ok    a body that is too slow is 408")
    server.stop()


def test_own_server_passes_on_a_unix_socket(place):
    """The same on a unix socket, which has no peer's address."""
    server = place.serve(PROBE, "--unix", "sock")
    done, counts = check(place, "unix:sock")
    eq(failed(done), [], done.out)
    assert counts[0] >= 90, counts
    has(done.out, "skip  a body that is too slow is 408: ")
    server.stop()


def test_skipped_checks_say_why(place):
    """What isn't offered, or can't be seen, is skipped with its reason."""
    server = place.serve(PROBE)
    done, counts = check(place, server.urls[0], "--filter", "Lifespan")
    assert counts[2] >= 3, counts
    for line in re.findall(r"^  skip  .*", done.out, re.MULTILINE):
        matches(r"  skip  [^:]+: .+", line)


def test_another_application_is_told_how_to_start_the_probe(place):
    """A server that serves something else: the command line that it needs."""
    server = place.serve_app("answer('Hello!')")
    done, _ = check(place, server.urls[0])
    eq(done.status, 3)
    eq(done.out, "")
    has(done.err, f"atlas serve {PROBE} --port {server.port}")


def test_nobody_there(place):
    """A URL where nobody listens, and one that is none."""
    done, _ = check(place, "http://127.0.0.1:1")
    eq(done.status, 3)
    has(done.err, "can't connect to http://127.0.0.1:1: ")
    done, _ = check(place, "https://127.0.0.1")
    eq(done.status, 3)
    has(done.err, "is not http://HOST:PORT")


class WrongServer(BaseHTTPRequestHandler):
    """Plays the probe's part badly: an ASGI habit here, a slip there."""

    protocol_version = "HTTP/1.1"

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.headers.get("lasgi-probe") == "scope":
            path, _, query = self.path.partition("?")
            self.answer({"listed": {}, "read": {
                "type": "http", "method": self.command, "path": path, "raw_path": path,
                "query_string": query, "http_version": "1.1", "scheme": "http", "root_path": "",
                "lasgi": {"version": "1.0", "spec_version": "1.0"},
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "headers": [[name, value] for name, value in self.headers.items()],
                "client": ["127.0.0.1", self.client_address[1]],
                "server": ["127.0.0.1", self.server.server_port], "state": {}, "extensions": {}}})
        elif self.headers.get("lasgi-probe") == "misuse":
            self.answer({"finding": "passed"})
        else:
            self.answer({"probe": "lasgi", "version": 1, "has_tasks": False})

    def log_message(self, *args):
        pass


def test_a_wrong_server_fails_the_right_sentences(place):
    """A server of another make that breaks sentences is told which."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), WrongServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        done, _ = check(place, url, "--filter", "^HTTP scope$", "--filter", "bad headers")
    finally:
        server.shutdown()
    eq(done.status, 1, repr(done))
    names = failed(done)
    for name in ("path is decoded once", "headers are pairs in order", "bad headers raise",
                 "bad escapes never reach the application", "http version"):
        assert name in names, (name, names)
    for name in ("type is http", "client is the peer", "server is the listener",
                 "query string is not decoded"):
        assert name not in names, (name, names)
    has(done.out, "LASGI: `path` percent-decoded path, without the query")


# --- applications ---


def test_the_wire_tests_applications_pass(place):
    """Both applications that the wire tests talk to."""
    env = {"LUA_PATH": f"{ROOT}/?.lua;;"}
    for module in "tests.wire.app", "tests.wire.application":
        done, counts = check(place, f"{module}:app", env=env)
        eq(failed(done), [], done.out)
        eq(done.status, 0)
        assert counts[0] >= 40, counts


def test_the_first_application_of_the_readme_passes(place):
    """README.md's hello.lua."""
    text = (ROOT / "README.md").read_text()
    place.write("hello.lua", re.search(r"```lua file=hello.lua\n(.*?)```", text, re.DOTALL)[1])
    done, _ = check(place, "hello:app", "--path", "/", "--path", "/tea/ada")
    eq(failed(done), [], done.out)
    eq(done.status, 0)


def test_the_probe_passes_as_an_application(place):
    """The probe itself is an application like another."""
    done, _ = check(place, PROBE)
    eq(failed(done), [], done.out)
    eq(done.status, 0)


def test_a_wrong_application_fails_the_right_sentence(place):
    """The sentence, what was sent, and the line that sent it."""
    place.write("wrong.lua", """\
local function app(scope, receive, send)
    if scope.type ~= "http" then return end
    send { type = "http.response.start", status = "200" }
    send { type = "http.response.body", body = "x" }
end
return { app = app }
""")
    done, counts = check(place, "wrong:app")
    eq(done.status, 1)
    assert "statuses are integers" in failed(done), done.out
    lacks("\n".join(failed(done)), "names are tokens")
    has(done.out, "LASGI: raises on misuse: a `status` that is missing")
    has(done.out, "GET /: http.response.start: status is 200, and no integer from 200 to 999 "
                  "(./wrong.lua:3)")
    eq(counts[1], len(failed(done)))


def test_an_application_that_never_ends_does_not_keep_us(place):
    """One that catches every error and goes on: it is left behind."""
    place.write("stuck.lua", """\
local function app(scope, receive, send)
    while true do
        pcall(send, { type = "http.response.start", status = 200 })
        pcall(send, { type = "http.response.body", body = "x" })
    end
end
return { app = app }
""")
    done, _ = check(place, "stuck:app", "--filter", "no loop spins")
    eq(done.status, 1)
    assert "stops sending" in failed(done), done.out


def test_what_cannot_be_loaded(place):
    """No such module; no pattern."""
    done, _ = check(place, "nothing:app")
    eq(done.status, 3)
    has(done.err, "module 'nothing' not found")
    done, _ = check(place, PROBE, "--filter", "[")
    eq(done.status, 2)
    has(done.err, "is no pattern")
