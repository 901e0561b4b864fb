"""test_luv.py - luv in a script: when it ends, what is logged; in a server.

SPDX-License-Identifier: MIT
"""

import signal

from harness import Skip, eq, get, has, lacks

TIMER = """
    local uv = require "luv"
    local function timer(ms, fn)
        local handle = uv.new_timer()
        handle:start(ms, 0, fn)
        return handle
    end
"""


# --- the end of a script ---


def test_a_script_ends_with_what_luv_has_active(place):
    done = place.run_script(TIMER + """
        timer(20, function()
            require("atlas").sleep(0.02)
            print "callback"
        end)
        print "main"
    """)
    eq(done.out, "main\ncallback\n", done.err)
    eq(done.err, "")
    eq(done.status, 0)


def test_a_script_that_has_called_run_ends_when_it_ends(place):
    done = place.run_script(TIMER + """
        timer(1000000, print)
        timer(1, uv.stop)
        print(uv.run())
    """)
    eq(done.out, "true\n", done.err)
    eq(done.err, "")
    eq(done.status, 0)


def test_stop_ends_a_script_whose_main_chunk_has_ended(place):
    done = place.run_script(TIMER + """
        timer(1000000, print)
        timer(5, function()
            print(uv.loop_mode())
            uv.stop()
        end)
        return 7
    """)
    eq(done.out, "default\n", done.err)
    eq(done.status, 7)


def test_a_script_that_fails_doesnt_wait_for_luv(place):
    done = place.run_script(TIMER + """
        timer(1000000, print)
        error "mine"
    """)
    has(done.err, "mine")
    eq(done.status, 1)


def test_handles_without_a_reference_keep_no_script(place):
    done = place.run_script(TIMER + "timer(1000000, print):unref()")
    eq((done.out, done.err, done.status), ("", "", 0))


EVERYTHING = TIMER + """
        timer(1, print)
        uv.new_udp()
        local server = uv.new_tcp()
        server:bind("127.0.0.1", 0)
        server:listen(8, print)
        uv.new_tcp():connect("127.0.0.1", server:getsockname().port, print)
        uv.new_async(print)
        uv.new_idle():start(print)
        uv.new_signal():start("sigusr2", print)
        uv.new_fs_poll():start("/", 1000, print)
        uv.new_fs_event():start("/", {}, print)
        uv.spawn("true", {}, print)
        uv.spawn("/nowhere/at/all", {}, print)
        uv.fs_stat("/", print)
        uv.new_work(function() end, print):queue()
"""


def test_all_that_luv_can_open_is_closed_at_the_end(place):
    done = place.run_script(EVERYTHING + "uv.stop() uv.run() return 3")
    eq((done.out, done.err, done.status), ("", "", 3))


def test_exit_closes_it_too(place):
    done = place.run_script(EVERYTHING + "os.exit(3, true)")
    eq((done.out, done.err, done.status), ("", "", 3))


def test_exit_in_a_callback_that_has_waited(place):
    done = place.run_script(EVERYTHING.replace("print", "function() end") + """
        timer(0, function()
            require("atlas").sleep(0.001)
            os.exit(3, true)
        end)
        uv.run()
    """)
    eq((done.out, done.err, done.status), ("", "", 3))


def test_exit_in_a_callback(place):
    if place.options.sanitized:
        raise Skip("the state is left as it is: its memory counts as leaked")
    done = place.run_script(EVERYTHING.replace("print", "function() end") + """
        timer(0, function() os.exit(3, true) end)
        uv.run()
    """)
    eq((done.out, done.err, done.status), ("", "", 3))


def test_a_deadlock_is_told_once_luv_has_nothing_active(place):
    done = place.run_script(TIMER + """
        local atlas = require "atlas"
        timer(5, function() print "callback" end)
        atlas.event():wait()
    """)
    eq(done.out, "callback\n")
    has(done.err, "deadlock: tasks wait")
    eq(done.status, 1)


def test_a_run_that_waits_for_a_callback_that_waits_for_nothing(place):
    done = place.run_script(TIMER + """
        local atlas = require "atlas"
        timer(1, function() atlas.event():wait() end)
        uv.run()
    """)
    has(done.err, "deadlock: tasks wait")
    has(done.err, "uv.run")
    eq(done.status, 1)


# --- errors ---


def test_an_error_in_a_callback_is_logged_with_its_traceback(place):
    done = place.run_script(TIMER + """
        timer(1, function()
            require("atlas").sleep(0.001)
            error "mine"
        end)
        timer(10, function() print "the next" end)
    """)
    eq(done.out, "the next\n")
    has(done.err, " ERROR atlas: error in a callback of luv: script.lua:11: mine\n")
    has(done.err, "script.lua:11: in function <script.lua:9>")
    eq(done.status, 0)


def test_a_callback_that_blocks_is_named(place):
    place.write("script.lua", TIMER + """
        if jit then jit.off() end
        local spin = function() local t = uv.hrtime() repeat until uv.hrtime() - t > 3e8 end
        timer(1, spin)
    """)
    done = place.run("run", "--block-ms", 50, "script.lua")
    has(done.err, "the loop is blocked for more than 50 ms by task")
    has(done.err, "script.lua:10: in function <script.lua:10>")


def test_without_luv_the_message_says_what_to_install(place):
    done = place.run_script("""
        package.cpath = "./?.so"
        print(pcall(require, "luv"))
        print(pcall(require, "uv"))
    """)
    eq(done.out.count("apt install lua-luv"), 2, done.out)


# --- in a server ---


def test_handlers_await_luv_and_a_server_stops_whatever_luv_has(place):
    place.write("site.lua", """
        local app = require "atlas".Application()
        local atlas, uv = require "atlas", require "luv"
        local ticks = 0
        uv.new_timer():start(1, 1, function() ticks = ticks + 1 end)
        uv.new_timer():start(0, 1000000, function() error "mine" end)
        app:get("/", function()
            local stat = atlas.await(uv.fs_stat, "/")
            local callback, wait = atlas.callback()
            local timer = uv.new_timer()
            timer:start(5, 0, callback)
            wait()
            timer:close()
            local count = 0
            uv.walk(function() count = count + 1 end)
            return ("%s %s %d"):format(stat.type, tostring(ticks > 0), count)
        end)
        return { app = app }
    """)
    server = place.serve("site:app")
    response, text = get(server.client())
    eq((response.status, text), (200, "directory true 3"))
    server.wait_log("error in a callback of luv: .*: mine")
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 0)
    lacks(server.log(), "assert")
