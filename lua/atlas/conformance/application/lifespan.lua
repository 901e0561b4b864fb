-- lifespan.lua - an application's start and stop, as a strict server sees them.

local driver = require "atlas.conformance.application.driver"
local scope = require "atlas.scope"
local sync = require "atlas.sync"
local task = require "atlas.task"

local M = {}

local Lifespan = {}
Lifespan.__index = Lifespan

local ANSWERS = {
    ["lifespan.startup.complete"] = "startup", ["lifespan.startup.failed"] = "startup",
    ["lifespan.shutdown.complete"] = "shutdown", ["lifespan.shutdown.failed"] = "shutdown",
}

local function send(self, message)
    task.sleep(0)
    if type(message) ~= "table" or type(message.type) ~= "string" then
        driver.breach(self, "messages_are_tables", "lifespan: what is sent is no table with a type")
    end
    local phase = ANSWERS[message.type]
    if not phase then
        driver.breach(self, "types_are_known", "lifespan: unknown message type '%s'", message.type)
    elseif self.open ~= phase then
        driver.breach(self, "messages_in_order", "%s: not allowed now", message.type)
    elseif message.message ~= nil and type(message.message) ~= "string" then
        driver.breach(self, "messages_of_failures", "%s: message is a %s", message.type,
            type(message.message))
    end
    self.open = nil
    self.answers[phase] = message
    self.news:set()
    return true
end

local function receive(self)
    self.received = self.received + 1
    if self.received == 1 then
        self.open = "startup"
        return { type = "lifespan.startup", ["x.unknown"] = true }
    end
    self.stopping:wait()
    if self.received == 2 then
        self.open = "shutdown"
        return { type = "lifespan.shutdown", ["x.unknown"] = true }
    end
    return task.suspend(function() end) -- there is nothing more to come
end

-- Wait until an answer has come, or the application has ended.
local function wait_for(self, phase, seconds)
    return scope.move_on(seconds, function()
        while not self.answers[phase] and not self.job.is_over and not self.is_parked do
            self.news:wait()
            self.news:clear()
        end
    end)
end

--- Start `app`; `seconds` for each phase.
function M.start(app, seconds)
    local self = setmetatable({
        state = {}, problems = {}, answers = {}, received = 0, seconds = seconds,
        news = sync.event(), judged = sync.event(), stopping = sync.event(),
    }, Lifespan)

    self.job = driver.start(function()
        self.news:set()
    end, app, {
        type = "lifespan", lasgi = { version = "1.0", spec_version = "1.0" },
        asgi = { version = "3.0", spec_version = "2.0" }, state = self.state,
        ["lasgi.judged"] = true, -- an unknown key, but to the probe
    }, function()
        return receive(self)
    end, function(message)
        return send(self, message)
    end)
    self.started_in_time = wait_for(self, "startup", seconds)
    -- What it has noted so far was before any request.
    self.does_without = self.job.is_over and self.received == 0
    if self.does_without then
        self.problems = {}
    end
    return self
end

--- Stop it.
function Lifespan:stop()
    if not self.job.is_over and not self.is_parked then
        self.is_stopping = true
        self.stopping:set()
        self.stopped_in_time = wait_for(self, "shutdown", self.seconds)
    end
    self.job:stop(self)
end

return M
