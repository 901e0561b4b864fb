-- errors.lua - the classes of errors that Atlas returns and raises.

local M = {}

local function is_a(meta)
    return function(value)
        return getmetatable(value) == meta
    end
end

--- What `nil, err` carries: what the world did.
---@class atlas.Error
---@field code string     a stable name such as "ECONNRESET" or "ECLOSED"
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
        meta = meta,
        is = is_a(meta),
        new = function(reason)
            return setmetatable({ reason = reason }, meta)
        end,
    }
end

--- Raised at each checkpoint of a scope that was cancelled.
---@class atlas.Cancelled
---@field code "ECANCELED"
---@field reason any   what was given to cancel()
M.Cancelled = class("atlas.Cancelled", "ECANCELED", "cancelled")

--- Raised by task:await() when the task that is awaited was cancelled.
---@class atlas.TaskCancelled
---@field code "ETASKCANCELED"
---@field reason any
M.TaskCancelled = class("atlas.TaskCancelled", "ETASKCANCELED", "the awaited task was cancelled")

--- Raised by the timeout() whose deadline has passed; pawait and move_on give
--- it too.
---@class atlas.Timeout
---@field code "ETIMEDOUT"
---@field scope { seconds: number }   which timeout it was
M.Timeout = class("atlas.Timeout", "ETIMEDOUT", "timed out")

function M.Timeout.new(scope)
    return setmetatable({ scope = scope }, M.Timeout.meta)
end

function M.Timeout.meta.__tostring(err)
    return ("timed out after %g s"):format(err.scope.seconds)
end

return M
