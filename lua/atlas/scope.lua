-- scope.lua - deadlines, shields and what is done at a task's end.

local core = require "atlas.scope.core"
local errors = require "atlas.errors"

local leave, keep_trace = core.leave, core.keep_trace
local is_cancelled, new_timeout = errors.Cancelled.is, errors.Timeout.new
local error, select, xpcall = error, select, xpcall
local pack = table.pack or function(...)
    return { n = select("#", ...), ... }
end
local unpack = table.unpack or unpack

--- Deadlines, shields, and what is done at a task's end.
---@class atlas.scope
local M = {}

M.Timeout = errors.Timeout
M.deadline = core.deadline
M.cancelled = core.cancelled

local function leave_timeout(scope, serial, seconds, ok, ...)
    local expired = leave(scope, serial)

    if ok then
        return ...
    end
    local err = ...
    if expired and is_cancelled(err) then
        err = new_timeout { seconds = seconds }
    end
    return error(err, 0)
end

--- Call `fn(...)`; if it takes longer than `seconds`, cancel what it waits for.
--- Deadlines nest, and tasks spawned inside inherit them.
---
--- Raises Timeout if its own deadline has passed, and what `fn` raises.
---
--- ```lua
--- local atlas = require "atlas"
---
--- print(pcall(atlas.timeout, 0.01, atlas.sleep, 1))
--- ```
--- ```text
--- false	timed out after 0.01 s
--- ```
---@async
---@param seconds number  not negative
---@param fn fun(...): ...
---@param ... any  its arguments
---@return any ...  what `fn` returns
function M.timeout(seconds, fn, ...)
    local scope, serial = core.timeout(seconds, fn)

    return leave_timeout(scope, serial, seconds, xpcall(fn, keep_trace, ...))
end

local function leave_move_on(scope, serial, seconds, ok, ...)
    local expired = leave(scope, serial)

    if ok then
        return true, ...
    end
    local err = ...
    if expired and is_cancelled(err) then
        return false, new_timeout { seconds = seconds }
    end
    return error(err, 0)
end

--- As `atlas.timeout`, but returns the Timeout instead of raising it.
---
--- Raises what `fn` raises.
---
--- ```lua
--- local atlas = require "atlas"
---
--- print(atlas.move_on(0.01, atlas.sleep, 60))
--- print(atlas.move_on(60, math.max, 1, 2))
--- ```
--- ```text
--- false	timed out after 0.01 s
--- true	2
--- ```
---@async
---@param seconds number  not negative
---@param fn fun(...): ...
---@param ... any  its arguments
---@return boolean in_time
---@return any ...  what `fn` returns, or the Timeout
function M.move_on(seconds, fn, ...)
    local scope, serial = core.move_on(seconds, fn)

    return leave_move_on(scope, serial, seconds, xpcall(fn, keep_trace, ...))
end

local function leave_shield(scope, serial, ok, ...)
    leave(scope, serial)
    if ok then
        return ...
    end
    return error((...), 0)
end

--- Call `fn(...)` so that being cancelled doesn't reach it, for at most 5 s: to
--- put in order what must be put in order.
---
--- Raises what `fn` raises.
---@async
---@param fn fun(...): ...
---@param ... any  its arguments
---@return any ...  what `fn` returns
function M.shield(fn, ...)
    local scope, serial = core.shield(fn)

    return leave_shield(scope, serial, xpcall(fn, keep_trace, ...))
end

--- Call `fn(...)` when this task (in a handler: this request) ends, whatever
--- its end is: the last deferred first, each shielded. Its error is logged.
---
--- Raises if no task is running.
---
--- ```lua
--- local atlas = require "atlas"
---
--- atlas.spawn(function()
---     atlas.defer(print, "closed")
---     print "open"
--- end):await()
--- ```
--- ```text
--- open
--- closed
--- ```
---@param fn fun(...)
---@param ... any  its arguments
function M.defer(fn, ...)
    if select("#", ...) == 0 then
        core.defer(fn)
        return
    end
    local args = pack(...)
    core.defer(fn, function()
        return fn(unpack(args, 1, args.n))
    end)
end

return M
