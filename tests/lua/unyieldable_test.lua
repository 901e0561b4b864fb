-- unyieldable_test.lua - the places that docs/guide/library.md lists: code that
-- waits there gets an error that names the place, and nothing has started.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local counts = require("atlas.task.core").counts

local timers -- that a wait has started and not withdrawn

local function wait()
    local before = counts().timers
    local ok, err = pcall(atlas.sleep, 1000)

    timers = counts().timers - before
    assert(not ok, "it could wait")
    error(err, 0)
end

-- An object whose metamethod `name` waits.
local function object(name)
    return setmetatable({}, { [name] = wait })
end

-- By the name in the table: what calls code that can't wait, and how the error
-- calls the place.
local places = {
    load = {
        function()
            local _, err = load(wait)
            error(err, 0)
        end,
        "'load'",
    },
    ["xpcall handler, of error()"] = {
        function()
            local seen
            xpcall(function()
                error "x"
            end, function()
                local _, err = pcall(wait)
                seen = err
            end)
            error(seen, 0)
        end,
        "the message handler of 'xpcall'",
    },
    ["xpcall handler, of a fault in Lua"] = {
        function()
            local seen
            xpcall(function()
                return nil + 1
            end, function()
                local _, err = pcall(wait)
                seen = err
            end)
            error(seen, 0)
        end,
        "the message handler of 'xpcall'",
    },
    ["string.format"] = {
        function()
            return string.format("%s", object "__tostring")
        end,
        "'format'",
    },
    ["debug.sethook"] = {
        function()
            local seen
            debug.sethook(function()
                debug.sethook()
                local _, err = pcall(wait)
                seen = err
            end, "", 1)
            for _ = 1, 10 do
                timers = timers
            end
            error(seen, 0)
        end,
        check.is_luajit and "C function" or "hook",
    },
    ["original table.sort"] = {
        function()
            local sort = atlas.original.table.sort
            sort({ 3, 2, 1 }, wait)
        end,
        "'sort'",
    },
    ["original string.gsub"] = {
        function()
            local gsub = atlas.original.string.gsub
            gsub("abc", "%w", wait)
        end,
        "'gsub'",
    },
    ["original require"] = {
        function()
            local original_require = atlas.original.require
            package.preload["m.unyieldable"] = wait
            original_require "m.unyieldable"
        end,
        "'original_require'",
    },
}

if check.is_luajit then
    places["original dofile"] = {
        function()
            local name = os.tmpname()
            local file = assert(io.open(name, "w"))
            file:write "require('unyieldable_wait')()"
            file:close()
            package.loaded.unyieldable_wait = wait
            local dofile = atlas.original.dofile
            local _, err = pcall(dofile, name)
            os.remove(name)
            error(err, 0)
        end,
        "C function",
    }
else
    for name, call in pairs {
        ["table.concat"] = function(list)
            return table.concat(list)
        end,
        ["table.unpack"] = function(list)
            return table.unpack(list)
        end,
        ["table.insert"] = function(list)
            return table.insert(list, 1, 2)
        end,
        ["table.remove"] = function(list)
            return table.remove(list)
        end,
        ["table.move"] = function(list)
            return table.move(list, 1, 2, 3)
        end,
    } do
        places[name] = {
            function()
                call(setmetatable({}, {
                    __index = wait,
                    __newindex = wait,
                    __len = function()
                        return 2
                    end,
                }))
            end,
            "'" .. name:match "%.(.*)" .. "'",
        }
    end
    places["ipairs with __index"] = {
        function()
            for _ in ipairs(object "__index") do
                error "not reached"
            end
        end,
        "'for iterator'",
    }
    places["coroutine.close with __close"] = {
        function()
            local thread = coroutine.create(load [[
                local object = ...
                local closed <close> = object
                coroutine.yield()
            ]])
            coroutine.resume(thread, object "__close")
            local _, err = coroutine.close(thread)
            error(err, 0)
        end,
        "C function",
    }
    places["original tostring"] = {
        function()
            local tostring = atlas.original.tostring
            tostring(object "__tostring")
        end,
        "'tostring'",
    }
end

for name, place in check.each(places) do
    test("code called by this cannot wait, and is told so: " .. name, function()
        timers = nil
        local err = check.raises(place[1])

        check.has(err, "'sleep' cannot wait here: attempt to wait inside ")
        check.has(err, place[2])
        eq(timers, 0)
    end)
end

test("code called by this cannot wait, and is told so: __gc", function()
    local seen
    local function finalizer()
        local _, err = pcall(wait)
        seen = err
    end

    if check.is_luajit then
        local proxy = newproxy(true)
        getmetatable(proxy).__gc = finalizer
        proxy = nil
        eq(proxy, nil)
    else
        setmetatable({}, { __gc = finalizer })
    end
    collectgarbage()
    collectgarbage()
    check.has(seen, "cannot wait here: attempt to wait inside ")
    check.has(seen, check.is_luajit and "'collectgarbage'" or "'__gc'")
    eq(timers, 0)
end)

-- And the places where it can.
local can = {
    pcall = function(fn)
        assert(pcall(fn))
    end,
    xpcall = function(fn)
        assert(xpcall(fn, print))
    end,
    ["for iterator"] = function(fn)
        for _ in fn do
            error "not reached"
        end
    end,
    select = function(fn)
        select(1, fn())
    end,
}
for _, name in ipairs {
    "__index", "__newindex", "__call", "__add", "__concat", "__eq", "__lt", "__le", "__unm",
    "__len",
} do
    can[name] = function(fn)
        local meta = { [name] = fn }
        local a, b = setmetatable({}, meta), setmetatable({}, meta)
        if name == "__index" then
            return a.x
        elseif name == "__newindex" then
            a.x = 1
        elseif name == "__call" then
            a()
        elseif name == "__add" then
            return a + b
        elseif name == "__concat" then
            return a .. b
        elseif name == "__eq" then
            return a == b
        elseif name == "__lt" then
            return a < b
        elseif name == "__le" then
            return a <= b
        elseif name == "__unm" then
            return -a
        elseif not check.is_luajit then
            return #a
        else
            fn() -- LuaJIT is built without __len of tables
        end
    end
end

if check.is_luajit then
    can["table.foreach"] = function(fn)
        table.foreach({ 1 }, fn)
    end
    can["table.foreachi"] = function(fn)
        table.foreachi({ 1 }, fn)
    end
end

for name, call in check.each(can) do
    test("code called by this may wait: " .. name, function()
        local waited = false
        call(function()
            atlas.sleep(0.0001)
            waited = true
        end)
        eq(waited, true)
    end)
end
