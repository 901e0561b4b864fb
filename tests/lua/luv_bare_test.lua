-- luv_bare_test.lua - coroutines by hand, with luv's callbacks, inside tasks.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local uv = require "luv"

local test, eq = check.test, check.eq

-- The usual pattern, as it is written without Atlas.
local function sleep(ms, ...)
    local co, timer = coroutine.running(), uv.new_timer()
    local n, values = select("#", ...), { ... }

    timer:start(ms, 0, function()
        timer:close()
        assert(coroutine.resume(co, (table.unpack or unpack)(values, 1, n)))
    end)
    return coroutine.yield()
end

local function stat(path)
    local co = coroutine.running()

    uv.fs_stat(path, function(...)
        assert(coroutine.resume(co, ...))
    end)
    return coroutine.yield()
end

test("yield waits for the callback's resume, and returns what it was given", function()
    check.values({ n = 3, 1, nil, "three" }, sleep(1, 1, nil, "three"))
    local err, result = stat "/"
    eq(err, nil)
    eq(result.type, "directory")
    check.has(stat "/nowhere/at/all", "ENOENT")
end)

test("others run meanwhile", function()
    local log = {}
    local other = atlas.spawn(function()
        atlas.sleep(0.001)
        log[#log + 1] = "other"
    end)

    sleep(20)
    log[#log + 1] = "slept"
    other:await()
    check.list(log, { "other", "slept" })
end)

test("many tasks at once, each gets its own", function()
    local sum = 0

    atlas.group(function(g)
        for i = 1, 100 do
            g:spawn(function()
                local got = sleep(i % 3, i)
                eq(got, i)
                sum = sum + got
            end)
        end
    end)
    eq(sum, 5050)
end)

test("the same in a coroutine of the user's own, in and out of tasks", function()
    local got = {}
    local co = coroutine.wrap(function()
        for i = 1, 3 do
            got[i] = sleep(1, i)
            atlas.sleep(0.001)
        end
    end)

    co()
    eq(#got, 0)
    eq(uv.run(), false)
    check.list(got, { 1, 2, 3 })
end)

test("inside a callback", function()
    local got
    local timer = uv.new_timer()

    timer:start(0, 0, function()
        got = sleep(1, "from a callback")
        timer:close()
    end)
    eq(uv.run(), false)
    eq(got, "from a callback")
end)

test("resume of a task that waits for something else is refused, and says what for", function()
    local co
    local task = atlas.spawn(function()
        co = coroutine.running()
        atlas.sleep(1000)
    end)
    local callback, wait = atlas.callback()
    local timer = uv.new_timer()

    atlas.sleep(0.001)
    timer:start(0, 0, function()
        callback(coroutine.resume(co))
    end)
    local ok, message = wait()
    eq(ok, false)
    check.has(message, "sleep")
    task:cancel()
    timer:close()
    task:pawait()
end)

test("a task that is cancelled while it is parked raises at its yield", function()
    local caught
    local co, resumed
    local task = atlas.spawn(function()
        co = coroutine.running()
        local ok, err = pcall(coroutine.yield)
        caught = { ok, err.code }
        error(err, 0)
    end)

    atlas.sleep(0.001)
    task:cancel()
    task:pawait()
    check.list(caught, { false, "ECANCELED" })
    -- The callback that comes too late is told so.
    local timer = uv.new_timer()
    timer:start(0, 0, function()
        resumed = coroutine.resume(co)
        timer:close()
    end)
    uv.run()
    eq(resumed, false)
end)

return check.finish()
