"""test_logging.py - the log: where it goes, and that none of it is lost.

SPDX-License-Identifier: MIT
"""

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from harness import (ID, TIME, WAIT_TIMEOUT, Skip, alone, eq, eventually, get, has, matches,
                     receive_all)

# Of a script: the log, its own process id, and a way to log many lines.
HEAD = """\
local atlas = require "atlas"
local log = require("atlas.logging").get_logger "app"
local stat = io.open "/proc/self/stat"
local pid = stat:read("*l"):match "%d+"
stat:close()
local function many(count)
    for i = 1, count do log:info("line " .. i) end
end
"""

APP = """\
local atlas = require "atlas"
local logging = require "atlas.logging"
local log = logging.get_logger "site"

local function app(scope, receive, send)
    if scope.type ~= "http" then return end
    local function answer(text, status)
        send { type = "http.response.start", status = status or 200,
               headers = { { "content-type", "text/plain" } } }
        return send { type = "http.response.body", body = text }
    end
    %s
end

return { app = app }
"""


def serve(place, body, *args, env={}):
    place.write("site.lua", APP % body)
    return place.serve("site:app", *args, env=env)


def logged(place, name="log"):
    """Nothing while there is no such file."""
    return place.read(name).splitlines() if (place.path / name).exists() else []


def wait_for_lines(place, count, name="log"):
    return eventually(lambda: len(logged(place, name)) >= count and logged(place, name),
                      f"{count} lines in {name}")


# --- where it goes ---


def test_a_script_logs_to_stderr_and_prints_to_stdout(place):
    done = place.run_script(HEAD + 'print "printed" log:info("logged", {n = 1})')
    eq(done.out, "printed\n")
    matches(TIME + r" INFO  app: logged n=1\n", done.err)


def test_a_server_logs_to_stdout(place):
    server = serve(place, 'log:info "here" answer "x"')
    server.curl(server.url())
    eventually(lambda: "here" in server.out(), "the line")
    matches(rf"Serving on [^\n]*\n{TIME} INFO  site\[{ID}\]: here\n", server.out())


def test_a_log_file_gets_all_of_the_log(place):
    place.write("log", "before\n")
    server = serve(place, 'log:info "here" answer "x"', "--log-file", "log", "--access-log")
    server.curl(server.url())
    server.stop()
    lines = logged(place)
    eq(lines[0], "before")
    matches(rf"{TIME} INFO  site\[{ID}\]: here", lines[1])
    has(lines[2], "atlas.access")
    eq(len(lines), 3)
    eq(server.log(), "")


def test_the_environment_and_the_configuration_set_the_log(place):
    place.write("settings.lua", """return { log_file = "from-config", access_log = true,
        log_format = "json", log_level = { "error", "site=debug" } }""")
    server = serve(place, 'log:debug "here" answer "x"', "--config", "settings",
                   env={"ATLAS_LOG_FILE": "from-env"})
    server.curl(server.url())
    server.stop()
    eq([json.loads(line)["message"] for line in logged(place, "from-env")], ["here"])
    eq(place.read("from-config"), "")


def test_a_script_takes_the_log_from_the_environment(place):
    done = place.run_script(HEAD + 'log:debug "here"', env={
        "ATLAS_LOG_FILE": "log", "ATLAS_LOG_FORMAT": "json", "ATLAS_LOG_LEVEL": "debug"})
    eq(done.err, "")
    eq(json.loads(logged(place)[0])["message"], "here")


def test_wrong_options_are_wrong_usage(place):
    place.write("site.lua", APP % "")
    for option, value in (("level", "loud"), ("level", "a="), ("format", "xml"),
                          ("full", "explode"), ("buffer", "12")):
        done = place.run("serve", "site:app", f"--log-{option}", value)
        eq(done.status, 2, option)
        matches(rf"atlas: --log-{option} needs [^\n]*, got '{value}'\n", done.err)
        done = place.run_script("", env={f"ATLAS_LOG_{option.upper()}": value})
        eq(done.status, 2, option)
        matches(rf"atlas: ATLAS_LOG_{option.upper()} needs [^\n]*, got '{value}'\n", done.err)


def test_a_file_that_cannot_be_opened_is_told_and_ends_it(place):
    place.write("site.lua", APP % "")
    line = "atlas: cannot open the log file no/such/log: no such file or directory\n"
    done = place.run("serve", "site:app", "--port", 0, "--log-file", "no/such/log")
    eq((done.status, done.err, done.out), (3, line, ""))
    done = place.run_script("print 'ran'", env={"ATLAS_LOG_FILE": "no/such/log"})
    eq((done.status, done.err, done.out), (3, line, ""))


def test_a_terminal_gets_colours_unless_it_is_told_not_to(place):
    place.write("script.lua", HEAD + 'log:warn "here"')
    for env, want in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                      ({"TERM": "dumb"}, False)):
        main, other = pty.openpty()
        subprocess.run([place.options.atlas, "run", "script.lua"], cwd=place.path,
                       env=place.environment({"NO_COLOR": "", **env}), stderr=other, timeout=60)
        os.close(other)
        text = os.read(main, 4096).decode()
        os.close(main)
        eq("\x1b[33mWARN\x1b[0m  app: here" in text, want)


# --- nothing is lost ---

LINES = 20000
# A sanitizer's report would replace the signal as the end.
UNHANDLED = {"ASAN_OPTIONS": "detect_leaks=0:" + ":".join(
    f"handle_{name}=0" for name in ("segv", "abort", "sigbus", "sigfpe", "sigill"))}


def check_nothing_is_lost(place, end, status, err=r"", lines=LINES):
    """`end` ends a script that has logged; the log is complete and in order."""
    done = place.run_script(HEAD + f"many({lines})\n{end}", env={
        "ATLAS_LOG_FILE": "log", "ATLAS_LOG_FULL": "block", **UNHANDLED})
    eq(done.status, status, f"{end}: {done.err}")
    matches(err, done.err)
    got = logged(place)
    for number, line in enumerate(got[:lines], 1):
        assert line.endswith(f" INFO  app: line {number}"), f"line {number} is {line}"
    eq(len(got), lines, end)


def test_nothing_is_lost_at_the_end(place):
    check_nothing_is_lost(place, "", 0)


def test_nothing_is_lost_when_it_waits_and_ends(place):
    check_nothing_is_lost(place, "atlas.sleep(0.05)", 0)


def test_nothing_is_lost_at_an_error(place):
    check_nothing_is_lost(place, 'error "on purpose"', 1, r"atlas: .*on purpose\n.*")


def test_nothing_is_lost_at_os_exit(place):
    check_nothing_is_lost(place, "os.exit(7)", 7)


def test_nothing_is_lost_at_os_exit_of_a_task(place):
    check_nothing_is_lost(place, "atlas.spawn(function() os.exit(7) end)", 7)


def kill_self(name):
    """In the background: system(3) ignores some signals while it waits."""
    return f"os.execute('(sleep 0.1; kill -{name} ' .. pid .. ') &') while true do end"


def test_nothing_is_lost_at_a_crash(place):
    for name in "SEGV", "BUS", "FPE", "ILL", "ABRT", "SYS", "TRAP":
        place.write("log", "")
        check_nothing_is_lost(place, kill_self(name), -getattr(signal, "SIG" + name), lines=5000)


def test_nothing_is_lost_at_a_fault(place):
    """A real one, where the VM lets a script have it: the signal comes again
    when the log is written."""
    if "LuaJIT" not in place.run("--version").out:
        raise Skip("Lua 5.4 cannot write to address 0")
    fault = 'require("ffi").cast("int *", 8)[0] = 1'
    check_nothing_is_lost(place, fault, -signal.SIGSEGV, lines=5000)


def test_nothing_is_lost_at_a_signal_that_ends_a_script(place):
    for name in ("TERM", "INT", "HUP", "QUIT", "XCPU", "XFSZ", "ALRM", "VTALRM", "PROF", "USR1",
                 "USR2"):
        place.write("log", "")
        check_nothing_is_lost(place, kill_self(name), -getattr(signal, "SIG" + name), lines=5000)


def test_nothing_is_lost_at_a_key_that_ends_a_script(place):
    """The first one does: the terminal's signals say that the kernel has sent
    them, as those of faults do."""
    place.write("script.lua", HEAD + 'many(5000) io.stdout:write "logged\\n" io.stdout:flush() '
                'while true do end')
    for key, number in (b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT):
        place.write("log", "")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(place.path)
            env = place.environment({"ATLAS_LOG_FILE": "log", "ATLAS_LOG_FULL": "block"})
            os.execve(place.options.atlas, [place.options.atlas, "run", "script.lua"], env)
        try:
            has(os.read(terminal, 100).decode(), "logged")
            os.write(terminal, key)
            status = eventually(lambda: os.waitpid(pid, os.WNOHANG)[1], f"the end by {key}")
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            os.close(terminal)
        eq(os.WTERMSIG(status), number)
        eq(len(logged(place)), 5000)


def test_nothing_is_lost_when_a_server_stops(place):
    server = serve(place, 'for i = 1, 1000 do log:info("line " .. i) end answer "x"',
                   "--log-file", "log")
    for _ in range(5):
        server.curl(server.url())
    server.stop()
    eq(len(logged(place)), 5000)


def test_nothing_is_lost_at_the_second_signal(place):
    server = serve(place, """
        for i = 1, 1000 do log:info("line " .. i) end
        io.stderr:write "logged\\n"
        while true do end
    """, "--log-file", "log")
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("logged")
    server.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 128 + signal.SIGTERM)
    eq(len(logged(place)), 1000)
    sock.close()


def test_the_log_comes_before_the_error_that_ends_a_script(place):
    done = place.run_script(HEAD + 'many(1000) error "on purpose"')
    lines = done.err.splitlines()
    has(lines[999], "line 1000")
    has(lines[1000], "atlas: script.lua")


# --- a reader that is slow, or gone, or full ---


class Pipe:
    """A named pipe as log file; nobody reads before read() is called."""

    def __init__(self, place, size=4096):
        self.path = place.path / "pipe"
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, size)
        self.data = b""

    def read(self):
        """What is there now, added to all that was."""
        try:
            while data := os.read(self.fd, 65536):
                self.data += data
        except BlockingIOError:
            pass
        return self.data

    def read_always(self):
        """From another thread, up to stop()."""
        def loop():
            while not self.stopped:
                self.read()
                time.sleep(0.0005)
        self.stopped = False
        self.thread = threading.Thread(target=loop)
        self.thread.start()

    def stop(self):
        self.stopped = True
        self.thread.join()
        return self.read().decode().splitlines()


PER_REQUEST = 50
STALLED = f"""
    for i = 1, {PER_REQUEST} do log:info(("n"):rep(60) .. " " .. scope.path .. " " .. i) end
    answer(tostring(logging.dropped()))
"""


def count_dropped(lines):
    return sum(int(match[1]) for line in lines
               if (match := re.fullmatch(TIME + r" WARN  atlas\.logging: log lines dropped "
                                         r"dropped=(\d+)", line)))


def check_numbers(lines):
    """Lines of STALLED are whole, and each comes behind those before it."""
    last = (-1, 0)
    count = 0
    for line in lines:
        if found := re.fullmatch(rf"{TIME} INFO  site\[{ID}\]: n{{60}} /(\d+) (\d+)", line):
            number = (int(found[1]), int(found[2]))
            assert number > last, f"{number} behind {last}"
            last = number
            count += 1
        else:
            has(line, "log lines dropped")
    return count


def test_with_a_stalled_reader_requests_go_on_and_what_is_lost_is_counted(place):
    pipe = Pipe(place)
    server = serve(place, STALLED, "--log-file", "pipe", "--log-buffer", 65536)
    client = server.client()
    requests = 100
    for i in range(requests):
        _, text = get(client, f"/{i}")
    dropped = int(text)
    assert dropped > 1000, dropped
    pipe.read_always()
    eventually(lambda: b"/0 1\n" in pipe.data and b"dropped=" in pipe.data, "the report")
    _, text = get(client, f"/{requests}")  # there is room again
    eq(int(text), dropped)
    client.close()
    server.stop()
    lines = pipe.stop()
    eq(count_dropped(lines), dropped)
    eq(check_numbers(lines) + dropped, (requests + 1) * PER_REQUEST)
    eq(sum("dropped" in line for line in lines), 1)
    at = next(i for i, line in enumerate(lines) if "dropped" in line)
    eq(at, len(lines) - PER_REQUEST - 1, "the report is where lines are missing")


def test_a_slow_reader_gets_few_reports(place):
    pipe = Pipe(place)
    server = serve(place, STALLED, "--log-file", "pipe", "--log-buffer", 65536)
    client = server.client()
    for i in range(300):
        _, text = get(client, f"/{i}")
        pipe.read()
    pipe.read_always()
    client.close()
    server.stop()
    lines = pipe.stop()
    dropped = count_dropped(lines)
    eq(check_numbers(lines) + dropped, 300 * PER_REQUEST)
    reports = sum("dropped" in line for line in lines)
    assert reports <= 1 + len(lines) / 50, f"{reports} reports in {len(lines)} lines"


def test_with_block_the_server_waits_and_nothing_is_lost(place):
    pipe = Pipe(place)
    server = serve(place, STALLED, "--log-file", "pipe", "--log-buffer", 65536,
                   "--log-full", "block")
    requests = 100  # many more than pipe and buffer hold the lines of
    sock = server.connect(1)
    sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(requests)))
    answers = b""

    def receive():
        """All answers; TimeoutError when nothing comes for a while."""
        nonlocal answers
        while answers.count(b" 200 OK\r\n") < requests:
            data = sock.recv(65536)
            assert data, "the server goes on"
            answers += data

    try:
        receive()
        raise AssertionError("it does not wait")
    except TimeoutError:
        pass
    pipe.read_always()
    sock.settimeout(WAIT_TIMEOUT)
    receive()
    sock.close()
    server.stop(signal.SIGINT)
    lines = pipe.stop()
    eq(count_dropped(lines), 0)
    eq(check_numbers(lines), requests * PER_REQUEST)


@alone
def test_a_stalled_reader_does_not_keep_the_server_from_ending(place):
    pipe = Pipe(place)
    server = serve(place, STALLED, "--log-file", "pipe")
    for i in range(3):
        server.curl(server.url(f"/{i}"))
    server.send_signal(signal.SIGTERM)
    eq(server.wait(60), 0)  # it gives up after 5 s in which nothing moves
    has(server.log(), "atlas: the end of the log is lost: its reader takes nothing\n")
    pipe.read()


def test_a_reader_that_has_gone_harms_nobody(place):
    pipe = Pipe(place)
    server = serve(place, STALLED, "--log-file", "pipe")
    os.close(pipe.fd)
    for i in range(20):
        eq(server.curl(server.url(f"/{i}")).status, 0)
    server.stop()
    eq(server.log(), "atlas: cannot write the log: broken pipe\n")


def cpu_seconds(server):
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_thread_switches(server):
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        if (task / "comm").read_text() == "atlas-log\n":
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)",
                                 (task / "status").read_text(), re.MULTILINE)[1])
    return None


@alone
def test_a_full_disk_is_told_once_and_does_not_spin(place):
    server = serve(place, STALLED, "--log-file", "/dev/full", "--log-buffer", 65536)
    client = server.client()
    for i in range(100):
        _, text = get(client, f"/{i}")
    assert int(text) > 1000, "the ring is full"
    server.wait_log("cannot write the log")
    before = cpu_seconds(server)
    time.sleep(1.5)
    assert cpu_seconds(server) - before < 0.3, "it spins"
    before = log_thread_switches(server)
    for i in range(100):
        get(client, f"/{i}")
    assert log_thread_switches(server) < before + 20, "lines that are dropped wake the thread"
    client.close()
    server.stop()
    eq(server.log(), "atlas: cannot write the log: no space left on device\n")


def test_the_thread_sleeps_when_there_is_nothing_to_write(place):
    server = serve(place, 'log:info "here" answer "x"', "--log-file", "log")
    eq(log_thread_switches(server), None, "before the first line there is none")
    for count in range(1, 4):  # and each time a line wakes it
        server.curl(server.url())
        wait_for_lines(place, count)

        def sleeps():
            before = log_thread_switches(server)
            time.sleep(0.4)
            return log_thread_switches(server) == before

        assert eventually(sleeps, "the thread sleeps")


# --- rotation ---


def test_sigusr1_opens_the_file_again(place):
    server = serve(place, 'log:info(scope.path) answer "x"', "--log-file", "log")
    for i in range(3):
        server.curl(server.url(f"/{i}"))
        wait_for_lines(place, 1)
        os.rename(place.path / "log", place.path / f"log.{i}")
        server.send_signal(signal.SIGUSR1)
        eventually(lambda: (place.path / "log").exists(), "the new file")
    server.curl(server.url("/last"))
    server.stop()
    for i in range(3):
        has(place.read(f"log.{i}"), f"]: /{i}\n")
        eq(len(logged(place, f"log.{i}")), 1)
    has(place.read("log"), "]: /last\n")


def test_a_file_that_cannot_be_opened_again_keeps_the_old_one(place):
    folder = place.path / "logs"
    folder.mkdir()
    server = serve(place, 'log:info(scope.path) answer "x"', "--log-file", "logs/log")
    server.curl(server.url("/1"))
    wait_for_lines(place, 1, "logs/log")
    folder.rename(place.path / "moved")
    server.send_signal(signal.SIGUSR1)
    line = wait_for_lines(place, 2, "moved/log")[1]
    matches(TIME + r" ERROR atlas\.logging: the log file cannot be opened again "
            r"file=\S*/logs/log", line)
    server.curl(server.url("/2"))
    server.stop()
    has(logged(place, "moved/log")[2], "]: /2")


def test_sigusr1_opens_the_file_again_even_if_the_disk_is_full(place):
    """What it is full of may be the log, which goes only when it is closed."""
    log = place.path / "log"
    log.symlink_to("/dev/full")
    server = serve(place, 'log:info(scope.path) answer "x"', "--log-file", "log")
    server.curl(server.url("/1"))
    server.wait_log("cannot write the log")
    log.unlink()
    log.symlink_to("no/such/folder")
    server.send_signal(signal.SIGUSR1)
    server.curl(server.url("/2"))
    time.sleep(0.1)
    log.unlink()
    lines = wait_for_lines(place, 2)
    for number, line in enumerate(lines, 1):
        matches(rf"{TIME} INFO  site\[{ID}\]: /{number}", line)
    server.stop()


def test_sigusr1_is_harmless_without_a_file(place):
    server = serve(place, 'log:info "here" answer "x"')
    server.send_signal(signal.SIGUSR1)
    server.curl(server.url())
    server.send_signal(signal.SIGUSR1)
    server.wait_log("here")
    server.stop()


# --- what a line holds ---


def test_a_clients_bytes_do_not_make_lines(place):
    server = serve(place, """
        log:info(scope.path, { path = scope.path, [scope.path] = scope.path })
        if scope.path:find "fail" then error(scope.path) end
        answer "x"
    """, "--log-file", "log", "--access-log")
    evil = "/%0a2026-01-01T00:00:00.000Z%20ERROR%20a:%20forged%0d%1b%5b2J%c2%85%e2%80%a8%7f"
    server.curl(server.url(evil), "-A", "agent\udcff\"\\", "-e", "x\ty")
    server.curl(server.url(evil + "fail"))
    server.stop()
    text = (place.path / "log").read_bytes()
    for line in text.split(b"\n")[:-1]:
        assert re.match(TIME.encode() + rb" (INFO  |ERROR )(site|atlas|atlas\.access)\[|    ",
                        line), line
    eq(re.findall(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", text), [])
    has(text.decode(), '"x\\ty" "agent\\xff\\"\\\\" ')


def test_json_lines_are_json(place):
    server = serve(place, """
        log:info("in \\"quotes\\"", { list = { 1, 2.5, "x" }, deep = { a = { b = true } },
                                      bytes = "\\255\\n", level = "mine" })
        if scope.path == "/fail" then error "on purpose" end
        answer("text")
    """, "--log-file", "log", "--access-log", "--log-format", "json")
    server.curl(server.url("/path?q=1"), "-A", "agent", "-e", "http://from/")
    server.curl(server.url("/fail"))
    server.stop()
    lines = [json.loads(line) for line in logged(place)]
    eq([line["logger"] for line in lines],
       ["site", "atlas.access", "site", "atlas", "atlas.access"])
    for line in lines:
        matches(TIME, line["time"])
        matches(ID, line["request_id"])
    site, access, _, error, failed = lines
    eq(list(site)[:5], ["time", "level", "logger", "request_id", "message"])
    eq(site["message"], 'in "quotes"')
    eq((site["list"], site["deep"], site["bytes"], site["level"], site["fields.level"]),
       ([1, 2.5, "x"], {"a": {"b": True}}, "\ufffd\n", "info", "mine"))
    eq({key: access[key] for key in access if key not in ("time", "request_id", "duration_ms")},
       {"level": "info", "logger": "atlas.access", "message": "request", "client": "127.0.0.1",
        "method": "GET", "target": "/path?q=1", "protocol": "HTTP/1.1", "status": 200,
        "bytes": 4, "referer": "http://from/", "user_agent": "agent"})
    assert 0 <= access["duration_ms"] < 60000
    eq(access["request_id"], site["request_id"])
    eq((error["level"], failed["status"]), ("error", 500))
    matches(r"GET /fail: ./site.lua:\d+: on purpose", error["message"])
    has(error["trace"], "stack traceback:\n")


def test_levels_are_set_by_name(place):
    server = serve(place, 'log:info "mine" log:debug "fine" answer "x"',
                   "--log-level", "warn", "--log-level", "site=debug", "--log-level",
                   "atlas.http=debug", "--access-log", "--log-file", "log")
    server.curl(server.url())
    sock = server.connect()
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    receive_all(sock)
    server.stop()
    eq([re.sub(rf"{TIME} (\w+) +([\w.]+)\[{ID}\]: ", r"\1 \2 ", line) for line in logged(place)],
       ["INFO site mine", "DEBUG site fine",
        "DEBUG atlas.http request refused with 400: no Host field"])


def test_every_line_of_a_request_has_its_id(place):
    server = serve(place, """
        local id = logging.request_id()
        local function say(text) log:info(text) end
        say "handler"
        coroutine.wrap(say) "generator"
        atlas.spawn(function()
            atlas.sleep(0.002)
            say "child"
            atlas.group(function(g) g:spawn(say, "grandchild") end)
        end):await()
        atlas.detach(function() atlas.sleep(0.01) say "detached" end)
        atlas.defer(say, "deferred")
        atlas.timeout(1, say, "timeout")
        atlas.spawn(function()
            if scope.path == "/fail" then error("in a child", 0) end
        end)
        answer(id)
    """, "--log-file", "log", "--access-log")
    done = server.curl("-Z", "--no-progress-meter", *(server.url(f"/{i}") for i in range(20)))
    failing = server.curl(server.url("/fail"))
    has(failing.out, "")
    server.stop()
    ids = re.findall(ID, done.out)
    eq(len(set(ids)), 20)
    eq(len({one[:8] for one in ids}), 1, "all begin alike")
    lines = logged(place)
    for one in ids:
        mine = [line.split("]: ")[1] for line in lines if f"[{one}]" in line]
        eq(mine[:1], ["handler"])
        for what in "generator", "child", "grandchild", "detached", "deferred", "timeout":
            has("\n".join(mine), what)
        eq(len(mine), 8)
    others = [line for line in lines
              if not line.startswith(" ") and not any(one in line for one in ids)]
    has("\n".join(others), "]: GET /fail: in a child")
    eq(len({re.search(rf"\[({ID})\]", line)[1] for line in others}), 1)


def test_what_the_watchdog_says_of_a_request_has_its_id_too(place):
    server = serve(place, """
        local start = os.clock()
        while os.clock() - start < 0.3 do end
        answer(logging.request_id())
    """, "--log-file", "log", "--block-ms", 50)
    one = re.search(ID, server.curl(server.url()).out)[0]
    eventually(lambda: "blocked for" in place.read("log"), "the end of the block")
    server.stop()
    for line in logged(place):
        assert line.startswith("    ") or f" WARN  atlas[{one}]: " in line, line


# --- the access log ---


def access_lines(place, count):
    return [line for line in wait_for_lines(place, count) if "atlas.access" in line]


def test_the_access_log_is_off_at_first(place):
    server = serve(place, 'answer "x"')
    server.curl(server.url())
    server.stop()
    eq(server.log(), "")


def test_an_access_line_is_close_to_the_combined_format(place):
    server = serve(place, 'answer("text", 201)', "--access-log", "--log-file", "log")
    server.curl(server.url("/a%20b?c=%22"), "-A", "the agent", "-e", "http://x/")
    server.curl("-I", server.url("/head"), "-A", "")
    server.curl("-0", server.url("/old"), "-A", "x")
    first, head, old = access_lines(place, 3)
    matches(rf'{TIME} INFO  atlas\.access\[{ID}\]: 127\.0\.0\.1 "GET /a%20b\?c=%22 HTTP/1\.1" '
            r'201 4 "http://x/" "the agent" \d+\.\d{3}ms', first)
    matches(r'.*: 127\.0\.0\.1 "HEAD /head HTTP/1\.1" 201 0 "-" "-" \d+\.\d{3}ms', head)
    matches(r'.*: 127\.0\.0\.1 "GET /old HTTP/1\.0" 201 4 "-" "x" \d+\.\d{3}ms', old)


def test_an_access_line_comes_with_every_end(place):
    server = serve(place, """
        if scope.path == "/fail" then error "x" end
        if scope.path == "/leave" then
            io.stderr:write "runs\\n"
            return atlas.sleep(30)
        end
        if scope.path == "/cut" then
            send { type = "http.response.start", status = 200, headers = {} }
            send { type = "http.response.body", body = "begun", more_body = true }
            error "x"
        end
        if scope.path == "/body" then receive() receive() end
        answer "early"
        atlas.sleep(0.3)
    """, "--access-log", "--log-file", "log", "--log-level", "off", "--log-level",
                   "atlas.access=info", "--max-body", 10)
    server.curl(server.url("/early"))
    lines = access_lines(place, 1)  # it does not wait for what the handler still does
    has(lines[0], '"GET /early HTTP/1.1" 200 5 ')
    server.curl(server.url("/fail"))
    has(access_lines(place, 2)[1], '"GET /fail HTTP/1.1" 500 26 ')
    server.curl(server.url("/cut"))
    matches(r'.*"GET /cut HTTP/1.1" 200 5 .* \d+\.\d{3}ms aborted', access_lines(place, 3)[2])
    sock = server.connect()
    sock.sendall(b"GET /leave HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_log("runs")
    sock.close()
    matches(r'.*"GET /leave HTTP/1.1" 499 0 .* aborted', access_lines(place, 4)[3])
    sock = server.connect()
    sock.sendall(b"NO\x01NSENSE / HTTP/1.1\r\nHost: a\r\n\r\n")
    receive_all(sock)
    matches(r'.*: 127\.0\.0\.1 "-" 400 16 "-" "-" \d+\.\d{3}ms', access_lines(place, 5)[4])
    server.curl(server.url("/body"), "-d", "x" * 20)
    has(access_lines(place, 6)[5], '"POST /body HTTP/1.1" 413 ')
    eq(len(server.curl(server.url("/a"), server.url("/b")).out), 10)
    eq([line.split('"')[1] for line in access_lines(place, 8)[6:]],
       ["GET /a HTTP/1.1", "GET /b HTTP/1.1"])


def test_an_access_line_knows_ipv6_and_unix_clients(place):
    server = serve(place, 'answer "x"', "--access-log", "--log-file", "log",
                   "--host", "::1", "--unix", "site.sock")
    has(server.curl("--unix-socket", "site.sock", "http://a/").out, "x")
    server.curl(f"http://[::1]:{server.port}/")
    lines = access_lines(place, 2)
    has(lines[0], ']: - "GET / HTTP/1.1" 200 1 ')
    has(lines[1], ']: ::1 "GET / HTTP/1.1" 200 1 ')


def test_a_pipelined_burst_gets_a_line_each_in_order(place):
    server = serve(place, 'answer "x"', "--access-log", "--log-file", "log")
    sock = server.connect()
    sock.sendall(b"".join(f"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for i in range(50)))
    lines = access_lines(place, 50)
    eq([re.search(r"GET /(\d+) ", line)[1] for line in lines], [str(i) for i in range(50)])
    eq(len({re.search(ID, line.split("[")[1])[0] for line in lines}), 50)
    sock.close()
