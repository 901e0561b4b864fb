-- thread_work.lua - what thread_test.lua has done in other threads.
-- SPDX-License-Identifier: MIT

local M = { not_a_function = 42 }

local calls = 0

function M.id(...)
    return ...
end

function M.count()
    calls = calls + 1
    return calls
end

function M.number(value)
    return tostring(value), math.type and math.type(value) or "number"
end

function M.describe(value)
    return type(value), value == require("atlas.json").null
end

function M.error(value)
    error(value, 0)
end

local function inner(text)
    error(text)
end

function M.deep_error(text)
    inner(text)
    return 1
end

function M.wait(name, ...)
    local atlas = require "atlas"
    atlas[name](...)
    return 1
end

-- Until there is a file of that name, which it then removes.
function M.until_file(name, value)
    while true do
        local file = io.open(name)
        if file then
            file:close()
            return value
        end
    end
end

function M.touch(name, mode)
    local file = assert(io.open(name, mode or "w"))

    file:write "x"
    file:close()
    return true
end

function M.object_error()
    local class = { __tostring = function(self)
        return "code " .. self.number
    end }

    error(setmetatable({ number = 7 }, class))
end

function M.worst_error()
    error(setmetatable({}, { __tostring = function()
        error "no text either"
    end }))
end

function M.error_with_function()
    error { message = "it holds a function", fn = print }
end

function M.atlas_error()
    return require("atlas.json").decode "{"
end

function M.abort()
    require("atlas").abort(404, "no such thing")
end

function M.make(size)
    return ("x"):rep(2 ^ 10):rep(size / 2 ^ 10)
end

function M.nest(depth)
    local t = {}

    for _ = 2, depth do
        t = { t }
    end
    return t
end

function M.many(n)
    local list = {}

    for i = 1, n do
        list[i] = i
    end
    return (table.unpack or unpack)(list, 1, n)
end

function M.results_with_function()
    return 1, { inner = { print } }
end

function M.overflow()
    local function f()
        return 1 + f()
    end
    return f()
end

local kept = {}

function M.keep(megabytes)
    local block = ("x"):rep(2 ^ 10)

    for i = 1, megabytes do
        kept[#kept + 1] = block:rep(2 ^ 10) .. i
    end
    return #kept
end

function M.collect(n)
    local sum = 0

    for i = 1, n do
        local t = setmetatable({ i }, { __gc = function() end })
        collectgarbage "step"
        sum = sum + t[1]
    end
    return sum
end

function M.path()
    return package.path, package.cpath
end

function M.log(text)
    local log = require("atlas.logging").get_logger "thread_work"

    log:info(text, { a = 1 })
    return require("atlas.logging").request_id()
end

function M.exit()
    os.exit(3)
end

function M.coroutines(n)
    local step = coroutine.wrap(function()
        for i = 1, n do
            coroutine.yield(i)
        end
    end)
    local sum = 0

    for i in step do
        sum = sum + i
    end
    return sum
end

function M.modules()
    local json = require "atlas.json"
    local text = json.encode { a = json.array(), b = { 1, json.null } }

    return text, json.encode(json.decode(text))
end

return M
