-- controllers.lua - the handlers: each gets the request and the parameters of
-- its path, and returns what is answered.

local atlas = require "atlas"
local templates = require "atlas.templates"

local M = {}

-- A template's file is filled in and sent as HTML.
function M.home(request)
    return templates.render(request, "home.html", { version = _VERSION })
end

function M.about(request)
    return templates.render(request, "about.html")
end

-- Stands for whatever takes long elsewhere: a database, another site.
local function ask(service, seconds)
    atlas.sleep(seconds)
    return ("%s answered after %.1f s"):format(service, seconds)
end

-- Three slow things at once: the page takes as long as the slowest.  Nothing
-- here is marked as asynchronous, and no other request waits meanwhile.
function M.slow(request)
    local started = atlas.now()
    local answers = atlas.all {
        function() return ask("The weather", 0.1) end,
        function() return ask("The news", 0.2) end,
        function() return ask("The stars", 0.3) end,
    }

    return templates.render(request, "slow.html", {
        first = answers[1],
        second = answers[2],
        third = answers[3],
        took = ("%.2f"):format(atlas.now() - started),
    })
end

-- A string is sent as plain text.
function M.hello(_, name)
    return "Hello, " .. name .. "!\n"
end

-- A table is sent as JSON.
function M.time(request)
    return {
        time = os.date "!%Y-%m-%dT%H:%M:%SZ",
        client = request.client and request.client.host,
        query = { zone = request.query.zone },
    }
end

-- Each piece goes out when it is written: try `curl -N`.
function M.countdown()
    return atlas.stream(function(write)
        for n = 5, 1, -1 do
            write(n .. "\n")
            atlas.sleep(0.2)
        end
        write "Lift-off!\n"
    end, { content_type = "text/plain" })
end

-- What was sent comes back, decoded and encoded again if it is JSON.
function M.echo(request)
    if request.headers["content-type"] == "application/json" then
        return assert(request:json())
    end
    return assert(request:body())
end

function M.stylesheet()
    return atlas.file "app/static/site.css"
end

-- What app:on_error(404, ...) calls.
function M.not_found(request)
    local response = templates.render(request, "not_found.html", { path = request.path })

    response.status = 404
    return response
end

return M
