-- templates.lua - pages out of files with {{ name }} in them.
--
-- An expression is a name, possibly with dots, a number or a string literal;
-- what it gives is escaped for HTML.

local config = require "atlas.config"
local core = require "atlas.application.core"
local response = require "atlas.response"

local concat, escape = table.concat, core.escape
local error, ipairs, tostring, type = error, ipairs, tostring, type

--- Pages out of files. `{{ name }}` in a file stands for what the context calls
--- so, escaped for HTML; `{{ user.name }}` looks into tables, and what is missing
--- is empty. Numbers and strings in quotes stand for themselves. A file is read
--- once.
---@class atlas.templates
local M = {}

-- The value of "user.name" in the context, nil where a part is missing.
local function look_up(context, path)
    local value = context

    for key in path:gmatch "[^.]+" do
        if type(value) ~= "table" and type(value) ~= "userdata" then
            return nil
        end
        value = value[key]
    end
    return value
end

-- Nothing for nil; a number without a fraction looks the same on both VMs.
local function to_text(value)
    if value == nil then
        return ""
    elseif type(value) == "number" and value % 1 == 0 and value > -1e15 and value < 1e15 then
        return ("%d"):format(value)
    end
    return escape(tostring(value))
end

local function compile_expression(text, where)
    local literal = text:match '^"([^"]*)"$' or text:match "^'([^']*)'$"

    if literal or text:match "^%d+$" or text:match "^%d+%.%d+$" then
        return escape(literal or text)
    elseif not text:match "^[%a_][%w_]*$" and not text:match "^[%a_][%w_.]*[%w_]$" then
        local message = "%s: '{{ %s }}': a name, a number or a string expected"
        error(message:format(where(), text), 0)
    end
    return function(context)
        return to_text(look_up(context, text))
    end
end

-- A list of strings and functions of the context.
local function compile(source, name)
    local parts, at = {}, 1

    while true do
        local first, last, text = source:find("{{%s*(.-)%s*}}", at)
        if not first then
            break
        end
        parts[#parts + 1] = source:sub(at, first - 1)
        parts[#parts + 1] = compile_expression(text, function()
            local _, lines = source:sub(1, first):gsub("\n", "")
            return name .. ":" .. lines + 1
        end)
        at = last + 1
    end
    parts[#parts + 1] = source:sub(at)
    return parts
end

local function render(parts, context)
    local out = {}

    for i, part in ipairs(parts) do
        out[i] = type(part) == "string" and part or part(context)
    end
    return concat(out)
end

local function is_safe(name)
    return name ~= "" and name:sub(1, 1) ~= "/" and not ("/" .. name .. "/"):find("/../", 1, true)
        and not name:find("\0", 1, true)
end

local function load_template(name)
    if type(name) ~= "string" or not is_safe(name) then
        error(("template '%s': a path below a template directory expected"):format(name), 3)
    end
    for _, dir in ipairs(config.template_dirs) do
        local file = io.open(dir .. "/" .. name, "rb")
        if file then
            local source = file:read "*a"
            file:close()
            if source then
                return compile(source, name)
            end
        end
    end
    local dirs = concat(config.template_dirs, ", ")
    error(("Template not found: %s (looked in: %s)"):format(name, dirs), 3)
end

local loaded = {}

--- Fill in a template; the request is `request` in it.
---
--- Raises if there is no such file in any of `template_dirs` (of `atlas.config`),
--- or if an expression in it can't be read.
---@param request atlas.Request
---@param name string  its path below one of the template directories
---@param context table?  what the names in it mean
---@return atlas.Response response  of type text/html
function M.render(request, name, context)
    local parts = loaded[name]
    local values = { request = request }

    if not parts then
        parts = load_template(name)
        loaded[name] = parts
    end
    for key, value in pairs(context or {}) do
        values[key] = value
    end
    return response(render(parts, values))
end

return M
