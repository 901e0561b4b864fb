"""test_loading.py - applications that can't be loaded or started: status 3.

SPDX-License-Identifier: MIT
"""

import socket

from harness import check_no_own_frames, eq, fails_with, has, lacks, matches

APP = "return { app = function() end, number = 5, list = {} }"


def load(place, text, target="site:app", **more):
    """`atlas serve` of a module that holds `text`; it is not to come up."""
    place.write("site.lua", text)
    return place.run("serve", target, "--port", 0, **more)


# --- modules ---


def test_a_missing_module(place):
    fails_with(place.run("serve", "nosuch:app"), 3,
               "module 'nosuch' not found: no ./nosuch.lua, no ./nosuch/init.lua, nor on LUA_PATH")


def test_a_missing_module_with_dots(place):
    fails_with(place.run("serve", "no.such:app"), 3,
               "module 'no.such' not found: no ./no/such.lua, no ./no/such/init.lua, "
               "nor on LUA_PATH")


def test_a_syntax_error_is_one_line_with_its_place(place):
    done = load(place, "local x = 1\nlocal y = = 2\n")
    matches(r"atlas: \./site\.lua:2: [^\n]* near '='\n", done.err)
    eq(done.status, 3)


def test_a_syntax_error_in_a_required_module_is_one_line_with_its_place(place):
    place.write("broken.lua", "\n\nreturn )\n")
    done = load(place, 'require "broken"\nreturn { app = print }')
    matches(r"atlas: \./broken\.lua:3: [^\n]* near '\)'\n", done.err)
    eq(done.status, 3)


def test_a_module_that_raises_is_told_with_traceback(place):
    done = load(place, 'local function connect()\n    error("no database")\nend\n\nconnect()\n')
    matches(r"atlas: \./site\.lua:2: no database\nstack traceback:\n.*", done.err)
    has(done.err, "./site.lua:2: in ")
    has(done.err, "./site.lua:5: in main chunk")
    eq(done.status, 3)


def test_the_traceback_of_a_module_shows_no_frames_of_atlas(place):
    done = load(place, 'error("on purpose")')
    check_no_own_frames(done.err)
    eq(done.status, 3)


def test_a_route_that_cannot_be_is_told_with_its_line(place):
    done = load(place, 'local app = require("atlas").Application()\n\napp:get("/{a:no}", print)')
    matches(r"atlas: \./site\.lua:3: [^\n]*\bno\nstack traceback:\n.*", done.err)
    check_no_own_frames(done.err)
    eq(done.status, 3)


def test_a_module_may_raise_any_value(place):
    for value in "{}", "nil", "false", "setmetatable({}, {__tostring = function() return 'E' end})":
        done = load(place, f"error({value})")
        matches(r"atlas: .+", done.err)
        eq(done.status, 3)


def test_a_module_that_requires_a_missing_one_says_which_and_where(place):
    done = load(place, 'local x = 1\nrequire "nosuch.part"\n')
    has(done.err, "module 'nosuch.part' not found")
    has(done.err, "site.lua:2:")
    lacks(done.err, "no field package.preload")
    eq(done.status, 3)


def test_an_attribute_that_is_missing(place):
    fails_with(load(place, APP, "site:nope"), 3, "module 'site' has no 'nope'")


def test_an_attribute_that_cannot_be_called(place):
    fails_with(load(place, APP, "site:number"), 3,
               "'site:number' is a number, which cannot be called")
    fails_with(load(place, APP, "site:list"), 3, "'site:list' is a table, which cannot be called")


def test_a_module_that_returns_no_table(place):
    for text, kind in ("return 5", "number"), ('return "app"', "string"), ("", "boolean"), \
            ("return false", "boolean"):
        fails_with(load(place, text), 3, f"module 'site' returns a {kind}, not a table with 'app'")


def test_the_attribute_is_app_when_none_is_named(place):
    for target in "site", "site:":
        fails_with(load(place, "return {}", target), 3, "module 'site' has no 'app'")


def test_an_application_may_be_a_callable_table(place):
    place.write("site.lua", """
        local app = setmetatable({}, { __call = function(self, scope, receive, send)
            if scope.type ~= "http" then return end
            send { type = "http.response.start", status = 200, headers = {} }
            send { type = "http.response.body", body = "called" }
        end })
        return { app = app }
    """)
    server = place.serve("site:app")
    eq(server.curl(server.url()).out, "called")


def test_modules_are_found_in_folders_with_init(place):
    place.write("site/init.lua", 'return { app = require("site.main") }')
    place.write("site/main.lua", "return 5")
    fails_with(place.run("serve", "site:app"), 3, "'site:app' is a number, which cannot be called")


def test_modules_are_found_on_lua_path_behind_the_working_directory(place):
    place.write("elsewhere/far.lua", "return 1")
    place.write("elsewhere/both.lua", "return 2")
    place.write("both.lua", 'return "here"')
    env = {"LUA_PATH": "elsewhere/?.lua;;"}
    fails_with(place.run("serve", "far:app", env=env), 3,
               "module 'far' returns a number, not a table with 'app'")
    fails_with(place.run("serve", "both:app", env=env), 3,
               "module 'both' returns a string, not a table with 'app'")


# --- configuration ---


def test_a_missing_configuration_module(place):
    place.write("site.lua", APP)
    fails_with(place.run("serve", "site:app", "--config", "nosuch"), 3,
               "module 'nosuch' not found: no ./nosuch.lua, no ./nosuch/init.lua, nor on LUA_PATH")


def test_a_configuration_module_that_returns_no_table(place):
    place.write("site.lua", APP)
    place.write("settings.lua", "return 5")
    fails_with(place.run("serve", "site:app", "--config", "settings"), 3,
               "configuration module 'settings' returns a number, not a table")


def test_a_configuration_module_with_a_syntax_error(place):
    place.write("site.lua", APP)
    place.write("settings.lua", "return {\nport = = 1 }")
    done = place.run("serve", "site:app", env={"ATLAS_CONFIG": "settings"})
    matches(r"atlas: \./settings\.lua:2: [^\n]*\n", done.err)
    eq(done.status, 3)


def test_a_setting_of_the_wrong_kind_is_refused_in_one_line(place):
    place.write("site.lua", APP)
    for name, value in ("port", '"http"'), ("keep_alive", '"often"'), ("max_body", "-1"), \
            ("max_headers", "{}"), ("backlog_connections", "true"), ("drain", '"soon"'), \
            ("host", "true"), ("drain", "0/0"):
        place.write("settings.lua", f"return {{ port = 0, {name} = {value} }}")
        process = place.start("site:app", "--config", "settings")
        eq(process.wait(), 3, f"{name} = {value}")
        matches(rf"atlas: [^\n]*{name}[^\n]*\n", process.log())


# --- addresses ---


def test_a_port_in_use(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        fails_with(place.run_serve(APP, "--port", port), 3,
                   f"cannot listen on 127.0.0.1:{port}: address already in use")


def test_a_port_that_another_atlas_uses(place):
    place.write("site.lua", APP)
    server = place.serve("site:app")
    fails_with(place.run("serve", "site:app", "--port", server.port), 3,
               f"cannot listen on 127.0.0.1:{server.port}: address already in use")


def test_a_port_that_cannot_be(place):
    done = place.run_serve(APP, "--port", 70000)
    matches(r"atlas: [^\n]*70000[^\n]*\n", done.err)
    assert done.status in (2, 3), done


def test_a_host_that_is_no_address(place):
    done = place.run_serve(APP, "--port", 0, "--host", "no.such.host.invalid")
    matches(r"atlas: cannot listen on no\.such\.host\.invalid:0: [^\n]*\n", done.err)
    eq(done.status, 3)


def test_the_second_of_two_addresses_in_use_ends_it_all(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        fails_with(place.run_serve(APP, "--host", "127.0.0.2", "--host", "127.0.0.1",
                                   "--port", port), 3,
                   f"cannot listen on 127.0.0.1:{port}: address already in use")


def test_a_server_that_cannot_listen_runs_its_shutdown(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = place.run_serve("""
            return { app = function(scope, receive, send)
                receive()
                send { type = "lifespan.startup.complete" }
                receive()
                io.stderr:write("shut down\\n")
                send { type = "lifespan.shutdown.complete" }
            end }
        """, "--port", other.getsockname()[1])
    has(done.err, "shut down\n")
    has(done.err, "address already in use\n")
    eq(done.status, 3)
