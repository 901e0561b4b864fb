-- insulation.lua - globals and loaded modules, as they were before.

local M = {}

-- What stays loaded: Atlas itself, and what holds state of this process.
local function stays(name)
    return name == "atlas" or name:find "^atlas%." or name == "luv" or name:find "^luassert"
        or name == "say"
end

local function copy(t)
    local copied = {}

    for key, value in next, t do
        copied[key] = value
    end
    return copied
end

local function restore(t, before, keep)
    for key in next, copy(t) do
        if before[key] == nil and not (keep and type(key) == "string" and keep(key)) then
            t[key] = nil
        end
    end
    for key, value in next, before do
        if rawget(t, key) ~= value then
            rawset(t, key, value)
        end
    end
end

--- Returns a function that takes back what has been loaded and set since.
function M.begin()
    local globals, loaded = copy(_G), copy(package.loaded)

    return function()
        restore(_G, globals)
        restore(package.loaded, loaded, stays)
    end
end

return M
