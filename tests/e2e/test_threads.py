"""test_threads.py - atlas.thread in programs and servers.

What a thread is busy with ends when the test makes the file "go".

SPDX-License-Identifier: MIT
"""

import signal
import subprocess
import time

from harness import Skip, eq, eventually, get, has, lacks, receive_all

WORK = """
local M = {}

local function go()
    local file = io.open "go"
    return file and file:close()
end

function M.until_go(value)
    io.stderr:write("busy\\n")
    repeat until go()
    io.stderr:write("through\\n")
    return value
end

function M.forever()
    io.stderr:write("busy\\n")
    while true do end
end

function M.exhaust()
    local list, block = {}, ("x"):rep(2 ^ 16)
    while true do
        list[#list + 1] = block:rep(2 ^ 9) .. #list
    end
end

function M.id(...)
    return ...
end

function M.log(text)
    local log = require("atlas.logging").get_logger "work"
    log:info(text)
    print("printed " .. text)
    io.stdout:flush()
    return require("atlas.logging").request_id()
end

return M
"""

SITE = """
local atlas = require "atlas"
local app = atlas.Application()

app:get("/busy", function()
    return atlas.thread("work", "until_go", "computed")
end)
app:get("/forever", function()
    return atlas.thread("work", "forever")
end)
app:get("/log", function()
    local id = atlas.thread("work", "log", "from there")
    return id == atlas.log.request_id() and "same" or "other"
end)
app:get("/fail", function()
    return atlas.thread("work", "missing")
end)
app:get("/", function()
    return "hello"
end)
return { app = app }
"""


def run(place, text, *options, **more):
    place.write("work.lua", WORK)
    place.write("script.lua", 'local atlas = require "atlas"\n' + text)
    return place.run("run", *options, "script.lua", **more)


def serve(place, *options):
    place.write("work.lua", WORK)
    place.write("site.lua", SITE)
    return place.serve("site:app", *options)


def page(server, path):
    response, text = get(server.client(60), path)
    return response.status, text


# --- in a server ---


def test_a_server_answers_while_all_its_threads_compute(place):
    server = serve(place, "--threads", 2)
    busy = [server.connect(60) for _ in range(4)]
    for sock in busy:
        sock.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    eventually(lambda: server.log().count("busy") == 2, "both threads are busy")
    for _ in range(50):
        eq(page(server, "/"), (200, "hello"))
    eq(server.log().count("busy"), 2)
    lacks(server.log(), "blocked")
    place.write("go", "")
    for sock in busy:
        has(receive_all(sock).decode(), "computed")
    server.stop(signal.SIGTERM)


def test_a_line_logged_in_a_thread_has_the_requests_id(place):
    server = serve(place)
    eq(page(server, "/log"), (200, "same"))
    eventually(lambda: "work[" in server.out() and "printed" in server.out(), "the lines")


def test_an_error_in_a_thread_is_500_and_logged(place):
    server = serve(place)
    eq(page(server, "/fail")[0], 500)
    eventually(lambda: "has no function 'missing'" in server.out(), "the error is logged")
    has(server.out(), "called as 'work.missing'")


def test_a_client_that_leaves_releases_its_request(place):
    server = serve(place, "--threads", 1)
    sock = server.connect()
    sock.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
    eventually(lambda: "busy" in server.log(), "the thread is busy")
    sock.close()
    eq(page(server, "/"), (200, "hello"))
    place.write("go", "")
    eventually(lambda: "through" in server.log(), "the call goes on to its end")
    eq(page(server, "/busy"), (200, "computed"))


def test_draining_waits_for_requests_in_threads(place):
    server = serve(place)
    sock = server.connect(60)
    sock.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
    eventually(lambda: "busy" in server.log(), "the thread is busy")
    server.send_signal(signal.SIGTERM)
    place.write("go", "")
    has(receive_all(sock).decode(), "computed")
    eq(server.wait(), 0)


def test_behind_the_drain_limit_a_busy_thread_is_left(place):
    server = serve(place, "--drain", "0.3")
    sock = server.connect(60)
    sock.sendall(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
    eventually(lambda: "busy" in server.log(), "the thread is busy")
    started = time.monotonic()
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 0)
    assert time.monotonic() - started < 15
    has(server.out(), "1 call in threads had not returned when the process ended")


def test_the_number_of_threads_is_a_setting(place):
    place.write("work.lua", WORK)
    place.write("settings.lua", "return { threads = 3, thread_memory = 2 ^ 26 }")
    place.write("site.lua", SITE)
    server = place.serve("site:app", "--config", "settings")
    socks = [server.connect(60) for _ in range(5)]
    for sock in socks:
        sock.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    eventually(lambda: server.log().count("busy") == 3, "three threads are busy")
    place.write("go", "")
    for sock in socks:
        has(receive_all(sock).decode(), "computed")
    bad = place.run("serve", "site:app", "--threads", "0")
    eq(bad.status, 2)
    has(bad.err, "--threads needs an integer from 1 to 256, got '0'")


# --- in a program ---


def test_a_task_that_waits_for_a_thread_is_no_deadlock(place):
    done = run(place, 'print(atlas.thread("work", "id", "back"))')
    eq((done.status, done.out, done.err), (0, "back\n", ""))


def test_an_error_ends_the_program_with_a_joined_traceback(place):
    done = run(place, 'atlas.thread("work", "id", 1)\n'
                      'atlas.spawn(function() return (atlas.thread("work", "none")) end):await()\n')
    eq(done.status, 1)
    has(done.err, "module 'work' has no function 'none'")
    has(done.err, "called as 'work.none'\nawaited by task")
    has(done.err, "script.lua:3")


def test_a_program_waits_for_a_call_that_nobody_waits_for(place):
    done = run(place, """
        print(pcall(atlas.timeout, 0.05, atlas.thread, "work", "until_go"))
        assert(io.open("go", "w")):close()
    """)
    eq(done.status, 0)
    has(done.out, "timed out")
    has(done.err, "through")


def test_os_exit_ends_the_process_while_threads_are_busy(place):
    done = run(place, """
        for _ = 1, 4 do
            atlas.spawn(atlas.thread, "work", "forever")
        end
        atlas.sleep(0.1)
        os.exit(7)
    """)
    eq(done.status, 7)


def test_an_error_of_main_ends_the_process_behind_its_calls(place):
    done = run(place, """
        atlas.spawn(atlas.thread, "work", "until_go")
        atlas.sleep(0.1)
        assert(io.open("go", "w")):close()
        error "main has failed"
    """)
    eq(done.status, 1)
    has(done.err, "main has failed")
    has(done.err, "through")


def test_a_vm_that_has_run_out_of_memory_is_replaced(place):
    if place.options.sanitized:
        raise Skip("a sanitized build takes all the memory that there is")
    place.write("work.lua", WORK)
    place.write("script.lua", """
        local atlas = require "atlas"
        for _ = 1, 3 do
            print(pcall(atlas.thread, "work", "exhaust"))
            print(atlas.thread("work", "id", "goes on"))
        end
    """)
    done = subprocess.run(
        ["prlimit", f"--as={1 << 30}", place.options.atlas, "run", "--threads", "1", "script.lua"],
        cwd=place.path, env=place.environment({}), capture_output=True, timeout=60, text=True)
    eq(done.returncode, 0, done.stderr)
    eq(done.stdout.count("goes on"), 3)
    eq(done.stdout.count("false\tnot enough memory"), 3)
    eq(done.stderr.count("thread 1 has run out of memory: it begins again"), 3)
