-- errors.lua - the classes of errors that Atlas returns and raises.

local M = {}

local function is_a(meta)
    return function(value)
        return getmetatable(value) == meta
    end
end

--- What `nil, err` carries: what the world did. `tostring(err)` is its
--- message, and `assert(f())` raises it.
---@class atlas.Error
---@field code string  a stable name such as "ECONNRESET" or "ECLOSED"
---@field message string  one line for people
M.meta = {
    __name = "atlas.Error",
    __tostring = function(err)
        return err.message
    end,
}

-- A class of errors with `code` and `reason`, told apart by their metatable.
local function class(name, code, text)
    local meta = { __name = name }

    meta.__index = { code = code, message = text }

    function meta.__tostring(err)
        if err.reason ~= nil then
            return text .. ": " .. tostring(err.reason)
        end
        return text
    end

    return {
        code = code,
        meta = meta,
        is = is_a(meta),
        new = function(reason)
            return setmetatable({ reason = reason }, meta)
        end,
    }
end

--- Raised at each checkpoint in a scope that was cancelled. Who catches it
--- puts things in order and raises it again.
---@class atlas.Cancelled
---@field code "ECANCELED"
---@field message string
---@field reason any?  what was given to `cancel`
---@field is fun(value: any): boolean  `atlas.Cancelled.is(err)`: is it one?
M.Cancelled = class("atlas.Cancelled", "ECANCELED", "cancelled")

--- Raised by `task:await` when the task that is awaited was cancelled: not the
--- one that awaits it.
---@class atlas.TaskCancelled
---@field code "ETASKCANCELED"
---@field message string
---@field reason any?  what was given to `cancel`
---@field is fun(value: any): boolean  `atlas.TaskCancelled.is(err)`: is it one?
M.TaskCancelled = class("atlas.TaskCancelled", "ETASKCANCELED", "the awaited task was cancelled")

--- Raised by the `atlas.timeout` whose deadline has passed; `atlas.move_on`
--- returns it.
---@class atlas.Timeout
---@field code "ETIMEDOUT"
---@field message string
---@field scope { seconds: number }  which timeout it was
---@field is fun(value: any): boolean  `atlas.Timeout.is(err)`: is it one?
M.Timeout = class("atlas.Timeout", "ETIMEDOUT", "timed out")

function M.Timeout.new(scope)
    return setmetatable({ scope = scope }, M.Timeout.meta)
end

function M.Timeout.meta.__tostring(err)
    return ("timed out after %g s"):format(err.scope.seconds)
end

return M
