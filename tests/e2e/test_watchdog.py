"""test_watchdog.py - what blocks the loop is logged, and nothing else.

What is to be seen during a block ends it itself, by a file that the test
makes; so the machine's speed decides nothing.

SPDX-License-Identifier: MIT
"""

import re
import time
from pathlib import Path

from harness import Skip, eq, eventually, get, has, lacks, line_of_log, matches

# A loop in the interpreter, until the file "go" is there.
SPIN = """
if jit then jit.off() end
local function go()
    local file = io.open "go"
    return file and file:close()
end
local function spin()
    repeat until go()
end
"""
SPIN_LINE = SPIN.split("\n").index("    repeat until go()") + 1


def serve(place, body, *args):
    place.write("site.lua", f"""{SPIN}
        local atlas = require "atlas"
        return {{ app = function(scope, receive, send)
            if scope.type ~= "http" then return end
            if scope.path ~= "/" then {body} end
            send {{ type = "http.response.start", status = 200, headers = {{}} }}
            send {{ type = "http.response.body", body = "hi" }}
        end }}""")
    return place.serve("site:app", *args)


def run(place, text, block_ms=50):
    place.write("script.lua", text)
    done = place.run("run", "--block-ms", block_ms, "script.lua")
    eq(done.status, 0, done.err)
    return done.err


def run_until_logged(place, text, pattern):
    """The log of a run that shows the pattern, of a few: where the machine keeps
    the watchdog waiting, it comes behind the block, or when it is over."""
    for _ in range(5):
        log = run(place, text)
        if re.search(pattern, log):
            return log
    raise AssertionError(f"{pattern!r} is not in:\n{log}")


def is_luajit(place):
    return "LuaJIT" in place.run("--version").out


# --- requests ---


def ask_and_block(server, path):
    sock = server.connect(60)
    sock.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
    return sock


def test_a_blocked_request_is_named_with_its_stack_while_it_blocks(place):
    server = serve(place, "spin()", "--block-ms", "50")
    with ask_and_block(server, "/slow?a=1") as sock:
        server.wait_log(line_of_log("WARN", r"the loop is blocked for more than 50 ms by "
                                            r"task \d+ \(GET /slow\)", True))
        server.wait_log(r"    stack traceback:\n.*site\.lua:%d: in [^\n]*spin" % SPIN_LINE)
        assert not re.search(r"in all by task \d+ \(GET", server.log()), server.log()
        place.write("go", "")
        has(sock.recv(4096).decode(), "200 OK")
    server.wait_log(line_of_log("WARN", r"the loop was blocked for \d+ ms in all by "
                                        r"task \d+ \(GET /slow\)", True))
    server.stop()
    eq(len(re.findall(line_of_log("WARN", "[^\n]*", True), server.log())), 3, server.log())


def test_a_child_of_a_request_is_named_with_it(place):
    server = serve(place, 'atlas.spawn(spin):name("a\\nb"):await()', "--block-ms", "50")
    with ask_and_block(server, "/slow") as sock:
        server.wait_log(r"by task \d+ 'a\?b' \(for GET /slow\), spawned at \./site\.lua:\d+\n")
        server.wait_log(r"site\.lua:%d: .*awaited by task '\d+' at \./site\.lua:\d+" % SPIN_LINE)
        place.write("go", "")
        has(sock.recv(4096).decode(), "200 OK")


def test_a_long_path_is_cut(place):
    server = serve(place, "spin()", "--block-ms", "50")
    with ask_and_block(server, "/" + "x" * 5000) as sock:
        server.wait_log(r"\(GET /x{199}\)\n")
        place.write("go", "")
        has(sock.recv(4096).decode(), "200 OK")


def test_block_ms_comes_from_the_environment_and_the_configuration_too(place):
    place.write("settings.lua", "return { block_ms = 20 }")
    for env, limit in ({"ATLAS_BLOCK_MS": "30"}, 30), ({"ATLAS_BLOCK_MS": ""}, 20):
        (place.path / "go").unlink(missing_ok=True)
        serve(place, "spin()").kill()
        server = place.serve("site:app", env={"ATLAS_CONFIG": "settings", **env})
        with ask_and_block(server, "/slow") as sock:
            server.wait_log(rf"blocked for more than {limit} ms")
            place.write("go", "")
            has(sock.recv(4096).decode(), "200 OK")


def test_block_ms_is_50_by_default(place):
    serve(place, "spin()").kill()
    server = place.serve("site:app", env={"ATLAS_BLOCK_MS": ""})
    with ask_and_block(server, "/slow") as sock:
        server.wait_log(r"blocked for more than 50 ms")
        place.write("go", "")
        has(sock.recv(4096).decode(), "200 OK")


def test_0_turns_it_off(place):
    server = serve(place, 'os.execute "sleep 0.5"', "--block-ms", "0")
    eq(get(server.client(60), "/slow")[1], "hi")
    eq(len(threads(server)), 1)
    server.stop()
    eq(server.log(), "")


def test_a_block_ms_that_is_none_is_wrong_usage(place):
    for value in "-1", "3600001", "x", "1.5", "":
        for command in ("serve", "site:app", "--block-ms", value), \
                ("run", f"--block-ms={value}", "script.lua"):
            done = place.run(*command)
            matches(r"atlas: --block-ms needs an integer from 0 to 3600000, got '.*'\n", done.err)
            eq(done.status, 2)
    done = place.run("run", "x.lua", env={"ATLAS_BLOCK_MS": "x"})
    eq(done.err, "atlas: ATLAS_BLOCK_MS needs an integer from 0 to 3600000, got 'x'\n")
    eq(place.run("run", "--block-ms").err, "atlas: --block-ms needs a value\n")


# --- scripts ---


def test_a_call_that_blocks_in_c_is_named_when_it_has_returned(place):
    run_until_logged(place, """
        local atlas = require "atlas"
        atlas.spawn(function()
            os.execute "sleep 1"
            return true
        end):await()
    """, line_of_log("WARN", r"the loop is blocked for more than 50 ms by "
                             r"task 2, spawned at script\.lua:3[^\n]*")
         + line_of_log("WARN", "task 2 was in compiled code or C until now, and goes on at:")
         + r"    stack traceback:\n(?:        \[C\][^\n]*\n)?"
         + r"        script\.lua:[45]: in function <script\.lua:3>\n(?:    [^\n]*\n)*"
         + line_of_log("WARN", r"the loop was blocked for \d{3,} ms in all by task 2, "
                               r"spawned at script\.lua:3") + "$")


def test_a_task_that_is_nothing_but_c_is_named_without_a_line_of_its_own(place):
    text = run_until_logged(place, """
        local atlas = require "atlas"
        atlas.spawn(os.execute, "sleep 1"):await()
    """, "in compiled code or C")
    has(text, "blocked for more than 50 ms by task 2, spawned at script.lua:3")
    assert re.search(r"was blocked for \d{3,} ms in all by task 2, spawned at script\.lua:3", text)


def test_a_loop_in_compiled_code_is_named_when_it_has_ended(place):
    if not is_luajit(place):
        raise Skip("this VM compiles nothing")
    text = run_until_logged(place, """
        local x = 0
        for i = 1, 6e8 do
            x = x + i % 7
        end
        return 0
    """, "in compiled code or C")
    has(text, "blocked for more than 50 ms by task 1 'main'")


def test_a_loop_inside_a_coroutine_of_the_task_is_named(place):
    text = run_until_logged(place, """
        if jit then jit.off() end
        local function spin()
            local stop = os.clock() + 1
            repeat until os.clock() > stop
        end
        coroutine.wrap(function()
            spin()
        end)()
    """, "task 1 blocks the loop at:")
    assert re.search(r" script\.lua:5: in .*\n +script\.lua:8: in .*\n +script\.lua:[79]: in main",
                     text), text


def test_a_debug_hook_of_the_users_is_there_again_behind_the_block(place):
    text = run(place, """
        local calls = 0
        local function hook() calls = calls + 1 end
        debug.sethook(hook, "c", 1000)
        local stop = os.clock() + 1
        repeat until os.clock() > stop
        local found, mask, count = debug.gethook()
        assert(found == hook and mask == "c" and count == 1000)
        calls = 0
        for _ = 1, 10 do tostring(1) end
        assert(calls > 0)
    """)
    has(text, "stack traceback:\n        ")


def test_a_coroutine_that_is_made_during_a_block_has_no_hook_of_ours(place):
    text = run(place, """
        local stop = os.clock() + 1
        local made = {}
        repeat
            made[#made % 1000 + 1] = coroutine.create(function() return debug.gethook() end)
        until os.clock() > stop
        for _, co in ipairs(made) do
            assert(select(2, coroutine.resume(co)) == nil)
        end
    """)
    has(text, "stack traceback:\n        ")


def test_a_task_that_is_alone_may_block_unless_somebody_asks(place):
    script = 'local stop = os.clock() + 0.5 repeat until os.clock() > stop'
    place.write("alone.lua", script)
    place.write("two.lua", f"require('atlas').spawn(function() end) {script}")
    eq(place.run("run", "alone.lua", env={"ATLAS_BLOCK_MS": ""}).err, "")
    has(place.run("run", "two.lua", env={"ATLAS_BLOCK_MS": ""}).err, "'main'\n")
    has(place.run("run", "--block-ms", "50", "alone.lua").err, "'main'\n")


def test_blocks_one_after_the_other_are_logged_once_a_second_and_counted(place):
    text = run(place, """
        local atlas = require "atlas"
        for _ = 1, 10 do
            os.execute "sleep 0.3"
            atlas.checkpoint()
        end
    """)
    logged = len(re.findall("is blocked for more", text))
    counted = sum(map(int, re.findall(r"(\d+) more time", text)))
    eq(len(re.findall("in all", text)), logged, text)
    # One more is the start of the script, where that takes long.
    assert 2 <= logged + counted <= 11 and logged > 0 and counted > 0, text


def test_time_in_which_the_process_was_stopped_does_not_count(place):
    eq(run(place, """
        os.execute "(sleep 2; kill -CONT $PPID) & kill -STOP $PPID"
        local x = 1
    """, block_ms=1000), "")


# --- nothing to report ---


def threads(server):
    return list(Path(f"/proc/{server.pid}/task").iterdir())


def switches(server):
    """How often the server's threads have waited so far."""
    text = "".join((thread / "status").read_text() for thread in threads(server))
    return sum(map(int, re.findall(r"voluntary_ctxt_switches:\s*(\d+)", text)))


def test_an_idle_server_never_wakes(place):
    # So long that not even a busy machine's start is a block; a watchdog that
    # doesn't sleep looks several times in it.
    server = serve(place, "", "--block-ms", "2000")
    eq(get(server.client())[1], "hi")

    def is_asleep():
        before = switches(server)
        time.sleep(2)
        return switches(server) == before

    eventually(is_asleep, "no thread runs for two seconds", 30)
    eq(len(threads(server)), 2)
    server.stop()
    eq(server.log(), "")


def test_many_requests_are_no_block(place):
    server = serve(place, "atlas.sleep(0.001)", "--block-ms", "2000")
    client = server.client()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        eq(get(client, "/sleep")[1], "hi")
    server.stop()
    eq(server.log(), "")
