"""test_lifespan.py - start-up, shutdown, and the state that requests see.

SPDX-License-Identifier: MIT
"""

import signal
import time

from harness import check_no_own_frames, eq, fails_with, has, matches

# The lifespan is `%s`; a request is answered with "served".
APP = """
local atlas = require "atlas"

local function app(scope, receive, send)
    if scope.type == "lifespan" then
        %s
        return
    end
    send { type = "http.response.start", status = 200, headers = {} }
    send { type = "http.response.body", body = "served" }
end

return { app = app }
"""
COMPLETE = """
    receive()
    send { type = "lifespan.startup.complete" }
    %s
    local message = receive()
    io.stderr:write("got ", message.type, "\\n")
    %s
    send { type = "lifespan.shutdown.complete" }
"""


def serve(place, lifespan, *args):
    place.write("site.lua", APP % lifespan)
    return place.serve("site:app", *args)


def fail_to_start(place, lifespan):
    return place.run_serve(APP % lifespan, "--port", 0)


# --- start-up ---


def test_a_failed_startup_ends_it_with_the_message(place):
    fails_with(fail_to_start(place, """
        receive()
        send { type = "lifespan.startup.failed", message = "no database" }
    """), 3, "the application has not started: no database")


def test_a_failed_startup_needs_no_message(place):
    done = fail_to_start(place, 'receive() send { type = "lifespan.startup.failed" }')
    matches(r"atlas: the application has not started[^\n]*\n", done.err)
    eq(done.status, 3)


def test_an_error_in_the_startup_ends_it_with_a_traceback(place):
    done = fail_to_start(place, 'receive()\nerror("on purpose")')
    matches(r"atlas: [^\n]*site\.lua:7: on purpose\nstack traceback:\n.*\./site\.lua:7: in .*",
            done.err)
    eq(done.status, 3)


def test_the_traceback_of_a_startup_shows_no_frames_of_atlas(place):
    done = fail_to_start(place, 'receive()\nerror("on purpose")')
    check_no_own_frames(done.err)


def test_the_startup_may_await(place):
    server = serve(place, """
        receive()
        atlas.sleep(0.02)
        atlas.spawn(atlas.sleep, 0.01):await()
        io.stderr:write("ready\\n")
        send { type = "lifespan.startup.complete" }
        receive()
    """)
    eq(server.log(), "ready\n")


def test_nothing_is_served_before_the_startup_is_complete(place):
    server = serve(place, """
        receive()
        io.stderr:write("starting ", tostring(io.open("served")), "\\n")
        atlas.sleep(0.05)
        send { type = "lifespan.startup.complete" }
    """)
    eq(server.out(), f"Serving on {server.urls[0]}\n")
    has(server.log(), "starting nil\n")


def test_the_scope_of_the_lifespan(place):
    server = serve(place, """
        io.stderr:write(table.concat({
            scope.type, scope.lasgi.version, scope.lasgi.spec_version, scope.asgi.version,
            type(scope.state), receive().type
        }, " "), "\\n")
        send { type = "lifespan.startup.complete" }
        receive()
    """)
    eq(server.log(), "lifespan 1.0 1.0 3.0 table lifespan.startup\n")


def test_send_returns_true_on_the_lifespan(place):
    server = serve(place, """
        receive()
        io.stderr:write(tostring(send { type = "lifespan.startup.complete" }), "\\n")
    """)
    server.wait_log("true\n")


def test_an_unknown_message_raises_and_names_it(place):
    done = fail_to_start(place, 'receive() send { type = "lifespan.bogus" }')
    has(done.err, "lifespan.bogus")
    eq(done.status, 3)


def test_a_message_that_is_no_table_raises(place):
    for message in '"lifespan.startup.complete"', "nil", "{}", "{ type = 5 }":
        done = fail_to_start(place, f"receive() send({message})")
        matches(r"atlas: the application has not started: [^\n]*site\.lua:\d+: [^\n]*\n.*",
                done.err)
        eq(done.status, 3)


# --- doing without ---


def served(server):
    return server.curl(server.url()).out == "served"


def test_an_application_that_returns_at_once_does_without(place):
    server = serve(place, "")
    assert served(server)
    server.stop()
    eq(server.log(), "")


def test_an_application_that_raises_before_receive_does_without(place):
    server = serve(place, 'error("I know nothing of lifespans")')
    assert served(server)
    server.stop()
    eq(server.log(), "")


def test_an_application_that_returns_behind_its_startup_is_served(place):
    server = serve(place, 'receive() send { type = "lifespan.startup.complete" }')
    assert served(server)
    server.stop()


def test_an_application_that_raises_behind_its_startup_is_told_in_the_log(place):
    """LASGI: an error that leaves the application is logged."""
    server = serve(place, """
        receive()
        send { type = "lifespan.startup.complete" }
        atlas.sleep(0.01)
        error("the lifespan has failed")
    """)
    server.wait_log("site.lua:[0-9]+: the lifespan has failed")
    assert served(server)


# --- shutdown ---


def test_the_shutdown_runs_on_sigterm_and_sigint(place):
    for number in signal.SIGTERM, signal.SIGINT:
        server = serve(place, COMPLETE % ("", 'io.stderr:write("cleaned\\n")'))
        assert served(server)
        server.stop(number)
        eq(server.log(), "got lifespan.shutdown\ncleaned\n")


def test_the_shutdown_may_await(place):
    server = serve(place, COMPLETE % ("", 'atlas.sleep(0.05) io.stderr:write("slept\\n")'))
    server.stop()
    has(server.log(), "slept\n")


def test_work_of_the_lifespan_goes_on_until_the_shutdown(place):
    server = serve(place, COMPLETE % ("""
        local ticks = 0
        local ticker = atlas.spawn(function()
            while true do atlas.sleep(0.005) ticks = ticks + 1 end
        end)
    """, """
        ticker:cancel()
        io.stderr:write(ticks > 2 and "ticked" or "did not tick", "\\n")
    """))
    assert served(server)
    time.sleep(0.1)
    server.stop()
    has(server.log(), "ticked\n")


def test_a_failed_shutdown_is_status_1_with_the_message(place):
    server = serve(place, """
        receive()
        send { type = "lifespan.startup.complete" }
        receive()
        send { type = "lifespan.shutdown.failed", message = "disk full" }
    """)
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 1)
    eq(server.log(), "atlas: the application's shutdown failed: disk full\n")


def test_an_error_in_the_shutdown_is_status_1_with_its_place(place):
    server = serve(place, """
        receive()
        send { type = "lifespan.startup.complete" }
        receive()
        error("on purpose")
    """)
    server.send_signal(signal.SIGTERM)
    eq(server.wait(), 1)
    matches(r"atlas: the application's shutdown failed: \./site\.lua:\d+: on purpose\n.*",
            server.log())


def test_a_lifespan_that_waits_on_behind_its_end_is_ended(place):
    server = serve(place, """
        receive()
        send { type = "lifespan.startup.complete" }
        receive()
        send { type = "lifespan.shutdown.complete" }
        receive()
        io.stderr:write("not reached\\n")
    """)
    server.stop()
    eq(server.log(), "")


# --- state ---

STATE = """
local function app(scope, receive, send)
    if scope.type == "lifespan" then
        receive()
        scope.state.started = "yes"
        scope.state.shared = { count = 0 }
        send { type = "lifespan.startup.complete" }
        receive()
        io.stderr:write("at the end: ", tostring(scope.state.mine), " ",
            scope.state.shared.count, "\\n")
        send { type = "lifespan.shutdown.complete" }
        return
    end
    local state = scope.state
    local before = state.mine
    state.mine = scope.path
    state.shared.count = state.shared.count + 1
    send { type = "http.response.start", status = 200, headers = {} }
    send { type = "http.response.body", body = table.concat({
        tostring(state.started), tostring(before), scope.state.mine, state.shared.count,
    }, " ") }
end

return { app = app }
"""


def test_requests_see_the_state_of_the_lifespan_and_keep_theirs(place):
    place.write("site.lua", STATE)
    server = place.serve("site:app")
    eq(server.curl(server.url("/one")).out, "yes nil /one 1")
    eq(server.curl(server.url("/two")).out, "yes nil /two 2")
    both = server.curl(server.url("/three"), server.url("/four"))  # on one connection
    eq(both.out, "yes nil /three 3yes nil /four 4")
    server.stop()
    eq(server.log(), "at the end: nil 4\n")


def test_there_is_a_state_without_a_lifespan(place):
    server = place.serve_app('answer(type(scope.state) .. " " .. tostring(next(scope.state)))')
    eq(server.curl(server.url()).out, "table nil")
