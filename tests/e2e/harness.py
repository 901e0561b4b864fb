"""harness.py - what the end-to-end tests share: a place, a program, a server.

A test is a function test_*(place).  `place` is a folder of its own in which it
writes modules and runs the program; at the test's end all that runs there is
stopped, and a sanitizer's report in any output is a failure.

SPDX-License-Identifier: MIT
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_TIMEOUT = 20.0  # seconds; a sanitized build is slow to start
WAIT_TIMEOUT = 10.0   # for what should come soon
TROUBLE = re.compile(r".*(?:Sanitizer|runtime error:|Assertion).*")
# In the log: the time that a line begins with, and a request's id.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ID = r"[0-9a-f]{16}"
SERVING_LINE = re.compile(r"^Serving on .*\n", re.MULTILINE)
SERVING = re.compile(r"^Serving on (.*)$", re.MULTILINE)


class Skip(Exception):
    """The test can't be run here; the text says why."""


def alone(test):
    """Mark a test that is disturbed by others: it runs when they are through."""
    test.alone = True
    return test


# --- checks ---


def eq(got, want, about=""):
    assert got == want, f"{about}{': ' if about else ''}got {got!r}, want {want!r}"


def has(text, part):
    assert part in text, f"{part!r} is not in:\n{text}"


def lacks(text, part):
    assert part not in text, f"{part!r} is in:\n{text}"


def check_no_own_frames(text):
    """A traceback for users shows nothing of Atlas's own modules and loader."""
    for part in "\tatlas/", "    atlas/", " at atlas/", "<atlas>", "[C]: at 0x":
        lacks(text, part)


def matches(pattern, text):
    """The whole text; returns the match."""
    found = re.fullmatch(pattern, text, re.DOTALL)
    assert found, f"{pattern!r} does not match:\n{text}"
    return found


def line_of_log(level, text, request=False):
    """A pattern: the line "LEVEL atlas: TEXT" of the log, which is about no
    request, or about one; `text` is a pattern."""
    about = r"\[[0-9a-f]{16}\]" if request else ""
    return rf"{TIME} {level:<5} atlas{about}: {text}\n"


def eventually(probe, what, timeout=WAIT_TIMEOUT):
    """Wait until probe() is true; returns what it returned."""
    deadline = time.monotonic() + timeout
    while not (value := probe()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.005)
    return value


# --- programs ---


class Finished:
    """A program that has ended: its status, and what it wrote."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def fails_with(finished, status, line):
    """It ended with `status`, and all it said is "atlas: LINE" on stderr."""
    eq(finished.err, f"atlas: {line}\n")
    eq(finished.status, status)
    eq(finished.out, "")


class Place:
    """A folder of its own for one test, and the programs that run in it."""

    def __init__(self, options):
        self.options = options
        self.path = Path(tempfile.mkdtemp(prefix="atlas-e2e-"))
        self.servers = []
        self.outputs = []  # of programs that ended

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name):
        """The text of a file, "" if there is none (yet)."""
        path = self.path / name
        return path.read_text() if path.exists() else ""

    def environment(self, extra):
        """Ours without what would change Atlas's behaviour.  No watchdog: on a
        busy machine anything may take long; tests of it choose a time."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("ATLAS_", "LUA_"))}
        return {**kept, "ATLAS_BLOCK_MS": "0", **extra}

    def run(self, *args, env={}, timeout=60, stdin=""):
        """`atlas ARGS` to its end."""
        done = subprocess.run(
            [self.options.atlas, *map(str, args)], cwd=self.path, env=self.environment(env),
            input=stdin, capture_output=True, timeout=timeout, text=True, errors="replace")
        self.outputs.append(done.stderr)
        return Finished(done.returncode, done.stdout, done.stderr)

    def run_script(self, text, *args, **more):
        self.write("script.lua", text)
        return self.run("run", "script.lua", *args, **more)

    def run_serve(self, text, *args, **more):
        """`atlas serve` of an application in a module that holds `text`, to
        its end: it can't be loaded or can't listen."""
        self.write("site.lua", text)
        return self.run("serve", "site:app", *args, **more)

    def start(self, *args, env={}, stderr=None):
        """`atlas serve ARGS`, running; it may not serve yet.  `stderr` is a
        descriptor that it gets for its log, and that is closed here."""
        server = Server(self, [self.options.atlas, "serve", *map(str, args)], env, stderr)
        self.servers.append(server)
        return server

    def serve(self, *args, env={}):
        """`atlas serve ARGS`, serving; on a free port unless ARGS name one."""
        if not any(str(arg).startswith(("--port", "--unix")) for arg in args):
            args = (*args, "--port", 0)
        server = self.start(*args, env=env)
        server.wait_until_serving()
        return server

    def serve_app(self, body, *args, env={}):
        """Serve an application whose HTTP part is `body`: Lua statements that
        see scope, receive, send, and answer(text)."""
        self.write("site.lua", APP % body)
        return self.serve("site:app", *args, env=env)

    def clean_up(self):
        """Stop what runs.  Returns what a sanitizer has said, or None."""
        for server in self.servers:
            server.kill()
            self.outputs.append(server.log())
        shutil.rmtree(self.path, ignore_errors=True)
        for text in self.outputs:
            if found := TROUBLE.search(text):
                return text[found.start():found.start() + 4000]
        return None


APP = """\
local atlas = require "atlas"

local function app(scope, receive, send)
    if scope.type ~= "http" then
        return
    end
    local function answer(text, status)
        send {
            type = "http.response.start",
            status = status or 200,
            headers = { { "content-type", "text/plain" } },
        }
        return send { type = "http.response.body", body = text }
    end
    %s
end

return { app = app }
"""


class Server:
    """One `atlas serve`; its output goes to files, so that it never waits for us."""

    def __init__(self, place, command, env, stderr=None):
        self.place = place
        self.stdout = tempfile.TemporaryFile("w+b")
        self.stderr = tempfile.TemporaryFile("w+b")
        self.process = subprocess.Popen(
            command, cwd=place.path, env=place.environment(env), stdin=subprocess.DEVNULL,
            stdout=self.stdout, stderr=self.stderr if stderr is None else stderr,
            start_new_session=True)
        if stderr is not None:
            os.close(stderr)
        self.pid = self.process.pid
        self.urls = []
        self.port = None

    def wait_until_serving(self):
        deadline = time.monotonic() + START_TIMEOUT
        while not (found := SERVING.search(self.out())):
            assert self.process.poll() is None and time.monotonic() < deadline, \
                f"the server did not start; its stderr:\n{self.log()}"
            time.sleep(0.005)
        self.urls = found[1].split()
        ports = re.findall(r":(\d+)$", "\n".join(self.urls), re.MULTILINE)
        self.port = int(ports[0]) if ports else None

    def out(self):
        return read_whole(self.stdout)

    def log(self):
        """What it logged and wrote to stderr so far: the log goes to stdout,
        behind the line that says where it serves."""
        return read_whole(self.stderr) + SERVING_LINE.sub("", self.out())

    def wait_log(self, pattern):
        return eventually(lambda: re.search(pattern, self.log(), re.DOTALL),
                          f"{pattern!r} in the log")

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=WAIT_TIMEOUT):
        """Its exit status; a signal's number, negative, if that ended it."""
        return self.process.wait(timeout)

    def stop(self, number=signal.SIGTERM):
        """End it well: by a signal, with status 0."""
        self.send_signal(number)
        eq(self.wait(), 0, f"status after {number.name}; its stderr:\n{self.log()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def rss(self):
        """Resident bytes."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    # --- clients ---

    def url(self, path="/"):
        return f"{self.urls[0]}{path}"

    def curl(self, *args, timeout=60):
        """curl with ARGS, quiet; `out` is text unless it is no UTF-8."""
        done = subprocess.run(["curl", "-sS", "--max-time", str(timeout), *map(str, args)],
                              cwd=self.place.path, capture_output=True, timeout=timeout + 5)
        return Finished(done.returncode, done.stdout.decode(errors="replace"),
                        done.stderr.decode(errors="replace"))

    def connect(self, timeout=WAIT_TIMEOUT):
        """A bare socket."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def client(self, timeout=WAIT_TIMEOUT):
        """A connection that is kept between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)


def read_whole(file):
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")


def get(client, path="/"):
    """GET over a client(); returns the response and its text."""
    client.request("GET", path)
    response = client.getresponse()
    return response, response.read().decode()


def receive_all(sock):
    """What comes until the server closes; a reset ends it as well."""
    parts = []
    try:
        while data := sock.recv(65536):
            parts.append(data)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def free_port():
    """A port that nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def refuses_connections(server):
    try:
        server.connect(2).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False
