-- websocket.lua - an application that is given a WebSocket by a strict server.

local driver = require "atlas.conformance.application.driver"
local runs = require "atlas.conformance.application.runs"
local scope = require "atlas.scope"
local sync = require "atlas.sync"
local task = require "atlas.task"

local M = {}

local Socket = {}
Socket.__index = Socket

function Socket:breach(...)
    driver.breach(self, ...)
end

local ORDER, FORM = "websocket_messages_in_order", "websocket_messages_are_well_formed"

local handlers = {}

local function check_code(self, message)
    local code = message.code

    if code ~= nil and (type(code) ~= "number" or code % 1 ~= 0 or code < 1000 or code > 4999) then
        self:breach(FORM, "websocket.close: code is %s", tostring(code))
    elseif message.reason ~= nil and type(message.reason) ~= "string" then
        self:breach(FORM, "websocket.close: reason is a %s", type(message.reason))
    end
end

handlers["websocket.accept"] = function(self, message)
    if self.state ~= "asked" then
        self:breach(ORDER, "websocket.accept: not allowed now")
    elseif message.subprotocol ~= nil and message.subprotocol ~= "lasgi" then
        self:breach(FORM, "websocket.accept: the client has not offered the subprotocol %s",
            tostring(message.subprotocol))
    end
    self.state = "accepted"
end

handlers["websocket.send"] = function(self, message)
    if self.state ~= "accepted" then
        self:breach(ORDER, "websocket.send: not allowed now")
    end
    local text, bytes = message.text, message.bytes
    if (text == nil) == (bytes == nil) or type(text or bytes) ~= "string" then
        self:breach(FORM, "websocket.send: a string as text or as bytes expected")
    end
end

handlers["websocket.close"] = function(self, message)
    if self.state ~= "asked" and self.state ~= "accepted" then
        self:breach(ORDER, "websocket.close: not allowed now")
    end
    check_code(self, message)
    self.state = "closed"
end

handlers["websocket.http.response.start"] = function(self, message)
    if self.state ~= "asked" then
        self:breach(ORDER, "websocket.http.response.start: not allowed now")
    elseif type(message.status) ~= "number" then
        self:breach(FORM, "websocket.http.response.start: status is %s", tostring(message.status))
    end
    self.state = "refusing"
end

handlers["websocket.http.response.body"] = function(self, message)
    if self.state ~= "refusing" then
        self:breach(ORDER, "websocket.http.response.body: not allowed now")
    end
    self.state = message.more_body and "refusing" or "closed"
end

function Socket:send(message)
    task.sleep(0)
    if type(message) ~= "table" or type(message.type) ~= "string" then
        self:breach(FORM, "what is sent is no table with a type")
    elseif not handlers[message.type] then
        self:breach(FORM, "unknown message type '%s'", message.type)
    end
    self.taken = true
    handlers[message.type](self, message)
    self.news:set()
    return true
end

function Socket:receive()
    self.received = self.received + 1
    task.sleep(0)
    if self.received == 1 then
        return { type = "websocket.connect" }
    end
    while self.state == "asked" or self.state == "refusing" do
        self.news:wait()
        self.news:clear()
    end
    if self.state == "accepted" and self.received <= 3 then
        return self.received == 2 and { type = "websocket.receive", text = "hello" }
            or { type = "websocket.receive", bytes = "\0\255" }
    end
    self.state = "closed"
    return { type = "websocket.disconnect", code = 1001, reason = "" }
end

--- What came of a WebSocket: `taken` unless the application has ended without
--- having answered it.
function M.call(app, state, path, seconds)
    local self = setmetatable({
        problems = {}, state = "asked", received = 0, news = sync.event(),
        ended = sync.event(), judged = sync.event(),
    }, Socket)
    local of_http = runs.new_scope(state, { type = "websocket", scheme = "ws", path = path })

    of_http.method, of_http.subprotocols = nil, { "lasgi" }
    of_http.extensions = { ["websocket.http.response"] = {} }
    local job = driver.start(function()
        self.ended:set()
    end, app, of_http, function()
        return self:receive()
    end, function(message)
        return self:send(message)
    end)
    if not scope.move_on(seconds, self.ended.wait, self.ended) or self.is_parked then
        self.problems.websocket_ends_with_the_client = "it has not ended though the client has gone"
    end
    job:stop(self)
    if not self.taken then -- an application that knows HTTP only sends its messages
        self.problems = {}
    end
    return self
end

return M
