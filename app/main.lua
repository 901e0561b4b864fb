-- main.lua - a small LASGI application: what `make run` serves.

local atlas = require "atlas"

local function respond(send, status, content_type, body)
    send {
        type = "http.response.start",
        status = status,
        headers = { { "content-type", content_type } },
    }
    send { type = "http.response.body", body = body }
end

-- The whole body of the request, or nil if the client has gone.
local function read_body(receive)
    local parts = {}

    repeat
        local message = receive()
        if message.type == "http.disconnect" then
            return nil
        end
        parts[#parts + 1] = message.body
    until not message.more_body
    return table.concat(parts)
end

local routes = {}

routes["/"] = function(_, _, send)
    respond(send, 200, "text/plain; charset=utf-8", "Hello, World!")
end

routes["/plaintext"] = routes["/"]

-- Three waits at once: the page takes as long as the longest.
routes["/slow"] = function(_, _, send)
    local started = atlas.now()
    local waits = {}

    for i, seconds in ipairs { 0.1, 0.2, 0.3 } do
        waits[i] = atlas.spawn(atlas.sleep, seconds)
    end
    for _, wait in ipairs(waits) do
        wait:await()
    end
    local text = ("Waited 0.6 s in %.1f s.\n"):format(atlas.now() - started)
    respond(send, 200, "text/plain; charset=utf-8", text)
end

routes["/echo"] = function(_, receive, send)
    local body = read_body(receive)

    if body then
        respond(send, 200, "application/octet-stream", body)
    end
end

local function not_found(_, _, send)
    respond(send, 404, "text/plain; charset=utf-8", "Not Found\n")
end

local function app(scope, receive, send)
    if scope.type ~= "http" then
        return
    end
    local handler = routes[scope.path] or not_found

    handler(scope, receive, send)
end

return { app = app }
