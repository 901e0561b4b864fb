-- require_test.lua - modules whose bodies wait, loaded once whoever asks.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Have require("m.NAME") run `body`; forget what was loaded.
local function module(name, body)
    package.loaded["m." .. name] = nil
    package.preload["m." .. name] = body
    return "m." .. name
end

test("a module's body may wait", function()
    local name = module("waits", function(...)
        atlas.sleep(0.001)
        return { args = { ... } }
    end)
    local loaded = require(name)

    eq(loaded.args[1], name)
    eq(require(name), loaded)
    eq(package.loaded[name], loaded)
end)

test("a second task waits for the first", function()
    local loads = 0
    local name = module("once", function()
        loads = loads + 1
        atlas.sleep(0.005)
        return { number = loads }
    end)
    local tasks, first = {}, nil

    for i = 1, 10 do
        tasks[i] = atlas.spawn(require, name)
    end
    for i = 1, 10 do
        local value = tasks[i]:await()
        first = first or value
        eq(value, first)
    end
    eq(loads, 1)
end)

test("a cycle raises and names the modules", function()
    module("a", function()
        require "m.b"
    end)
    module("b", function()
        require "m.c"
    end)
    module("c", function()
        require "m.a"
    end)
    check.has(
        check.raises(require, "m.a"),
        "loop or previous error loading module 'm.a': m.a -> m.b -> m.c -> m.a"
    )
    check.has(check.raises(require, "m.b"), "m.b -> m.c -> m.a -> m.b")
end)

test("a module that requires itself raises", function()
    module("self", function()
        require "m.self"
    end)
    check.has(check.raises(require, "m.self"), "module 'm.self': m.self -> m.self")
end)

test("a cycle between two tasks raises in the one that closes it", function()
    module("x", function()
        atlas.sleep(0.002)
        require "m.y"
        return "x"
    end)
    module("y", function()
        atlas.sleep(0.004)
        local ok, err = pcall(require, "m.x")
        return { ok = ok, err = err }
    end)
    local one, two = atlas.spawn(require, "m.x"), atlas.spawn(require, "m.y")

    eq(one:await(), "x")
    local y = two:await()
    eq(y.ok, false)
    check.has(y.err, "m.x -> m.y -> m.x")
end)

test("after an error whoever waits tries by itself", function()
    local loads = 0
    local name = module("fails", function()
        loads = loads + 1
        local n = loads
        atlas.sleep(0.002)
        if n == 1 then
            error("the first fails", 0)
        end
        return n
    end)
    local one, two = atlas.spawn(require, name), atlas.spawn(require, name)

    check.values({ n = 2, false, "the first fails" }, one:pawait())
    eq((two:await()), 2)
    eq(loads, 2)
end)

test("a module that has failed can be loaded again", function()
    local ready = false
    local name = module("later", function()
        assert(ready, "not ready")
        return "loaded"
    end)

    check.has(check.raises(require, name), "not ready")
    ready = true
    eq((require(name)), "loaded")
end)

test("cancelling the loader lets the next one load", function()
    local loads = 0
    local name = module("cancelled", function()
        loads = loads + 1
        atlas.sleep(0.005)
        return loads
    end)
    local one = atlas.spawn(require, name)
    local two, three = atlas.spawn(require, name), atlas.spawn(require, name)

    atlas.checkpoint()
    one:cancel()
    eq((one:pawait()), false)
    eq((two:await()), 2)
    eq((three:await()), 2)
    eq(loads, 2)
end)

test("cancelling one that waits leaves the loader alone", function()
    local name = module("left", function()
        atlas.sleep(0.005)
        return "loaded"
    end)
    local one, two = atlas.spawn(require, name), atlas.spawn(require, name)

    atlas.checkpoint()
    two:cancel()
    eq((two:pawait()), false)
    eq((one:await()), "loaded")
end)

test("a waiter's deadline passes while another loads", function()
    local name = module("slow", function()
        atlas.sleep(0.02)
        return "loaded"
    end)
    local one = atlas.spawn(require, name)

    atlas.checkpoint()
    eq((atlas.move_on(0.002, require, name)), false)
    eq((one:await()), "loaded")
end)

test("a loader that has ended without its module is not waited for", function()
    local generate
    local name = module("left_in_a_generator", function()
        if not generate then
            return "second"
        end
        coroutine.yield()
    end)
    atlas.spawn(function()
        generate = coroutine.wrap(function()
            require(name)
        end)
        generate()
    end):await()
    generate = nil
    eq((require(name)), "second")
end)

test("what a body sets in package.loaded is the module", function()
    local name = module("sets", function(name)
        package.loaded[name] = "set by the body"
    end)

    eq((require(name)), "set by the body")
    eq((require(module("nothing", function() end))), true)
    eq((require(module("false", function() return false end))), false)
end)

test("a name that is loaded already is what package.loaded says", function()
    package.loaded["m.given"] = "given"
    check.values({ n = 1, "given" }, require "m.given")
end)

test("errors of searchers and texts are Lua's own", function()
    local original = atlas.original.require
    local _, want = pcall(original, "no.such.module")
    local _, got = pcall(require, "no.such.module")

    eq(got, want)
    for _, value in ipairs { {}, true, print } do
        local err = check.raises(require, value)
        check.has(err, "bad argument #1 to 'require' (string expected, got " .. type(value) .. ")")
    end
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "return return"
    file:close()
    local path = package.path
    package.path = name
    _, want = pcall(original, "syntax")
    _, got = pcall(require, "syntax")
    package.path = path
    os.remove(name)
    eq(got, want)
end)

test("a module that isn't there blames the line that asks for it", function()
    local err = check.raises(function()
        require "no.such.module"
    end)

    check.has(err, check.here(-3) .. ": module 'no.such.module' not found:")
end)

test("package.searchers are asked in order, and may wait", function()
    local searchers = package.searchers or package.loaders

    table.insert(searchers, 2, function(name)
        if name == "m.searched" then
            atlas.sleep(0.001)
            return function(...)
                return { ... }
            end, "extra"
        end
    end)
    local loaded, extra = require "m.searched"
    table.remove(searchers, 2)
    eq(loaded[1], "m.searched")
    if package.searchers then
        eq(extra, "extra")
        eq(loaded[2], "extra")
    end
end)

test("a searchers table that is none is told of", function()
    local key = package.searchers and "searchers" or "loaders"
    local kept = package[key]

    package[key] = nil
    local err = check.raises(require, "m.anything")
    package[key] = kept
    check.has(err, ("'package.%s' must be a table"):format(key))
end)

test("a traceback leads through the module's body", function()
    local name = module("raises", function()
        atlas.sleep(0)
        error "in the body"
    end)
    local line = check.here(-2)
    local task = atlas.spawn(function()
        require(name)
    end)

    task:pawait()
    check.has(task:traceback(), line)
end)
