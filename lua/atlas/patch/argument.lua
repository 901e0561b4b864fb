-- argument.lua - errors about arguments, worded as Lua's own are and blamed on
-- the line that called the patched function: on whoever called the function
-- that calls these, or, with `depth`, so many calls further out.

local error, getmetatable, rawget, type = error, debug.getmetatable, rawget, type

local M = {}

function M.error(n, name, text, depth)
    error(("bad argument #%d to '%s' (%s)"):format(n, name, text), 3 + (depth or 0))
end

local function type_name(value)
    local meta = getmetatable(value)
    local name = meta and rawget(meta, "__name")

    return type(name) == "string" and name or type(value)
end

function M.type_error(n, name, expected, value, depth)
    local text = ("%s expected, got %s"):format(expected, type_name(value))

    error(("bad argument #%d to '%s' (%s)"):format(n, name, text), 3 + (depth or 0))
end

return M
