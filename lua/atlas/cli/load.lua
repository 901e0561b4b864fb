-- load.lua - the application that a command is told: MODULE:ATTR.

local M = {}

-- Where a module's file is, or nil and a message for people.
local function find(name)
    if package.preload[name] or package.loaded[name] then
        return true
    end
    local path = package.searchpath(name, package.path)
    if path then
        return path
    end
    if package.searchpath(name, package.cpath) then
        return true
    end
    local where = name:gsub("%.", "/")
    local text = "module '%s' not found: no ./%s.lua, no ./%s/init.lua, nor on LUA_PATH"
    return nil, text:format(name, where, where)
end

local function traceback(err)
    local text = tostring(err)
    local syntax = text:match("^error loading module '[^']*' from file '[^']*':%s*(.*)")

    if syntax then
        return syntax
    end
    -- The stack that the module had, which require() has left by now.
    local trace = require("atlas.application.core").report(err):sub(#text + 1)
    if text:match "^[^\n]*module '[^']*' not found:" then
        text = text:match "^[^\n]*"
    end
    text = (text .. trace):gsub("\n%s*%[C%]: in function 'xpcall'.*", "")
    text = text:gsub("\n%s*<atlas>/[^\n]*", "") -- a route that can't be: where it was asked for
    return (text:gsub("\n%s*%[C%]: at 0x%x+", ""):gsub("\n%s*%[C%]: in function 'require'", ""))
end

--- require(name), or nil and a message: one line where it says all there is to
--- say, with a traceback where the user's code has failed.
function M.module(name)
    local path, message = find(name)

    if not path then
        return nil, message
    end
    if path ~= true then
        local chunk, syntax = loadfile(path)
        if not chunk then
            return nil, syntax
        end
    end
    local ok, result = xpcall(require, traceback, name)
    if not ok then
        return nil, result
    end
    return result
end

local function is_callable(value)
    if type(value) == "function" then
        return true
    end
    local meta = debug.getmetatable(value)
    return meta ~= nil and type(meta.__call) == "function"
end

--- What MODULE:ATTR names, something that can be called; or nil and a message.
function M.app(target)
    local name, attribute = target:match "^([^:]+):?(.*)$"

    if not name then
        return nil, ("'%s' is not MODULE:ATTR"):format(target)
    end
    attribute = attribute ~= "" and attribute or "app"
    local value, message = M.module(name)
    if message then
        return nil, message
    end
    if type(value) ~= "table" then
        local text = "module '%s' returns a %s, not a table with '%s'"
        return nil, text:format(name, type(value), attribute)
    end
    local app = value[attribute]
    if app == nil then
        return nil, ("module '%s' has no '%s'"):format(name, attribute)
    end
    if not is_callable(app) then
        return nil, ("'%s' is a %s, which cannot be called"):format(target, type(app))
    end
    return app
end

return M
