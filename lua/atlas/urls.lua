-- urls.lua - from a route's name to its path.

local core = require "atlas.application.core"

local error, ipairs, pairs, pcall = error, ipairs, pairs, pcall
local tostring, type = tostring, type

local M = {}

-- The format functions of registered converters, by name.
M.formats = {}

-- A number without a fraction looks the same on both VMs.
local function to_text(value)
    if type(value) == "number" and value % 1 == 0 and value > -1e15 and value < 1e15 then
        return ("%d"):format(value)
    end
    return tostring(value)
end

local function param_text(converter, name, value)
    local format = M.formats[converter]

    if value == nil then
        error(("url_for: parameter '%s' is missing"):format(name), 0)
    elseif not format then
        return to_text(value)
    end
    local text = format(value)
    if type(text) ~= "string" then
        local message = "url_for: converter '%s' formats '%s' as a %s, not a string"
        error(message:format(converter, name, type(text)), 0)
    end
    return text
end

-- The path of `pattern` with the values of `params`, which are ticked off.
local function fill(pattern, params, used)
    local names, converters = core.params(pattern)
    local values = {}

    for i, name in ipairs(names) do
        values[i] = param_text(converters[i], name, params[name])
        used[name] = true
    end
    local path, message = core.format(pattern, values)
    if not path then
        error("url_for: " .. message, 0)
    end
    return path
end

-- The patterns that lead to the route, outermost first.
local function find_named(app, name)
    local route = app.names[name]

    if route then
        return { route.path }
    end
    for _, inner in ipairs(app.mounts) do
        local patterns = inner.app and find_named(inner.app, name)
        if patterns then
            table.insert(patterns, 1, inner.path)
            return patterns
        end
    end
end

-- A list stands for a name that comes several times.
local function add_pairs(list, name, value)
    if type(value) ~= "table" then
        list[#list + 1] = core.query_pair(name, to_text(value))
        return
    end
    for _, one in ipairs(value) do
        list[#list + 1] = core.query_pair(name, to_text(one))
    end
end

local function to_query(params, used)
    local names, list = {}, {}

    for name in pairs(params) do
        if type(name) ~= "string" then
            error("url_for: parameters by name expected, got " .. tostring(name), 0)
        elseif not used[name] then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    for _, name in ipairs(names) do
        add_pairs(list, name, params[name])
    end
    return #list > 0 and "?" .. table.concat(list, "&") or ""
end

local function make(app, name, params)
    local patterns = find_named(app, name)
    local used, path = {}, ""

    if not patterns then
        error(("url_for: there is no route called '%s'"):format(tostring(name)), 0)
    end
    for _, pattern in ipairs(patterns) do
        path = path:gsub("/$", "") .. fill(pattern, params, used)
    end
    return path .. to_query(params, used)
end

--- The path of a named route of `app`; raises at `level` if there is none.
---@param app atlas.Application
---@param name string
---@param params table?
---@param level integer
---@return string
function M.make(app, name, params, level)
    local ok, path = pcall(make, app, name, params or {})

    if not ok then
        error(path, level + 1)
    end
    return path
end

return M
