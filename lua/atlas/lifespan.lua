-- lifespan.lua - the server's side of the LASGI lifespan protocol.

local scope = require "atlas.scope"
local task = require "atlas.task"
local log_error = require("atlas.task.core").log_error

local M = {}

-- Which phase a message answers, and whether it says that all went well.
local answers = {
    ["lifespan.startup.complete"] = { "startup", true },
    ["lifespan.startup.failed"] = { "startup", false },
    ["lifespan.shutdown.complete"] = { "shutdown", true },
    ["lifespan.shutdown.failed"] = { "shutdown", false },
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
        self[phase].open = true
        return { type = "lifespan." .. phase }
    end
end

local function sender(self)
    return function(message)
        if type(message) ~= "table" or type(message.type) ~= "string" then
            error("lifespan: a message is a table with a type", 2)
        end
        local answer = answers[message.type]
        if not answer then
            error("lifespan: unknown message type '" .. message.type .. "'", 2)
        end
        local phase = self[answer[1]]
        if not phase.open then
            error(message.type .. ": not allowed now", 2)
        end
        phase.open = false
        if answer[2] then
            phase.answer(true)
        else
            phase.answer(nil, message.message or "no reason given")
        end
        return true
    end
end

-- Before its first receive an application may raise or return: it does without
-- a lifespan.  One that raises later has failed.
local function run(self, app, lifespan_scope)
    local ok, err = xpcall(app, function(e)
        -- Without the frames below the application: they are Atlas's own.
        return (debug.traceback(tostring(e), 2):gsub("\n%s*%[C%]: in function 'xpcall'.*", ""))
    end, lifespan_scope, receiver(self), sender(self))

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

--- Call the application with the lifespan scope, in a task of its own.
--- `state` is what its requests will see.
function M.open(app, state)
    local self = setmetatable({ startup = new_phase(), shutdown = new_phase() }, Lifespan)
    local lifespan_scope = {
        type = "lifespan",
        lasgi = { version = "1.0", spec_version = "1.0" },
        asgi = { version = "3.0", spec_version = "2.0" },
        state = state,
    }

    self.task = task.spawn(run, self, app, lifespan_scope)
    self.task:name("lifespan")
    return self
end

--- Run the application's start-up.
---@return boolean? ok
---@return string? message   why the application has not started
function Lifespan:start()
    self.startup.ask()
    local ok, message = self.startup.wait_answer()
    self.started = ok
    return ok, message
end

--- Run the application's shutdown, for `seconds` at most.
---@return boolean? ok
---@return string? message
function Lifespan:stop(seconds)
    if self.over then
        return true
    end
    self.stopping = true
    self.shutdown.ask()
    local in_time, ok, message = scope.move_on(seconds, self.shutdown.wait_answer)
    self.task:cancel()
    if not in_time then
        return nil, ("no answer within %g s"):format(seconds)
    end
    return ok, message
end

--- The application has not started: end its task.
function Lifespan:abandon()
    self.stopping = true
    self.task:cancel()
end

return M
