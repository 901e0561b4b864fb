-- asserts.lua - luassert's assertions, spies, stubs, mocks and matchers as
-- globals; without it, `assert` as it always was, and a word for the rest.

local M = {}

local MISSING = "'%s' is of luassert, which isn't installed for this Lua: "
    .. "apt install lua-luassert, or luarocks install luassert"

local MODULES = {
    assert = "luassert", spy = "luassert.spy", stub = "luassert.stub", mock = "luassert.mock",
    match = "luassert.match",
}

local function is_missing(err)
    return type(err) == "string" and err:find("module 'luassert' not found", 1, true)
end

-- Stands in for `name`: to use it as luassert's is an error that says so.
local function stand_in(name, call)
    return setmetatable({}, {
        __index = function(_, key)
            error(MISSING:format(name .. "." .. tostring(key)), 2)
        end,
        __call = call or function()
            error(MISSING:format(name), 2)
        end,
    })
end

local function set_stand_ins(plain)
    for name in pairs(MODULES) do
        _G[name] = stand_in(name)
    end
    _G.assert = stand_in("assert", function(_, ...)
        return plain(...)
    end)
end

--- Set the globals.
function M.install()
    local plain = assert
    local ok, luassert = pcall(require, "luassert")

    if not ok and not is_missing(luassert) then
        error(luassert, 0)
    elseif not ok then
        set_stand_ins(plain)
        return
    end
    for name, module in pairs(MODULES) do
        _G[name] = require(module)
    end
    M.luassert = luassert
end

--- Remember spies, stubs and parameters: returns a function that restores them.
function M.snapshot()
    if not M.luassert then
        return function() end
    end
    local snapshot = M.luassert:snapshot()

    return function()
        snapshot:revert()
    end
end

return M
