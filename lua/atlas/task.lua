-- task.lua - tasks: code that waits and reads like code that doesn't.
-- The mechanism is in C (src/bind/rt/task.c); here is what calls functions of
-- the user, which C could not be suspended in.

local core = require "atlas.task.core"
local errors = require "atlas.errors"

local callback = core.callback
local check_await, check_suspend = core.checks.await, core.checks.suspend
local pcall, select, error = pcall, select, error
local unpack = table.unpack or unpack

--- Tasks: code that waits and reads like code that doesn't.
---@class atlas.task
local M = {}

for _, name in ipairs {
    "callback", "checkpoint", "current", "detach", "dump", "now", "sleep", "spawn",
} do
    M[name] = core[name]
end

M.Cancelled = errors.Cancelled
M.TaskCancelled = errors.TaskCancelled

local function finish(canceller, ok, ...)
    if ok then
        return ...
    end
    -- The wait is over because the task was cancelled: withdraw the
    -- operation, so that it doesn't run on for nobody.
    if canceller then
        canceller()
    end
    return error((...), 0)
end

--- Suspend the task until `resume` is called; the one primitive under every
--- wait. `fn` starts the operation and may return a function that withdraws
--- it, which is called when the task is cancelled meanwhile.
---
--- Raises Cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- print(atlas.suspend(function(resume)
---     resume("at once", 1)
--- end))
--- ```
--- ```text
--- at once	1
--- ```
---@async
---@param fn fun(resume: fun(...)): fun()?
---@return any ...  what `resume` was called with
function M.suspend(fn)
    check_suspend(fn)
    local resume, wait = callback()
    local canceller = fn(resume)

    return finish(canceller, pcall(wait))
end

local function err_first(err, ...)
    if err ~= nil then
        return nil, err
    end
    return ...
end

-- fn(..., callback) for any number of arguments.
local function call_with(fn, resume, n, a, b, c, ...)
    if n == 0 then
        return fn(resume)
    elseif n == 1 then
        return fn(a, resume)
    elseif n == 2 then
        return fn(a, b, resume)
    elseif n == 3 then
        return fn(a, b, c, resume)
    end
    local args = { a, b, c, ... }
    args[n + 1] = resume
    return fn(unpack(args, 1, n + 1))
end

--- Call a function that takes a `callback(err, ...)` as its last argument, and
--- wait for that call.
---
--- Raises Cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local function double(n, callback)
---     if type(n) ~= "number" then return callback "no number" end
---     callback(nil, 2 * n)
--- end
--- print(atlas.await(double, 21))
--- print(atlas.await(double, "x"))
--- ```
--- ```text
--- 42
--- nil	no number
--- ```
---@async
---@param fn fun(...)
---@param ... any  the arguments before the callback
---@return any ...  what follows `err`, or nil, err
function M.await(fn, ...)
    check_await(fn)
    local resume, wait = callback()

    call_with(fn, resume, select("#", ...), ...)
    return err_first(wait())
end

return M
