-- mount.lua - a LASGI callable inside an Application's middleware: what it
-- sends becomes a Response.  One without middleware around it is called by C
-- as if it were served by itself.
--
-- The callable runs in a task of its own.  As in a server, what it sends first
-- is held until it is known how the body begins; a body of one message makes
-- an ordinary Response, and of a longer one each piece is written by the
-- callable's own send(), once the Response is being sent.

local core = require "atlas.application.core"
local errors = require "atlas.errors"
local requests = require "atlas.request"
local response = require "atlas.response"
local scopes = require "atlas.scope"
local sync = require "atlas.sync"
local task = require "atlas.task"

local error, ipairs, setmetatable, tostring, type = error, ipairs, setmetatable, tostring, type

local M = {}

local LOOK = 0.05 -- seconds between looks whether anybody will send the Response

local function make_scope(request)
    local headers = {}
    local outer = request.scope

    for name, value in request.headers:each() do
        headers[#headers + 1] = { name, value }
    end
    local client, server = request.client, nil
    if outer then
        server = outer.server
    else
        server = core.server(request)
    end
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
        server = server,
        state = request.state,
        extensions = {},
    }
end

local function receiver(request)
    return function()
        local piece, more = requests.receive_piece(request)

        if not piece then
            return { type = "http.disconnect" }
        end
        return { type = "http.request", body = piece, more_body = more }
    end
end

local function closed()
    return setmetatable({ code = "ECLOSED", message = "the client has gone" }, errors.meta)
end

-- The error that the second send() for nobody raises.
local function refuse(call)
    if call.told then
        error(closed(), 0)
    end
    call.told = true
    return nil, closed()
end

local function check_header(pair, i)
    if type(pair) ~= "table" or type(pair[1]) ~= "string" or type(pair[2]) ~= "string" then
        error(("send: headers[%d] is no {name, value} pair of strings"):format(i), 3)
    end
end

local kinds = {}

kinds["http.response.start"] = function(call, message)
    local status = message.status

    if call.start then
        error("send: http.response.start was sent already", 2)
    elseif type(status) ~= "number" or status % 1 ~= 0 or status < 200 or status > 999 then
        error("send: status: an integer from 200 to 999 expected, got " .. tostring(status), 2)
    elseif message.headers ~= nil and type(message.headers) ~= "table" then
        error("send: headers: a table expected, got " .. type(message.headers), 2)
    end
    for i, pair in ipairs(message.headers or {}) do
        check_header(pair, i)
    end
    call.start = message
    return true
end

-- Wait until the Response is being sent; false if nobody does.
local function is_being_sent(call)
    while not call.write do
        if core.is_done(call.request) then
            return false
        end
        scopes.move_on(LOOK, call.sending.wait, call.sending)
    end
    return true
end

kinds["http.response.body"] = function(call, message)
    local body = message.body

    if not call.start then
        error("send: http.response.start comes before http.response.body", 2)
    elseif call.is_over then
        error("send: the response is complete", 2)
    elseif body ~= nil and type(body) ~= "string" then
        error("send: body: a string expected, got " .. type(body), 2)
    end
    call.is_over = not message.more_body
    if not call.first then
        call.first = message
        call.news:set()
        return true
    elseif not is_being_sent(call) then
        return refuse(call)
    end
    local ok, err = true, nil
    if body and body ~= "" then
        ok, err = call.write(body)
    end
    if call.is_over then
        call.over:set()
    end
    return ok, err
end

local function sender(call)
    return function(message)
        local kind = type(message) == "table" and message.type or type(message)

        if not kinds[kind] then
            local text = "send: message type '%s' isn't possible inside middleware"
            error(text:format(tostring(kind)), 2)
        end
        return kinds[kind](call, message)
    end
end

-- The callable has ended without completing its response: raises its error,
-- if it has one.  Nothing is wrong if it ended because its client had gone.
local function fail(call)
    call.task:await()
    if core.is_done(call.request) then
        return
    end
    error("the application returned without completing its response", 0)
end

-- The body of a Response whose first piece is there: the callable writes on.
local function stream_of(call)
    return function(write)
        if call.first.body and call.first.body ~= "" then
            write(call.first.body)
        end
        call.write = write
        call.sending:set()
        call.over:wait()
        if not call.is_over then
            fail(call)
        end
    end
end

--- Call a LASGI callable for `request`.
---@param request atlas.Request
---@param callable function
---@return atlas.Response
function M.call(request, callable)
    local call = {
        request = request,
        news = sync.event(), -- the first piece is there, or the callable has ended
        sending = sync.event(), -- the Response is being sent: call.write is there
        over = sync.event(), -- the last piece has been written, or the callable has ended
    }

    call.task = task.spawn(function()
        callable(make_scope(request), receiver(request), sender(call))
    end)
    call.task:on_complete(function()
        call.news:set()
        call.over:set()
    end)
    call.news:wait()
    local start, first = call.start, call.first
    if not first then
        fail(call)
        return response() -- for nobody
    end
    local result
    if first.more_body then
        result = response.stream(stream_of(call), { status = start.status, headers = start.headers })
    else
        result = response(first.body, nil, start.status, start.headers)
    end
    result.content_type = nil
    return result
end

return M
