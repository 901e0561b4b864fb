"""test_original.py - a site in the form of the original Atlas runs unchanged.

SPDX-License-Identifier: MIT
"""

import subprocess

from harness import eq, eventually, has

SITE = {
    "app/main.lua": """
local Application = require "atlas.application"
local routes = require "app.routes"

return {app = Application(routes)}
""",
    "app/routes.lua": """
local Route = require "atlas.route"
local controllers = require "app.controllers"

return {
  Route("/", controllers.home),
  Route("/about", controllers.about, {"GET", "POST"}),
  Route("/users/{username:string}/posts/{id:int}", controllers.post),
}
""",
    "app/controllers.lua": """
local Response = require "atlas.response"
local templates = require "atlas.templates"
local logger = require("atlas.logging").get_logger("app.controllers")

local function home(request)
  return templates.render(request, "home.html", {name = "<world>"})
end

local function about(request)
  logger.log("about was asked for at " .. request.path)
  return Response("about", "text/plain", 203, {["X-About"] = "yes"})
end

local function post(_, username, id)
  return Response(username .. " " .. id + 1)
end

return {home = home, about = about, post = post}
""",
    "app/config.lua": """
return {template_dirs = {"app/templates"}, log_file = "site.log", backlog_connections = 7}
""",
    "app/templates/home.html": "<p>Hello {{ name }} at {{ request.path }}</p>\n",
}


def test_a_site_in_the_originals_form(place):
    for name, text in SITE.items():
        place.write(name, text)
    server = place.serve("app.main:app", env={"ATLAS_CONFIG": "app.config"})
    out = server.curl("-i", server.url("/")).out
    has(out, "content-type: text/html; charset=utf-8")
    has(out, "<p>Hello &lt;world&gt; at /</p>\n")
    out = server.curl("-i", "-X", "POST", server.url("/about")).out
    has(out, "203 ")
    has(out.lower(), "x-about: yes")
    has(out, "content-type: text/plain; charset=utf-8")
    eq(server.curl(server.url("/users/matt/posts/41")).out, "matt 42")
    has(server.curl("-i", server.url("/users/matt/posts/x")).out, "404 Not Found")
    has(server.curl("-i", "-X", "POST", server.url("/")).out, "405 Method Not Allowed")
    eventually(lambda: "app.controllers" in place.read("site.log")
               and "about was asked for at /about" in place.read("site.log"), "the line in the log")
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{server.port}"], check=True,
                               capture_output=True, text=True).stdout
    eq(listening.split()[2], "7")  # the length of its queue
