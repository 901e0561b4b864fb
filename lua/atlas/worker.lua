-- worker.lua - what a VM of atlas.thread does for a call.  Loaded once per VM by
-- src/bind/rt/worker.c, which takes the two functions that are returned.

require "atlas.thread" -- the classes of what is copied
local errors = require "atlas.errors"

local is_known = {}
local error, pcall, rawget, require = error, pcall, rawget, require
local tostring, type = tostring, type
local package = package

for _, class in ipairs(errors.copied) do
    is_known[class] = true
end

-- The process isn't one thread's to end, while others are at work.
function os.exit() -- luacheck: ignore 122
    error("os.exit cannot be called in a thread", 2)
end

-- The function of that name in that module, called.
local function call(path, cpath, module, name, ...)
    package.path, package.cpath = path, cpath
    local loaded = require(module)

    if type(loaded) ~= "table" then
        error(("module '%s' returns a %s, not a table"):format(module, type(loaded)), 0)
    end
    local fn = loaded[name]
    if fn == nil then
        error(("module '%s' has no function '%s'"):format(module, name), 0)
    end
    return fn(...)
end

local function text_of(err)
    local ok, text = pcall(tostring, err)

    if ok and type(text) == "string" then
        return text
    end
    return ("(an error that is a %s)"):format(type(err))
end

-- An error as it can be copied.  A table with a __tostring of its own becomes an
-- atlas.Error, that it may still be read.
local function convert(err)
    local kind = type(err)
    local class = debug.getmetatable(err)

    if kind ~= "table" then
        if kind == "userdata" or kind == "function" or kind == "thread" then
            return text_of(err)
        end
        -- What `require` says of a module is about that, not about this file.
        return kind == "string" and err:gsub("^<atlas>/worker%.lua:%d+: ", "") or err
    elseif not class or is_known[class] or rawget(class, "__tostring") == nil then
        return err
    end
    local copy = {}
    for key, value in next, err do
        copy[key] = value
    end
    if type(copy.message) ~= "string" then
        copy.message = text_of(err)
    end
    return setmetatable(copy, errors.meta)
end

return call, convert, text_of
