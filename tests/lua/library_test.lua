-- library_test.lua - Lua's own library waits where a user would expect it to:
-- comparators, replacements, modules, __tostring.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local original = atlas.original

-- fn() while another task counts: it has waited, if that could run.
local function waits(fn)
    local turns = 0
    local other = atlas.spawn(function()
        while true do
            turns = turns + 1
            atlas.checkpoint()
        end
    end)
    fn()
    other:cancel()
    check.ok(turns > 0, "nobody else could run")
end

test("table.sort waits in its comparator", function()
    local list = { 5, 3, 9, 1, 7, 2, 8, 6, 4, 0 }

    waits(function()
        table.sort(list, function(a, b)
            atlas.sleep(0)
            return a < b
        end)
    end)
    check.list(list, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 })
end)

test("table.sort waits in __lt", function()
    local meta = {}
    meta.__lt = function(a, b)
        atlas.checkpoint()
        return a.n < b.n
    end
    local list = {}

    for i = 1, 20 do
        list[i] = setmetatable({ n = i * 7 % 20 }, meta)
    end
    waits(function()
        table.sort(list)
    end)
    for i = 1, 20 do
        eq(list[i].n, i - 1)
    end
end)

test("table.sort is stable", function()
    for _, n in ipairs { 2, 3, 8, 9, 17, 64, 100, 1000 } do
        local list = {}
        for i = 1, n do
            list[i] = { key = i * 7919 % 5, at = i }
        end
        table.sort(list, function(a, b)
            return a.key < b.key
        end)
        for i = 2, n do
            local a, b = list[i - 1], list[i]
            check.ok(a.key < b.key or (a.key == b.key and a.at < b.at), i)
        end
    end
end)

test("an error in a comparator leaves the list as it was", function()
    local list, calls = { 3, 1, 2, 5, 4 }, 0
    local err = {}

    eq(check.raises(table.sort, list, function(a, b)
        calls = calls + 1
        if calls == 4 then
            error(err)
        end
        return a < b
    end), err)
    check.list(list, { 3, 1, 2, 5, 4 })
end)

test("a task that is cancelled in a comparator leaves the list as it was", function()
    local list = { 3, 1, 2 }
    local task = atlas.spawn(table.sort, list, function()
        atlas.sleep(10)
    end)

    atlas.checkpoint()
    task:cancel()
    task:pawait()
    check.list(list, { 3, 1, 2 })
end)

test("an order function that defines none is told of", function()
    local function always()
        return true
    end
    local err = check.raises(function()
        table.sort({ 1, 2, 3, 4, 5 }, always)
    end)

    eq(err:match "[%w_]+%.lua:.*", check.here(-3) .. ": invalid order function for sorting")
    table.sort({ 1, 2, 3 }, always)
    table.sort({ 2, 1, 4, 3, 5 }, function(a, b)
        return a <= b
    end)
end)

test("string.gsub waits in a function", function()
    waits(function()
        local text, n = string.gsub("a-b-c", "%w", function(c)
            atlas.sleep(0)
            return c:upper()
        end)
        eq(text, "A-B-C")
        eq(n, 3)
    end)
end)

test("s:gsub waits, too", function()
    waits(function()
        eq((("k=v, x=y"):gsub("(%w)=(%w)", function(k, v)
            atlas.checkpoint()
            return v .. "=" .. k
        end)), "v=k, y=x")
    end)
end)

test("string.gsub waits in the __index of a table", function()
    local lazy = setmetatable({}, {
        __index = function(_, key)
            atlas.sleep(0)
            return key ~= "b" and "<" .. key .. ">" or nil
        end,
    })

    waits(function()
        check.values({ n = 2, "<a>b<c>", 3 }, ("abc"):gsub("%w", lazy))
    end)
end)

test("Cancelled leaves a replacement", function()
    local task = atlas.spawn(function()
        return (("abc"):gsub("%w", function()
            atlas.sleep(10)
        end))
    end)

    atlas.checkpoint()
    task:cancel()
    local ok, err = task:pawait()
    eq(ok, false)
    check.ok(atlas.TaskCancelled.is(err))
end)

test("tostring and print wait in __tostring", function()
    local object = setmetatable({}, {
        __tostring = function()
            atlas.sleep(0)
            return "the object"
        end,
    })

    waits(function()
        eq(tostring(object), "the object")
    end)
    local shown
    local old = io.stdout
    waits(function()
        print("print waits:", object, nil)
    end)
    shown = old
    check.ok(shown)
end)

test("__tostring must return a string, which a number becomes", function()
    local function object(result)
        return setmetatable({}, {
            __tostring = function()
                return result
            end,
        })
    end

    if not check.is_luajit then -- whose own returns whatever it gets
        check.has(check.raises(tostring, object {}), "'__tostring' must return a string")
        check.has(check.raises(tostring, object(nil)), "'__tostring' must return a string")
    end
    eq(tostring(object "x"), "x")
end)

test("pairs waits in __pairs", function()
    waits(function()
        local seen = {}
        for key, value in pairs(setmetatable({}, {
            __pairs = function()
                atlas.sleep(0)
                return next, { a = 1 }
            end,
        })) do
            seen[#seen + 1] = key .. value
        end
        check.list(seen, { "a1" })
    end)
end)

test("dofile waits in the file, and returns what it does", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write 'require("atlas").sleep(0) return 1, nil, ...'
    file:close()

    waits(function()
        check.values({ n = 2, 1, nil }, dofile(name))
    end)
    os.remove(name)
    local err = check.raises(dofile, "/no/such/file.lua")
    eq(err, select(2, pcall(original.dofile, "/no/such/file.lua")))
end)

test("the originals are kept", function()
    for _, name in ipairs { "resume", "wrap", "yield", "running", "status" } do
        check.ok(type(original.coroutine[name]) == "function", name)
        check.ok(original.coroutine[name] ~= coroutine[name], name)
    end
    check.ok(original.table.sort ~= table.sort)
    check.ok(original.string.gsub ~= string.gsub)
    for _, name in ipairs { "require", "dofile", "print", "tostring", "pairs" } do
        check.ok(type(original[name]) == "function", name)
    end
    for _, row in ipairs(require("atlas.patch").rows) do
        check.ok(type(row[4]) == "string" and type(row.original) == "function" or row[2] == "close")
    end
end)
