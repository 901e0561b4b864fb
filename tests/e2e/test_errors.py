"""test_errors.py - applications that fail: what the client and the log get.

SPDX-License-Identifier: MIT
"""

from harness import check_no_own_frames, eq, has, lacks, matches


def failing(place, body):
    """Serve it; returns (server, response with head)."""
    server = place.serve_app(body)
    return server, server.curl("-i", server.url("/path?query"))


def test_an_error_is_a_500_that_does_not_tell_what_it_was(place):
    _, done = failing(place, 'error("a secret")')
    matches(r"HTTP/1\.1 500 Internal Server Error\r\n.*", done.out)
    lacks(done.out, "secret")
    lacks(done.out, "site.lua")


def test_an_error_is_logged_with_request_place_and_traceback(place):
    server, _ = failing(place, 'local function fail() error("on purpose") end\nfail()')
    server.wait_log("stack traceback")
    matches(r"[^\n]* ERROR atlas\[[0-9a-f]{16}\]: GET /path: \./site\.lua:\d+: on purpose\n"
            r"    stack traceback:\n"
            r"        \[C\]: in function 'error'\n"
            r"        \./site\.lua:\d+: in [^\n]*\n"
            r"        \./site\.lua:\d+: in [^\n]*\n.*", server.log())


def test_the_traceback_of_a_request_shows_no_frames_of_atlas(place):
    server, _ = failing(place, 'atlas.sleep(0)\nerror("on purpose")')
    server.wait_log("stack traceback")
    check_no_own_frames(server.log())


def test_the_traceback_of_a_request_crosses_its_tasks(place):
    server, done = failing(place, """
        local task = atlas.spawn(function()
            atlas.sleep(0.001)
            error("on purpose")
        end)
        task:name "helper"
        task:await()
    """)
    has(done.out, "500 Internal")
    server.wait_log(r"on purpose\n    stack traceback:.*site\.lua:\d+: in .*"
                    r"spawned at \./site\.lua:\d+\n    awaited by task '[^']*' at \./site\.lua:\d+\n")


def test_an_error_of_any_type_is_a_500_and_logged(place):
    for value in "nil", "false", "{}", "5", \
            "setmetatable({}, {__tostring = function() error 'x' end})":
        server, done = failing(place, f"error({value})")
        has(done.out, "500 Internal Server Error")
        server.wait_log(r"ERROR atlas\[[0-9a-f]+\]: GET /path: ")


def test_an_error_behind_the_start_is_a_clean_500(place):
    _, done = failing(place, """
        send { type = "http.response.start", status = 200, headers = { { "x-lost", "1" } } }
        error("on purpose")
    """)
    has(done.out, "500 Internal Server Error")
    lacks(done.out, "x-lost")


def check_cut(place, headers, status):
    server = place.serve_app(f"""
        send {{ type = "http.response.start", status = 200, headers = {{ {headers} }} }}
        send {{ type = "http.response.body", body = "begun", more_body = true }}
        error("on purpose")
    """)
    done = server.curl(server.url("/path"))
    assert done.status in status, done
    eq(done.out, "begun")
    server.wait_log("GET /path: ./site.lua:[0-9]+: on purpose\n    stack traceback")


def test_an_error_within_a_chunked_body_cuts_the_connection(place):
    check_cut(place, "", (18, 56))


def test_an_error_within_a_body_of_known_length_cuts_the_connection(place):
    check_cut(place, '{ "content-length", "100" }', (18, 56))


def test_an_error_within_a_body_to_http_1_0_cuts_the_connection(place):
    server = place.serve_app("""
        send { type = "http.response.start", status = 200, headers = {} }
        send { type = "http.response.body", body = "begun", more_body = true }
        error("on purpose")
    """)
    done = server.curl("-0", server.url("/path"))
    assert done.status in (18, 56), done


def test_an_error_behind_the_response_is_logged_and_the_connection_goes_on(place):
    server = place.serve_app('answer("whole") error("on purpose")')
    done = server.curl("-w", " %{num_connects} ", server.url("/1"), server.url("/2"))
    eq(done.out, "whole 1 whole 0 ")
    server.wait_log("GET /1: .*on purpose.*GET /2: .*on purpose")


def test_returning_without_a_response_is_a_500_and_logged(place):
    server, done = failing(place, "")
    has(done.out, "500 Internal Server Error")
    server.wait_log("GET /path: the application returned without completing its "
                    "response")


def test_a_childs_error_before_the_response_is_a_500(place):
    server, done = failing(place, """
        atlas.spawn(error, "in a child", 0)
        atlas.sleep(0.01)
    """)
    has(done.out, "500 Internal Server Error")
    server.wait_log("GET /path: in a child")


def test_a_childs_error_behind_the_response_is_logged(place):
    server, done = failing(place, """
        atlas.spawn(function()
            atlas.sleep(0.01)
            error("in a child", 0)
        end)
        answer("whole")
    """)
    has(done.out, "\r\n\r\nwhole")
    server.wait_log("GET /path: in a child")


def test_a_response_goes_out_before_the_children_have_ended(place):
    server = place.serve_app("""
        atlas.spawn(function()
            atlas.sleep(0.5)
            io.stderr:write("child\\n")
        end)
        answer("early")
    """)
    eq(server.curl("-m", "0.4", server.url()).out, "early")
    server.wait_log("child\n")


def test_control_characters_of_an_error_do_not_reach_the_log(place):
    server, _ = failing(place, 'error("a\\27[31mred\\rline\\0end", 0)')
    server.wait_log("GET /path")
    for character in "\x1b", "\r", "\0":
        lacks(server.log(), character)


def test_an_error_of_one_request_leaves_the_others_alone(place):
    server = place.serve_app("""
        atlas.sleep(0.05)
        if scope.path == "/fail" then error("on purpose") end
        answer(scope.path)
    """)
    done = server.curl("-Z", "--no-progress-meter", *(
        server.url("/fail" if i % 2 else f"/{i:02}") for i in range(20)))
    for i in range(0, 20, 2):
        has(done.out, f"/{i:02}")
    eq(done.out.count("500 Internal Server Error"), 10)


def test_a_stack_overflow_is_a_500(place):
    server = place.serve_app("""
        if scope.path == "/hi" then return answer("hi") end
        local function deeper(n) return 1 + deeper(n + 1) end
        deeper(1)
    """)
    for _ in range(3):
        has(server.curl(server.url()).out, "500 Internal")
        eq(server.curl(server.url("/hi")).out, "hi")
    server.wait_log("stack overflow")


def test_many_results_of_a_handler_harm_nobody(place):
    server = place.serve_app("""
        answer("hi")
        local list = {}
        for i = 1, 7000 do list[i] = i end
        return (table.unpack or unpack)(list)
    """)
    for _ in range(3):
        eq(server.curl(server.url()).out, "hi")
