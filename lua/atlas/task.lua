-- task.lua - tasks: code that waits and reads like code that doesn't.
-- The mechanism is in C (src/bind/rt/task.c); here is what calls functions of
-- the user, which C could not be suspended in.

local core = require "atlas.task.core"
local errors = require "atlas.errors"

local callback, checkpoint, now, sleep = core.callback, core.checkpoint, core.now, core.sleep
local checks = core.checks
local check_await, check_suspend = checks.await, checks.suspend
local check_wrapped = checks["wrapped function"]
local error, pairs, pcall, select, type, xpcall = error, pairs, pcall, select, type, xpcall
local floor, max = math.floor, math.max
local pack = table.pack or function(...)
    return { n = select("#", ...), ... }
end
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

local function withdraw(canceller)
    local ok, err = xpcall(canceller, core.on_error)

    if not ok then -- Cancelled is what the task has to hear of
        core.log_error("error in a function that withdraws an operation", err)
    end
end

local function finish(canceller, ok, ...)
    if ok then
        return ...
    end
    -- The wait is over because the task was cancelled: withdraw the
    -- operation, so that it doesn't run on for nobody.
    if canceller then
        withdraw(canceller)
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

-- What `fn` has returned: nil and an error if it has started nothing.
local function wait_for(wait, first, err, ...)
    if first == nil and err ~= nil then
        return nil, err, ...
    end
    return err_first(wait())
end

--- Call a function that takes a `callback(err, ...)` as its last argument, and
--- wait for that call. If `fn` returns nil and an error, it has started nothing
--- and will never call back: these are returned. What a cancelled task has
--- started goes on; `wrap` has an option that withdraws it.
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

    return wait_for(wait, call_with(fn, resume, select("#", ...), ...))
end

-- fn(...) with the callback as argument number `at`; behind the others: last.
local function call_at(fn, resume, at, ...)
    local n = select("#", ...)

    if at == nil then
        return call_with(fn, resume, n, ...)
    end
    local args = { ... }
    for i = n, at, -1 do
        args[i + 1] = args[i]
    end
    args[at] = resume
    return fn(unpack(args, 1, at > n and at or n + 1))
end

local function raw(...)
    return ...
end

local styles = { err_first = err_first, raw = raw }
local wrap_options = { style = true, at = true, cancel = true }

local function check_wrap(options)
    if type(options) ~= "table" then
        error("wrap: options is a table, got " .. type(options), 3)
    end
    for name in pairs(options) do
        if not wrap_options[name] then
            error(("wrap: there is no option '%s'"):format(tostring(name)), 3)
        end
    end
    local at, cancel = options.at, options.cancel
    if options.style ~= nil and not styles[options.style] then
        error("wrap: style is 'err_first' or 'raw'", 3)
    end
    if at ~= nil and not (type(at) == "number" and at >= 1 and at <= 250 and at % 1 == 0) then
        error("wrap: at is the number of an argument, an integer from 1 to 250", 3)
    end
    if cancel ~= nil and type(cancel) ~= "function" then
        error("wrap: cancel is a function, got " .. type(cancel), 3)
    end
end

--- Make a function that waits of one that takes a callback: as its last
--- argument, or as its argument number `at`. With the style "err_first" (which
--- it is by default) that is a `callback(err, ...)`, and the new function
--- returns what follows `err`, or nil, err; with "raw" it returns exactly what
--- the callback was called with. When the task is cancelled meanwhile, `cancel`
--- is called with what `fn` has returned, a handle, to withdraw the operation.
--- If `fn` returns nil and an error, it has started nothing and will never call
--- back: the new function returns the two.
---
--- The new function raises Cancelled, and what `fn` raises.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local function later(callback, text)
---     atlas.detach(function()
---         atlas.sleep(0.01)
---         callback(nil, text .. "!")
---     end)
--- end
--- local shout = atlas.wrap(later, { at = 1 })
--- print(shout "hello")
--- ```
--- ```text
--- hello!
--- ```
---@param fn fun(...): ...
---@param options { style?: "err_first"|"raw", at?: integer, cancel?: fun(...) }?
---@return fun(...): ... wrapped
function M.wrap(fn, options)
    checks.wrap(fn)
    options = options or {}
    check_wrap(options)
    local shape, at, cancel = styles[options.style or "err_first"], options.at, options.cancel

    return function(...)
        check_wrapped(fn)
        local resume, wait = callback()
        local started = pack(call_at(fn, resume, at, ...))

        if started[1] == nil and started[2] ~= nil then
            return unpack(started, 1, started.n)
        end
        local canceller = cancel and function()
            cancel(unpack(started, 1, started.n))
        end
        return shape(finish(canceller, pcall(wait)))
    end
end

--- For a loop that does something each `seconds` seconds, the first time after
--- that long. Its value is the number of the tick: tick `n` is due `n * seconds`
--- after the call, so that ticks don't drift. After a body that took longer, the
--- last tick that it has missed comes at once, and those before it never do:
--- the number tells how many.
---
--- Each step raises Cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- for n in atlas.interval(0.01) do
---     print("tick", n)
---     if n == 2 then break end
--- end
--- ```
--- ```text
--- tick	1
--- tick	2
--- ```
---@param seconds number  0.0001 to 1e9
---@return fun(): integer step
function M.interval(seconds)
    checks.interval(seconds)
    local start, last = now(), 0

    return function()
        local due, time = last + 1, now()
        local passed = floor((time - start) / seconds)

        if passed < due then
            last = due
            sleep(max(0, start + due * seconds - time))
        else
            last = passed
            checkpoint()
        end
        return last
    end
end

return M
