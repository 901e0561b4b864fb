-- wrap_test.lua - functions that take callbacks become functions that await.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Calls `callback` with the arguments a turn later.
local function later(callback, ...)
    atlas.spawn(function(...)
        atlas.checkpoint()
        callback(...)
    end, ...)
end

-- Takes a callback as its last argument, and gives it the others behind `err`.
local function echo(err)
    return function(...)
        local args = { n = select("#", ...), ... }

        later(args[args.n], err, (table.unpack or unpack)(args, 1, args.n - 1))
    end
end

test("the callback is the last argument, and what follows err is returned", function()
    local wrapped = atlas.wrap(echo(nil))

    check.values({ n = 0 }, wrapped())
    check.values({ n = 1, 1 }, wrapped(1))
    check.values({ n = 3, nil, "b", nil }, wrapped(nil, "b", nil))
    check.values({ n = 6, 1, 2, 3, 4, 5, nil }, wrapped(1, 2, 3, 4, 5, nil))
end)

test("an error is returned behind nil", function()
    local err = {}

    check.values({ n = 2, nil, err }, atlas.wrap(echo(err))(1, 2))
    check.values({ n = 2, nil, false }, atlas.wrap(echo(false))())
end)

test("the style err_first is what it is without one", function()
    check.values({ n = 2, nil, "e" }, atlas.wrap(echo "e", { style = "err_first" })(1))
end)

test("raw returns exactly what the callback was called with", function()
    check.values({ n = 3, "e", 1, nil }, atlas.wrap(echo "e", { style = "raw" })(1, nil))
    check.values({ n = 1, nil }, atlas.wrap(echo(nil), { style = "raw" })())
    check.values({ n = 0 }, atlas.wrap(function(callback)
        later(callback)
    end, { style = "raw" })())
end)

test("a callback that is called at once counts", function()
    eq(atlas.wrap(function(a, callback)
        callback(nil, a + 1)
    end)(1), 2)
end)

for at = 1, 5 do
    test("the callback is argument number " .. at, function()
        local seen
        local wrapped = atlas.wrap(function(...)
            seen = { n = select("#", ...), ... }
            seen[at](nil, "called")
        end, { at = at })

        eq(wrapped("a", nil, "c"), "called")
        local want = { "a", nil, "c" }
        local n = math.max(4, at)
        eq(seen.n, n)
        for i = 1, n do
            if i ~= at then
                eq(seen[i], want[i < at and i or i - 1])
            end
        end
    end)
end

test("arguments behind the last one are nil when the callback comes later", function()
    check.values({ n = 1, "three" }, atlas.wrap(function(a, b, callback)
        eq(a, nil)
        eq(b, nil)
        callback(nil, "three")
    end, { at = 3 })())
end)

test("cancel is called with what the function has returned when the task is cancelled", function()
    local given
    local wrapped = atlas.wrap(function()
        return "handle", nil, 3, nil
    end, {
        cancel = function(...)
            given = { n = select("#", ...), ... }
        end,
    })
    local task = atlas.spawn(wrapped)

    atlas.checkpoint()
    task:cancel "stop"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "stop")
    check.values({ n = 4, "handle", nil, 3, nil }, (table.unpack or unpack)(given, 1, given.n))
end)

test("cancel is called when a deadline passes, once", function()
    local calls = 0
    local wrapped = atlas.wrap(function()
        return {}
    end, {
        cancel = function()
            calls = calls + 1
        end,
    })

    eq(atlas.move_on(0.001, wrapped), false)
    eq(calls, 1)
end)

test("cancel isn't called when the callback was", function()
    local cancelled = false
    local wrapped = atlas.wrap(echo(nil), {
        cancel = function()
            cancelled = true
        end,
    })

    wrapped(1)
    local task = atlas.spawn(wrapped, 1)
    task:await()
    task:cancel()
    eq(cancelled, false)
end)

test("a late callback does nothing", function()
    local late
    local wrapped = atlas.wrap(function(callback)
        late = callback
    end)

    eq(atlas.move_on(0.001, wrapped), false)
    late(nil, "late")
    atlas.checkpoint()
end)

test("an error in cancel doesn't take the place of Cancelled", function()
    local wrapped = atlas.wrap(function() end, {
        cancel = function()
            error "in cancel"
        end,
    })
    local task = atlas.spawn(wrapped)

    atlas.checkpoint()
    task:cancel()
    task:pawait()
    eq(task:status(), "cancelled")
end)

test("an error in the function is raised", function()
    check.has(check.raises(atlas.wrap(function()
        error "at once"
    end)), "at once")
end)

test("a function that returns nil and an error has started nothing", function()
    local cancelled = false
    local wrapped = atlas.wrap(function()
        return nil, "ENOENT: no such file", "ENOENT"
    end, {
        cancel = function()
            cancelled = true
        end,
    })

    check.values({ n = 3, nil, "ENOENT: no such file", "ENOENT" }, wrapped())
    eq(cancelled, false)
end)

test("a wrapped function may be called by many tasks at the same time", function()
    local wrapped = atlas.wrap(echo(nil))
    local got = atlas.map({ 1, 2, 3, 4, 5 }, wrapped)

    check.list(got, { 1, 2, 3, 4, 5 })
end)

test("nothing is started in a cancelled scope", function()
    local started = false
    local wrapped = atlas.wrap(function()
        started = true
    end)
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 60)
        wrapped()
    end)

    atlas.checkpoint()
    task:cancel()
    task:pawait()
    eq(started, false)
end)

test("what can be called can be wrapped", function()
    eq(atlas.wrap(setmetatable({}, {
        __call = function(_, a, callback)
            callback(nil, a)
        end,
    }))(7), 7)
end)

test("mistakes in the options are named", function()
    for text, options in check.each {
        ["style is 'err_first' or 'raw'"] = { style = "node" },
        ["at is the number of an argument"] = { at = 0 },
        ["at is the number of an argument, an integer"] = { at = 1.5 },
        ["at is the number"] = { at = "2" },
        ["at is"] = { at = 251 },
        ["cancel is a function, got string"] = { cancel = "close" },
        ["there is no option 'stile'"] = { stile = "raw" },
        ["options is a table, got string"] = "raw",
    } do
        check.has(check.raises(atlas.wrap, print, options), "wrap: " .. text)
    end
    check.has(check.raises(function()
        atlas.wrap(print, { at = -1 })
    end), check.here(-1))
    check.has(check.raises(atlas.wrap, 5), "bad argument #1 to 'wrap' (function expected")
end)
