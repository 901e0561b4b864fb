-- lifespan.lua - the server's side of the LASGI lifespan protocol.

local task = require "atlas.task"
local log_error = require("atlas.task.core").log_error

local M = {}

local answers = {
    ["lifespan.startup.complete"] = "startup",
    ["lifespan.startup.failed"] = "startup",
    ["lifespan.shutdown.complete"] = "shutdown",
    ["lifespan.shutdown.failed"] = "shutdown",
}

local Lifespan = {}
Lifespan.__index = Lifespan

-- One phase: an event that is sent to the application, and its answer.
local function new_phase()
    local asked, wait_asked = task.callback()
    local answered, wait_answer = task.callback()

    return { ask = asked, wait_asked = wait_asked, answer = answered, wait_answer = wait_answer }
end

local function receiver(self)
    local order = { "startup", "shutdown" }
    local next_event = 1

    return function()
        local phase = order[next_event]

        self.received = true
        if not phase then
            return task.suspend(function() end) -- there is nothing more to come
        end
        next_event = next_event + 1
        self[phase].wait_asked()
        return { type = "lifespan." .. phase }
    end
end

local function sender(self)
    return function(message)
        if type(message) ~= "table" or type(message.type) ~= "string" then
            error("lifespan: a message is a table with a type", 2)
        end
        local phase = answers[message.type]
        if not phase then
            error("lifespan: unknown message type '" .. message.type .. "'", 2)
        end
        if message.type:find("failed", 1, true) then
            self[phase].answer(nil, message.message or "no reason given")
        else
            self[phase].answer(true)
        end
        return true
    end
end

-- Before its first receive an application may raise or return: it does without
-- a lifespan.  One that raises later has failed.
local function run(self, app, scope)
    local ok, err = xpcall(app, function(e)
        return debug.traceback(tostring(e), 2)
    end, scope, receiver(self), sender(self))

    self.over = true
    if self.received and not ok then
        if self.started and not self.stopping then
            log_error("the application's lifespan has failed", err)
        end
        self.startup.answer(nil, err)
        self.shutdown.answer(nil, err)
    end
    self.startup.answer(true)
    self.shutdown.answer(true)
end

--- Run the application's start-up.  `state` is what its requests will see.
---@return table? lifespan   to be passed to stop()
---@return string? message   why the application has not started
function M.start(app, state)
    local self = setmetatable({ startup = new_phase(), shutdown = new_phase() }, Lifespan)
    local scope = {
        type = "lifespan",
        lasgi = { version = "1.0", spec_version = "1.0" },
        asgi = { version = "3.0", spec_version = "2.0" },
        state = state,
    }

    self.task = task.spawn(run, self, app, scope)
    self.task:name("lifespan")
    self.startup.ask()
    local ok, message = self.startup.wait_answer()
    if not ok then
        self.task:cancel()
        return nil, message
    end
    self.started = true
    return self
end

--- Run the application's shutdown.
---@return boolean? ok
---@return string? message
function Lifespan:stop()
    if self.over then
        return true
    end
    self.stopping = true
    self.shutdown.ask()
    local ok, message = self.shutdown.wait_answer()
    self.task:cancel()
    return ok, message
end

return M
