-- controllers.lua - the handlers.  Each gets the request, and behind it what
-- stands in its path's braces; what it returns is answered.

local atlas = require "atlas"
local templates = require "atlas.templates"

local LUA = jit and jit.version or _VERSION

local M = {}

-- A template is filled in and sent as HTML.  It sees the request, too.
function M.home(request)
    return templates.render(request, "home.html", { lua = LUA })
end

function M.about(request)
    return templates.render(request, "about.html", { lua = LUA })
end

-- A string is sent as plain text.
function M.hello(_, name)
    return "Hello, " .. name .. "!\n"
end

-- A table is sent as JSON.
function M.time(request)
    return {
        time = os.date "!%Y-%m-%dT%H:%M:%SZ",
        agent = request.headers["user-agent"],
    }
end

-- Stands for whatever takes long elsewhere: a database, another server.
local function ask(service, seconds)
    atlas.sleep(seconds)
    return { service = service, seconds = seconds }
end

-- Three slow things at once: the page takes as long as the slowest of them.
-- Nothing is marked as asynchronous, and no other request waits meanwhile.
function M.slow(request)
    local started = atlas.now()
    local weather = atlas.spawn(ask, "The weather", 0.1)
    local news = atlas.spawn(ask, "The news", 0.2)
    local stars = atlas.spawn(ask, "The stars", 0.3)

    return templates.render(request, "slow.html", {
        weather = weather:await(),
        news = news:await(),
        stars = stars:await(),
        sum = 0.6,
        took = ("%.2f"):format(atlas.now() - started),
    })
end

-- Each piece leaves when it is written; `curl -N` shows it.
function M.countdown()
    return atlas.stream(function(write)
        for n = 5, 1, -1 do
            write(n .. "\n")
            atlas.sleep(0.2)
        end
        write "Lift-off!\n"
    end, { content_type = "text/plain" })
end

-- A file below a folder, or 404.
function M.static(_, path)
    return atlas.file(path, { root = "app/static" })
end

-- Answers what no route does: see main.lua.
function M.not_found(request)
    local response = templates.render(request, "not_found.html", { path = request.path })

    response.status = 404
    return response
end

return M
