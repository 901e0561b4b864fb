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

--- An error that becomes a response: raised by `atlas.abort`, returned by what
--- reads a request's body.
---@class atlas.HTTPError
---@field status integer  400 to 599
---@field message string  the response's text
---@field headers table?  of the response: name = value
---@field code "EHTTP"
---@field is fun(value: any): boolean  `atlas.HTTPError.is(err)`: is it one?
---@overload fun(status: integer, message?: string, headers?: table): atlas.HTTPError  Make
--- an error, to be raised; its message is by default the status's phrase.
local http_error = { __name = "atlas.HTTPError", __index = { code = "EHTTP" } }

function http_error.__tostring(err)
    return ("%d %s"):format(err.status, err.message)
end

local HTTPError = { meta = http_error, is = is_a(http_error) }

local function new_http_error(_, status, message, headers)
    if type(status) ~= "number" or status % 1 ~= 0 or status < 400 or status > 599 then
        error("HTTPError: a status from 400 to 599 expected", 3)
    end
    if message ~= nil and type(message) ~= "string" then
        error("HTTPError: a message that is a string expected", 3)
    end
    message = message or require("atlas.application.core").phrase(status)
    return setmetatable({ status = status, message = message, headers = headers }, http_error)
end

function HTTPError.new(status, message, headers)
    return new_http_error(HTTPError, status, message, headers)
end

M.HTTPError = setmetatable(HTTPError, { __call = new_http_error })

-- Metatables that a table keeps when it is copied to another thread.
M.copied = { M.meta, http_error }

return M
