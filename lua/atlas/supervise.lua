-- supervise.lua - tasks that are started again when they end.

local core = require "atlas.task.core"

local check = core.checks.supervise
local checkpoint, current, sleep, spawn = core.checkpoint, core.current, core.sleep, core.spawn
local log_error, now, random = core.log_error, core.now, core.random
local error, pairs, tostring, type = error, pairs, tostring, type

--- Tasks that are started again when they end.
---@class atlas.supervise
local M = {}

local HEALTHY = 1 -- seconds that a healthy run lasts, if not more

local known = { restart = true, backoff = true, max = true }
local restarts = { always = true, on_error = true }

local function is_seconds(value)
    return type(value) == "number" and value >= 0 and value <= 1e9
end

-- The options with their defaults; raises for the caller of supervise().
local function read_options(options)
    if type(options) ~= "table" then
        error("supervise: options is a table, got " .. type(options), 3)
    end
    for name in pairs(options) do
        if not known[name] then
            error(("supervise: there is no option '%s'"):format(tostring(name)), 3)
        end
    end
    local restart, max = options.restart or "always", options.max or 5
    local backoff = options.backoff or { 0.1, 30 }

    if not restarts[restart] then
        error("supervise: restart is 'always' or 'on_error'", 3)
    end
    if type(backoff) ~= "table" then
        error("supervise: backoff is a table {first, last}, got " .. type(backoff), 3)
    end
    local first, last = backoff[1], backoff[2]
    if not (is_seconds(first) and is_seconds(last) and first <= last) then
        error("supervise: backoff is {first, last}, seconds from 0 to 1e9 in rising order", 3)
    end
    if type(max) ~= "number" or not (max >= 0 and (max % 1 == 0 or max == math.huge)) then
        error("supervise: max is an integer, not negative, or math.huge", 3)
    end
    return { restart = restart, first = first, last = last, max = max }
end

-- Seconds before restart number `n` of a row: from `first`, doubling, to
-- `last`; each drawn from a range, so that tasks that failed together don't
-- come back together.
local function delay(options, n)
    local high = math.min(options.last, options.first * 1.5 * 2 ^ (n - 1))
    local low = math.max(options.first, high / 1.5)

    return low + random() * (high - low)
end

local function log(run, err, what)
    log_error(tostring(current()) .. ", supervised, has failed and " .. what, err, run:traceback())
end

-- What supervise() does in the task that it returns.  Each run is a child of
-- that, so that what a run has spawned is over before the next begins.
local function run_again_and_again(fn, options)
    local failures = 0 -- in a row
    local healthy = math.max(options.last, HEALTHY)

    while true do
        local began = now()
        local run = spawn(fn)
        local ok, err = run:pawait()

        if run:status() == "cancelled" then
            current():cancel(err.reason)
            checkpoint()
        elseif ok and options.restart == "on_error" then
            return run:await()
        end
        if ok or now() - began >= healthy then
            failures = 0
        end
        if not ok then
            failures = failures + 1
            if failures > options.max then
                log(run, err, ("is given up after %d restarts"):format(options.max))
                return run:await()
            end
        end
        local seconds = delay(options, math.max(1, failures))
        if not ok then
            log(run, err, ("starts again in %.3g s"):format(seconds))
        end
        sleep(seconds)
    end
end

--- Run `fn` in a task, and start it again when it has ended: "always" (which it
--- is by default), or "on_error". `backoff` (0.1 and 30) are the seconds before a
--- restart: the first behind one failure, doubling with each that follows, up to
--- the second; each is drawn from a range, so that many don't come back together.
--- A run is healthy if it returns, or lasts as long as the longest delay and at
--- least a second: delays then begin anew, and so does the count of restarts, of
--- which there are at most `max` (5) in a row. After them the last error is
--- raised in whoever awaits the task. The errors of all runs are logged.
---
--- The task is a child of the one around it, as one of `spawn` is: that ends
--- after it, and when that is cancelled, it is too. One that is to outlive it:
--- `atlas.detach(function() atlas.supervise(fn) end)`. To cancel the task ends
--- the run without a restart, and so does a run that cancels its own task.
---
--- Raises if no task is running, and Cancelled in a scope that was cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local attempts = 0
--- local task = atlas.supervise(function()
---     attempts = attempts + 1
---     assert(attempts == 3, "not yet")
---     return "done"
--- end, { restart = "on_error", backoff = { 0.01, 0.1 } })
--- print(task:await(), attempts)
--- ```
--- ```text
--- done	3
--- 2026-11-23T10:11:12.345Z ERROR atlas: task 2, supervised, has failed and starts again in ≈0.0123 s: example.lua:6: not yet
--- …
--- 2026-11-23T10:11:12.367Z ERROR atlas: task 2, supervised, has failed and starts again in ≈0.0234 s: example.lua:6: not yet
--- …
--- ```
---@param fn fun(): ...
---@param options { restart?: "always"|"on_error", backoff?: number[], max?: number }?
---@return atlas.Task task  with "on_error" its results are those of `fn`
function M.supervise(fn, options)
    check(fn)
    return spawn(run_again_and_again, fn, read_options(options or {}))
end

return M
