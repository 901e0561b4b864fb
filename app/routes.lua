-- routes.lua - which path is answered by which controller.  `atlas routes
-- app.main:app` lists them, with the places of the handlers.

local Route = require "atlas.route"

local controllers = require "app.controllers"

return {
    Route("/", controllers.home, { name = "home" }),
    Route("/about", controllers.about, { name = "about" }),
    Route("/slow", controllers.slow, { name = "slow" }),
    Route("/hello/{name}", controllers.hello, { name = "hello" }),
    Route("/api/time", controllers.time, { name = "time" }),
    Route("/countdown", controllers.countdown, { name = "countdown" }),
    Route("/static/{path:path}", controllers.static, { name = "static" }),
}
