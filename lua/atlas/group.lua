-- group.lua - tasks that end together: groups, all, race, map.

local core = require "atlas.group.core"
local scope = require "atlas.scope.core"
local errors = require "atlas.errors"

local is_cancelled = errors.Cancelled.is
local checks = core.checks
local error, type, xpcall = error, type, xpcall

--- Tasks that end together.
---@class atlas.group
local M = {}

--- Raised from a group of which several tasks have failed, when the first
--- error isn't a table that could carry the others.
---@class atlas.GroupError
---@field message string  of the first error
---@field error any  the first error
---@field suppressed any[]  the others, in the order in which they were raised
local Failure = {
    __name = "atlas.GroupError",
    __tostring = function(err)
        return err.message
    end,
}

local function raise(failures)
    local first, trace = failures[1][1], failures[1][2]

    if #failures > 1 then
        if type(first) ~= "table" then
            first = setmetatable({ message = tostring(first), error = first }, Failure)
        end
        local suppressed = {}
        for i = 2, #failures do
            suppressed[i - 1] = failures[i][1]
        end
        first.suppressed = suppressed
    end
    scope.inherit(first, trace)
    return error(first, 0)
end

local function leave(g, ok, ...)
    local failed_before = not ok and not is_cancelled((...)) and core.fail(g)

    if not ok and is_cancelled((...)) then
        g:cancel()
    end
    core.join(g)
    local failures, cancelled = core.close(g)
    if not ok and not is_cancelled((...)) then
        table.insert(failures, failed_before and #failures + 1 or 1, { (...) })
    end
    if #failures > 0 then
        return raise(failures)
    end
    scope.raise_if_cancelled()
    if ok then
        return ...
    end
    if not cancelled then
        return error((...), 0)
    end
end

-- options.limit of the function `name`, or nil; raises for its caller.
local function get_limit(name, options)
    if options == nil then
        return nil
    elseif type(options) ~= "table" then
        error(("%s: options is a table, got %s"):format(name, type(options)), 3)
    end
    local limit = options.limit
    if limit ~= nil and not (type(limit) == "number" and limit >= 1 and limit % 1 == 0) then
        error(("%s: limit is an integer, at least 1"):format(name), 3)
    end
    return limit
end

--- Call `fn` with a group; return when it and all tasks of the group have
--- ended. With `limit` no more than so many of them run at a time. An error in
--- one cancels the others; with `on_error = "collect"` the others go on first.
---
--- Raises the first error, with further ones in its `suppressed`; Cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- atlas.group(function(g)
---     for i = 3, 1, -1 do
---         g:spawn(function() atlas.sleep(i / 100) print(i) end)
---     end
--- end)
--- print "all have ended"
--- ```
--- ```text
--- 1
--- 2
--- 3
--- all have ended
--- ```
---@async
---@param fn fun(g: atlas.Group): ...
---@param options { limit?: integer, on_error?: "cancel"|"collect" }?
---@return any ...  what `fn` returns; nothing if the group was cancelled
function M.group(fn, options)
    checks.group(fn)
    local limit = get_limit("group", options) or 0
    local on_error = options and options.on_error or "cancel"

    if on_error ~= "cancel" and on_error ~= "collect" then
        error("group: on_error is 'cancel' or 'collect'", 2)
    end
    local g = core.open(limit, on_error == "collect")

    return leave(g, xpcall(fn, scope.keep_trace, g))
end

--- Call each function in a task of its own, all at the same time.
---
--- Raises the first error, once the others have been cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local results = atlas.all {
---     function() atlas.sleep(0.02) return "slow" end,
---     function() return "quick" end,
--- }
--- print(results[1], results[2])
--- ```
--- ```text
--- slow	quick
--- ```
---@async
---@param fns function[]
---@return any[] results  the first result of each, in the order of the list
function M.all(fns)
    checks.all(fns)
    local results = {}

    M.group(function(g)
        for i = 1, #fns do
            local fn = fns[i]
            g:spawn(function()
                results[i] = fn()
            end)
        end
    end)
    return results
end

--- Call each function in a task of its own; when the first has ended, cancel
--- the others.
---
--- Raises the error of the first, if that is how it has ended.
---
--- ```lua
--- local atlas = require "atlas"
---
--- print(atlas.race {
---     function() atlas.sleep(60) return "slow" end,
---     function() return "quick" end,
--- })
--- ```
--- ```text
--- 2	quick
--- ```
---@async
---@param fns function[]  at least one
---@return integer index  which one was first
---@return any ...  its results
function M.race(fns)
    checks.race(fns)
    if #fns == 0 then
        error("race: at least one function", 2)
    end
    local index_of, first = {}, nil

    M.group(function(g)
        for i = 1, #fns do
            index_of[g:spawn(fns[i])] = i
        end
        first = g:next()
        g:cancel("another was first")
    end)
    return index_of[first], first:await()
end

--- Call `fn` with each item, at the same time; with `limit` no more than so
--- many at a time.
---
--- Raises the first error, once the others have been cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local squares = atlas.map({ 1, 2, 3 }, function(n)
---     atlas.sleep(0.01)
---     return n * n
--- end, { limit = 2 })
--- print(table.concat(squares, " "))
--- ```
--- ```text
--- 1 4 9
--- ```
---@async
---@param list any[]
---@param fn fun(item: any, index: integer): any
---@param options { limit?: integer }?
---@return any[] results  in the order of the list
function M.map(list, fn, options)
    checks.map(list, fn)
    local results, n, next_index = {}, #list, 1
    local workers = get_limit("map", options) or n

    local function work()
        while next_index <= n do
            local i = next_index
            next_index = i + 1
            results[i] = fn(list[i], i)
        end
    end

    M.group(function(g)
        for _ = 1, workers < n and workers or n do
            g:spawn(work)
        end
    end)
    return results
end

return M
