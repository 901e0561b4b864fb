"""test_routes.py - atlas routes: what an application answers, a line a route.

SPDX-License-Identifier: MIT
"""

from harness import eq, fails_with, has, matches

SITE = """\
local atlas = require "atlas"
local app, admin = atlas.Application(), atlas.Application()

local function home() return "home" end

app:get("/", home, { name = "home" })
app:route("/notes/{id:int}", home, { methods = { "PUT", "DELETE" } })
app:get("/", home, { host = "{tenant}.example.org" })
app:post("/made", setmetatable({}, { __call = function() return "made" end }))
admin:get("/users", function() return {} end, { name = "users" })
app:mount("/admin", admin)
app:mount("/old", function() end)
app:host("api.example.org", admin)
return { app = app, lasgi = function() end, number = 5 }
"""


def routes(place, target="site:app", text=SITE, **more):
    place.write("site.lua", text)
    return place.run("routes", target, **more)


def test_a_line_tells_methods_path_name_and_place(place):
    done = routes(place)
    eq(done.err, "")
    eq(done.status, 0)
    eq([line.split() for line in done.out.splitlines()], [
        ["GET", "/", "home", "site.lua:4"],
        ["PUT,DELETE", "/notes/{id:int}", "-", "site.lua:4"],
        ["GET", "{tenant}.example.org/", "-", "site.lua:4"],
        ["POST", "/made", "-", "site.lua:9"],
        ["GET", "/admin/users", "users", "site.lua:10"],
        ["*", "/old/*", "-", "site.lua:12"],
        ["GET", "api.example.org/users", "users", "site.lua:10"],
    ])


def test_the_columns_stand_below_each_other(place):
    lines = routes(place).out.splitlines()
    eq(len({line.index("site.lua") for line in lines}), 1)


def test_middleware_and_hooks_are_not_run(place):
    done = routes(place, text="""
        local app = require("atlas").Application()
        app:on_startup(function() error("started") end)
        app:use(function(request, next) return next(request) end)
        app:get("/", function() return "" end)
        return { app = app }
    """)
    eq((done.status, done.err), (0, ""))


def test_an_application_without_routes_is_no_line(place):
    done = routes(place, text='return { app = require("atlas").Application() }')
    eq((done.status, done.out, done.err), (0, "", ""))


def test_what_is_no_application_has_failed(place):
    fails_with(routes(place, "site:lasgi"), 1,
               "'site:lasgi' is no atlas.Application, which alone has routes")


def test_what_cannot_be_loaded(place):
    fails_with(routes(place, "site:nope"), 3, "module 'site' has no 'nope'")
    fails_with(routes(place, "site:number"), 3,
               "'site:number' is a number, which cannot be called")
    fails_with(place.run("routes", "nosuch:app"), 3,
               "module 'nosuch' not found: no ./nosuch.lua, no ./nosuch/init.lua, nor on LUA_PATH")
    matches(r"atlas: \./site\.lua:1: [^\n]*\n", routes(place, text="local = 5").err)
    done = routes(place, text='error("on purpose")')
    has(done.err, "site.lua:1: on purpose\nstack traceback:")
    eq(done.status, 3)


def test_tasks_that_the_module_has_spawned_end(place):
    done = routes(place, text=SITE.replace(
        "return {", 'atlas.spawn(function() atlas.sleep(3600) end)\nreturn {'), timeout=10)
    eq(done.status, 0)
    eq(len(done.out.splitlines()), 7)


def test_wrong_usage(place):
    fails_with(place.run("routes"), 2, "usage: atlas routes MODULE:ATTR")
    fails_with(place.run("routes", "one:app", "two:app"), 2, "usage: atlas routes MODULE:ATTR")
    fails_with(place.run("routes", ":app"), 2, "':app' is not MODULE:ATTR")
    fails_with(place.run("routes", "--bogus"), 2,
               "unknown option '--bogus'; 'atlas help routes' tells more")
