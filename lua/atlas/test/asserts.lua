-- asserts.lua - luassert's assertions, spies, stubs, mocks and matchers as
-- globals.  It is loaded when a test first uses more than `assert(value)`;
-- if it isn't installed, that is an error which says so.

local M = {}

local MISSING = "'%s' is of luassert, which isn't installed for this Lua: "
    .. "apt install lua-luassert, or luarocks install luassert"

local MODULES = {
    assert = "luassert", spy = "luassert.spy", stub = "luassert.stub", mock = "luassert.mock",
    match = "luassert.match",
}

local luassert
local levels = {} -- snapshots that will be taken back, the last one first

local function is_missing(err)
    return type(err) == "string" and err:find("module 'luassert' not found", 1, true)
end

-- The module behind a global, `use` being what is asked of it.
local function load(name, use)
    if not luassert then
        local ok, module = pcall(require, "luassert")
        if not ok then
            error(is_missing(module) and MISSING:format(use) or module, 3)
        end
        luassert = module
        for _, level in ipairs(levels) do
            level.snapshot = luassert:snapshot()
        end
    end
    return require(MODULES[name])
end

-- Stands for the module until it is loaded, and behind that.
local function new_global(name, call)
    return setmetatable({}, {
        __index = function(_, key)
            return load(name, name .. "." .. tostring(key))[key]
        end,
        __newindex = function(_, key, value)
            load(name, name .. "." .. tostring(key))[key] = value
        end,
        __call = call or function(_, ...)
            return load(name, name)(...)
        end,
    })
end

--- Set the globals.
function M.install()
    local plain = assert

    for name in pairs(MODULES) do
        _G[name] = new_global(name)
    end
    -- Lua's own, which blames the line that called it on both VMs.
    _G.assert = new_global("assert", function(_, ...)
        local n = select("#", ...)

        if n == 0 or ... then
            return plain(...)
        end
        local message = select(2, ...)
        if n == 1 then
            message = "assertion failed!"
        end
        error(message, type(message) == "string" and 2 or 0)
    end)
end

--- Remember spies, stubs and parameters: returns a function that restores them,
--- and is called before those that were returned earlier.
function M.snapshot()
    local level = { snapshot = luassert and luassert:snapshot() }

    levels[#levels + 1] = level
    return function()
        levels[#levels] = nil
        if level.snapshot then
            level.snapshot:revert()
        end
    end
end

return M
