-- text.lua - tostring, print and pairs: metamethods that wait, or exist at all.

local argument = require "atlas.patch.argument"

local getmetatable, rawget, select, type = debug.getmetatable, rawget, select, type
local error = error
local original_tostring, original_pairs, original_print = tostring, pairs, print
local unpack = table.unpack or unpack

local M = {}

-- Can Lua's own call be suspended inside the metamethod?
local function can_wait_in_tostring()
    local object = setmetatable({}, {
        __tostring = function()
            coroutine.yield()
            return ""
        end,
    })
    return coroutine.resume(coroutine.create(original_tostring), object)
end

local function find_tostring(value)
    local meta = getmetatable(value)

    return meta and rawget(meta, "__tostring")
end

local function convert(value, convert_it, level)
    local result = convert_it(value)
    local kind = type(result)

    if kind == "string" then
        return result
    elseif kind == "number" then
        return original_tostring(result)
    end
    error("'__tostring' must return a string", level)
end

if not can_wait_in_tostring() then
    function M.tostring(...)
        local value = ...
        local convert_it = find_tostring(value)

        if convert_it then
            return (convert(value, convert_it, 3))
        elseif value == nil and select("#", ...) == 0 then
            argument.error(1, "tostring", "value expected")
        end
        return original_tostring(value)
    end
end

-- Lua's own calls the metamethods from C: they are called before that.
function M.print(...)
    local n = select("#", ...)

    for i = 1, n do
        if find_tostring((select(i, ...))) then
            local values = { ... }
            for k = i, n do
                values[k] = tostring(values[k])
            end
            return original_print(unpack(values, 1, n))
        end
    end
    return original_print(...)
end

-- LuaJIT is built without the 5.2 behaviour of pairs: scopes and other lazy
-- objects could not be copied with it.
local function honours_pairs()
    local object = setmetatable({}, {
        __pairs = function()
            return nil, true
        end,
    })
    local _, state = original_pairs(object)
    return state == true
end

if not honours_pairs() then
    function M.pairs(t)
        local meta = getmetatable(t)
        local iterate = meta and meta.__pairs

        if iterate then
            return iterate(t)
        end
        return original_pairs(t)
    end
end

return M
