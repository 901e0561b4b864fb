-- main.lua - the sample site, which `make run` serves.  Begin here, then go on
-- to routes.lua and controllers.lua.

local atlas = require "atlas"
local logging = require "atlas.logging"

local controllers = require "app.controllers"
local routes = require "app.routes"

local log = logging.get_logger "app"
local app = atlas.Application { routes = routes }

-- A middleware is a function around everything that answers.  This one tells
-- the browser how long that took: `curl -I localhost:8000` shows it.
app:use(function(request, next)
    local started = atlas.now()
    local response = next(request)

    response.headers["server-timing"] = ("app;dur=%.1f"):format((atlas.now() - started) * 1000)
    return response
end)

app:on_error(404, controllers.not_found)

app:on_startup(function()
    log:info("the sample site is ready", { routes = #routes })
end)

return { app = app }
