-- waits_test.lua - where a task may wait, and where it is told that it can't.
-- SPDX-License-Identifier: MIT
--
-- Where a C function between the wait and its task cannot be suspended, the
-- error comes before anything is started: the operation would outlive the wait.

local atlas = require "atlas"
local check = require "check"

local original = atlas.original -- whose callbacks cannot wait

local eq = check.eq

-- Each way to wait, by the name that its error has to have.
local waits = {
    sleep = function()
        atlas.sleep(0.001)
    end,
    checkpoint = function()
        atlas.checkpoint()
    end,
    await = function()
        atlas.current():await() -- which it can't either, but that comes second
    end,
    pawait = function()
        atlas.current():pawait()
    end,
    wait = function()
        local _, wait = atlas.callback()
        wait()
    end,
    suspend = function()
        atlas.suspend(function() end)
    end,
    ["atlas.await"] = function()
        atlas.await(function() end)
    end,
}

-- Each place where a wait is impossible: runs `fn` there, and raises or returns
-- what it raised.
local places = {}

places["a comparator of table.sort"] = function(fn)
    original.table.sort({ 2, 1 }, function(a, b)
        fn()
        return a < b
    end)
end

places["a callback of string.gsub"] = function(fn)
    original.string.gsub("a", ".", function()
        fn()
    end)
end

places["a module that is required"] = function(fn)
    package.preload["waits_test.module"] = fn
    package.loaded["waits_test.module"] = nil
    original.require "waits_test.module"
end

places["a reader of load"] = function(fn)
    error(select(2, load(function()
        fn()
    end)), 0)
end

-- Runs a file that calls `fn`.
local function call_in_dofile(fn)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))

    file:write "return called_by_dofile()"
    file:close()
    rawset(_G, "called_by_dofile", fn)
    local ok, result = pcall(original.dofile, path)
    os.remove(path)
    if not ok then
        error(result, 0)
    end
    return result
end

if check.is_luajit then
    places["a file under dofile"] = call_in_dofile
else
    test("a task may wait inside dofile", function()
        eq(call_in_dofile(function()
            atlas.sleep(0.001)
            return "done"
        end), "done")
    end)

    places["__tostring under tostring"] = function(fn)
        return original.tostring(setmetatable({}, {
            __tostring = function()
                fn()
                return ""
            end,
        }))
    end

    places["__index under ipairs"] = function(fn)
        for _ in ipairs(setmetatable({}, { __index = fn })) do
            error "not reached"
        end
    end
end

for place, run in check.each(places) do
    for name, wait in check.each(waits) do
        test(("%s in %s raises an error that names it"):format(name, place), function()
            local err = check.raises(run, wait)

            check.has(err, "'" .. name:gsub("atlas.", "") .. "' cannot wait here")
            check.has(err, "waits_test.lua:")
            atlas.sleep(0.002)
        end)
    end

    for name, fn in check.each { suspend = atlas.suspend, await = atlas.await } do
        test(("%s in %s starts nothing"):format(name, place), function()
            local started = false

            check.raises(run, function()
                fn(function()
                    started = true
                end)
            end)
            eq(started, false)
        end)
    end
end

test("what could not be waited for in a comparator can be waited for behind it", function()
    local task = atlas.spawn(function()
        atlas.sleep(0.002)
        return "result"
    end)
    local callback, wait = atlas.callback()

    for _, fn in ipairs { wait, function() return task:await() end } do
        check.raises(places["a comparator of table.sort"], fn)
    end
    callback "value"
    eq(wait(), "value")
    eq(task:await(), "result")
end)

test("an await that could not be taken does not count as hearing the error", function()
    local parent = atlas.spawn(function()
        local child = atlas.spawn(error, "unheard", 0)
        atlas.checkpoint()
        pcall(places["a comparator of table.sort"], function()
            child:await()
        end)
    end)

    check.values({ n = 2, false, "unheard" }, parent:pawait())
end)

test("spawn, cancel and callbacks work where nobody can wait", function()
    local callback, wait = atlas.callback()
    local task, victim = nil, atlas.spawn(atlas.sleep, 1000)

    atlas.checkpoint()
    original.table.sort({ 2, 1 }, function(a, b)
        task = atlas.spawn(math.abs, -1)
        victim:cancel()
        callback "value"
        return a < b
    end)
    eq(task:await(), 1)
    eq(wait(), "value")
    eq(victim:pawait(), false)
end)

test("a wait in the handler of an xpcall harms nobody", function()
    local ok = xpcall(error, function()
        atlas.sleep(0.001)
        return "handled"
    end, "on purpose")

    eq(ok, false)
    atlas.sleep(0.002)
end)

test("a wait in a finalizer harms nobody", function()
    local finalized = false
    local function finalize()
        finalized = true
        atlas.sleep(0.001)
    end
    -- Where a table has no __gc: what else there is.
    local function make()
        if not newproxy then
            return setmetatable({}, { __gc = finalize })
        end
        local proxy = newproxy(true)
        getmetatable(proxy).__gc = finalize
        return proxy
    end

    make()
    for _ = 1, 3 do
        pcall(collectgarbage)
    end
    eq(finalized, true)
    atlas.sleep(0.002)
end)

-- --- where a task may wait ---

test("a task may wait inside pcall", function()
    check.values({ n = 3, true, "a", nil }, pcall(function()
        atlas.sleep(0.001)
        return "a", nil
    end))
end)

test("pcall catches what is raised behind a wait", function()
    check.values({ n = 2, false, "behind" }, pcall(function()
        atlas.sleep(0.001)
        error("behind", 0)
    end))
end)

test("a task may wait inside many pcalls", function()
    local function nest(level)
        if level == 0 then
            atlas.sleep(0.001)
            error("inmost", 0)
        end
        local ok, err = pcall(nest, level - 1)
        atlas.checkpoint()
        eq(ok, false)
        error(err, 0)
    end

    check.values({ n = 2, false, "inmost" }, pcall(nest, 50))
end)

test("a task may wait inside xpcall, with arguments", function()
    check.values({ n = 2, true, 3 }, xpcall(function(a, b)
        atlas.sleep(0.001)
        return a + b
    end, error, 1, 2))
end)

local waiting = setmetatable({}, {
    __index = function(_, key)
        atlas.sleep(0.001)
        return key .. "!"
    end,
    __newindex = function(self, key, value)
        atlas.sleep(0.001)
        rawset(self, key, value)
    end,
    __call = function(_, a, b)
        atlas.sleep(0.001)
        return b, a
    end,
    __add = function(_, b)
        atlas.sleep(0.001)
        return b + 1
    end,
    __concat = function(_, b)
        atlas.sleep(0.001)
        return "concat " .. b
    end,
    __unm = function()
        atlas.sleep(0.001)
        return "minus"
    end,
    __lt = function()
        atlas.sleep(0.001)
        return true
    end,
    __eq = function()
        atlas.sleep(0.001)
        return true
    end,
})

test("a task may wait inside __index", function()
    eq(waiting.key, "key!")
    eq(waiting.a .. waiting.b, "a!b!")
end)

test("a task may wait inside __newindex", function()
    waiting.set = 5
    eq(rawget(waiting, "set"), 5)
end)

test("a task may wait inside __call", function()
    check.values({ n = 2, "b", "a" }, waiting("a", "b"))
end)

test("a task may wait inside operators", function()
    eq(waiting + 4, 5)
    eq(waiting .. "x", "concat x")
    eq(-waiting, "minus")
end)

test("a task may wait inside comparisons", function()
    local other = setmetatable({}, getmetatable(waiting))

    eq(waiting < other, true)
    eq(waiting == other, true)
    eq(waiting ~= other, false)
end)

test("a task may wait inside an iterator of for", function()
    local seen = {}

    local function iterate(last, i)
        atlas.sleep(0.001)
        if i < last then
            return i + 1, i * 10
        end
    end
    for i, value in iterate, 3, 0 do
        atlas.checkpoint()
        seen[#seen + 1] = i + value
    end
    check.list(seen, { 1, 12, 23 })
end)

test("a task may wait inside what __pairs returns", function()
    local object = setmetatable({}, {
        __pairs = function()
            atlas.sleep(0.001)
            return function(_, i)
                atlas.sleep(0.001)
                if i < 2 then
                    return i + 1, "v"
                end
            end, nil, 0
        end,
    })
    local n = 0

    for _, value in pairs(object) do
        eq(value, "v")
        n = n + 1
    end
    eq(n, 2)
end)

test("a task may wait inside a loop with varargs and upvalues", function()
    local sum = 0
    local function add(...)
        for i = 1, select("#", ...) do
            local value = select(i, ...)
            local function use()
                atlas.sleep(0.0005)
                sum = sum + value
            end
            use()
        end
        return ...
    end

    check.values({ n = 3, 1, 2, 3 }, add(1, 2, 3))
    eq(sum, 6)
end)

test("a task may wait while a coroutine of the user's own is suspended", function()
    local generate = coroutine.wrap(function()
        for i = 1, 3 do
            coroutine.yield(i)
        end
    end)

    eq(generate(), 1)
    atlas.sleep(0.001)
    eq(generate(), 2)
    atlas.spawn(function()
        eq(generate(), 3) -- by another task
    end):await()
end)
