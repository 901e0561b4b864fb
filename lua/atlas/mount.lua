-- mount.lua - a LASGI callable inside an Application's middleware: what it
-- sends becomes a Response.  One without middleware around it is called by C
-- as if it were served by itself.

local requests = require "atlas.request"
local response = require "atlas.response"
local sync = require "atlas.sync"
local task = require "atlas.task"

local M = {}

local function make_scope(request)
    local headers = {}

    for name, value in request.headers:each() do
        headers[#headers + 1] = { name, value }
    end
    local client = request.client
    return {
        type = "http",
        lasgi = { version = "1.0", spec_version = "1.0" },
        asgi = { version = "3.0", spec_version = "2.3" },
        http_version = request.http_version,
        method = request.method,
        scheme = request.scheme,
        path = request.path,
        raw_path = request.raw_path,
        query_string = request.query_string,
        root_path = request.root_path,
        headers = headers,
        client = client and { client[1], client[2] },
        state = request.state,
        extensions = {},
    }
end

local function receiver(request)
    local over = false

    return function()
        if over then
            return task.suspend(function() end)
        end
        local piece, more = requests.next_piece(request)
        if not piece then
            return { type = "http.disconnect" }
        end
        over = not more
        return { type = "http.request", body = piece, more_body = more }
    end
end

local types = { ["http.response.start"] = true, ["http.response.body"] = true }

local function sender(messages)
    return function(message)
        if type(message) ~= "table" or not types[message.type] then
            local name = type(message) == "table" and tostring(message.type) or type(message)
            error("send: message type '" .. name .. "' isn't possible inside middleware", 2)
        end
        return messages:send(message)
    end
end

-- A stream of the body's messages, of which the first is there.
local function rest_of(messages, message)
    return function(write)
        while message do
            write(message.body or "")
            message = message.more_body and messages:recv() or nil
        end
    end
end

--- Call a LASGI callable for `request`.
---@param request atlas.Request
---@param callable function
---@return atlas.Response
function M.call(request, callable)
    local messages = sync.channel(0)
    local child = task.spawn(function()
        callable(make_scope(request), receiver(request), sender(messages))
        messages:close()
    end)
    child:on_complete(function()
        messages:close()
    end)
    local start = messages:recv()
    local first = start and messages:recv()
    if not first then
        child:await()
        error("the application returned without completing its response", 0)
    end
    local result
    if first.more_body then
        result = response.stream(rest_of(messages, first), {
            status = start.status,
            headers = start.headers,
        })
    else
        result = response(first.body, nil, start.status, start.headers)
    end
    result.content_type = nil
    return result
end

return M
