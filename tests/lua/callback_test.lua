-- callback_test.lua - callbacks that become calls: callback, await, suspend.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Calls `fn(...)` from another task, a turn later.
local function later(fn, ...)
    atlas.spawn(function(...)
        atlas.checkpoint()
        fn(...)
    end, ...)
end

-- --- callback ---

test("wait returns what the callback was called with before, nils included", function()
    local callback, wait = atlas.callback()

    callback(nil, "a", nil)
    check.values({ n = 3, nil, "a", nil }, wait())
end)

test("wait returns what the callback is called with later, nils included", function()
    local callback, wait = atlas.callback()

    later(callback, nil, "a", nil)
    check.values({ n = 3, nil, "a", nil }, wait())
end)

test("wait returns nothing if the callback was called with nothing before", function()
    local callback, wait = atlas.callback()

    callback()
    check.values({ n = 0 }, wait())
end)

test("wait returns nothing if the callback is called with nothing later", function()
    local callback, wait = atlas.callback()

    later(callback)
    check.values({ n = 0 }, wait())
end)

test("a callback returns nothing", function()
    local callback = atlas.callback()

    check.values({ n = 0 }, callback(1))
    check.values({ n = 0 }, callback(2))
end)

test("of several calls the first one counts", function()
    local callback, wait = atlas.callback()

    callback "first"
    callback "second"
    eq(wait(), "first")
end)

test("of several calls the first one counts when a task waits already", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(wait)

    atlas.checkpoint()
    callback "first"
    callback "second"
    eq(task:await(), "first")
end)

test("a call when all is over does no harm", function()
    local callback, wait = atlas.callback()

    callback "first"
    wait()
    callback "late"
    atlas.checkpoint()
end)

test("wait gives the same again when the call came before the first wait", function()
    local callback, wait = atlas.callback()

    callback("a", nil)
    check.values({ n = 2, "a", nil }, wait())
    check.values({ n = 2, "a", nil }, wait())
end)

test("wait gives the same again when the call came during the first wait", function()
    local callback, wait = atlas.callback()

    later(callback, "a", nil)
    check.values({ n = 2, "a", nil }, wait())
    check.values({ n = 2, "a", nil }, wait())
end)

test("two tasks cannot wait for one callback at once", function()
    local callback, wait = atlas.callback()
    local first = atlas.spawn(wait)

    atlas.checkpoint()
    check.has(check.raises(wait), "another task waits for this callback already")
    callback "still there"
    eq(first:await(), "still there")
end)

test("a callback whose waiting task was cancelled may be waited for by another", function()
    local callback, wait = atlas.callback()
    local first = atlas.spawn(wait)

    atlas.checkpoint()
    first:cancel()
    later(callback, "value")
    eq(wait(), "value")
end)

test("the waiting task does not run inside the call", function()
    local callback, wait = atlas.callback()
    local order = {}
    local task = atlas.spawn(function()
        wait()
        order[#order + 1] = "woken"
    end)

    atlas.checkpoint()
    callback()
    order[#order + 1] = "called"
    task:await()
    check.list(order, { "called", "woken" })
end)

test("a callback and what it was called with live through collections", function()
    local callback, wait = atlas.callback()

    callback({ "kept" }, "text" .. #tostring(callback))
    for _ = 1, 3 do
        collectgarbage()
    end
    local list, text = wait()
    eq(list[1], "kept")
    check.has(text, "text")
end)

test("a waiting task that only its callback knows lives through collections", function()
    local keep = {}
    local task = atlas.spawn(function()
        local callback, wait = atlas.callback()
        keep[1] = callback
        return wait()
    end)

    atlas.checkpoint()
    for _ = 1, 3 do
        collectgarbage()
    end
    keep[1] "woken"
    eq(task:await(), "woken")
end)

test("a callback may be called from a coroutine of the user's own", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(wait)

    atlas.checkpoint()
    coroutine.wrap(function()
        callback("from", nil)
    end)()
    check.values({ n = 2, "from", nil }, task:await())
end)

-- --- await ---

test("await passes its arguments and then the callback, nils included", function()
    for n = 0, 8 do
        local function fn(...)
            eq(select("#", ...), n + 1)
            for i = 1, n do
                eq((select(i, ...)), i % 2 == 0 and i or nil)
            end
            select(n + 1, ...)(nil, n)
        end
        local args = {}
        for i = 2, n, 2 do
            args[i] = i
        end
        eq(atlas.await(fn, (table.unpack or unpack)(args, 1, n)), n)
    end
end)

test("await returns what follows the error in the callback's arguments", function()
    check.values({ n = 3, 1, nil, nil }, atlas.await(function(callback)
        callback(nil, 1, nil, nil)
    end))
end)

test("await returns nothing of a callback that was called with nothing", function()
    check.values({ n = 0 }, atlas.await(function(callback)
        callback()
    end))
end)

test("await returns nil and the error", function()
    local err = {}

    check.values({ n = 2, nil, err }, atlas.await(function(callback)
        callback(err, "unused")
    end))
end)

test("await waits for a callback that is called later", function()
    check.values({ n = 2, "a", nil }, atlas.await(function(callback)
        later(callback, nil, "a", nil)
    end))
end)

test("await takes any callable value", function()
    local callable = setmetatable({}, {
        __call = function(_, a, callback)
            callback(nil, a)
        end,
    })

    eq(atlas.await(callable, 5), 5)
end)

test("await raises what the function raises", function()
    local err = {}

    eq(check.raises(atlas.await, function()
        error(err)
    end), err)
end)

test("many awaits at once each get their own results", function()
    local callbacks, tasks = {}, {}

    for i = 1, 100 do
        tasks[i] = atlas.spawn(atlas.await, function(callback)
            callbacks[i] = callback
        end)
    end
    atlas.checkpoint()
    for i = 100, 1, -1 do
        callbacks[i](nil, i)
    end
    for i = 1, 100 do
        eq(tasks[i]:await(), i)
    end
end)

-- --- suspend ---

test("suspend returns what resume is called with at once", function()
    check.values({ n = 3, nil, 2, nil }, atlas.suspend(function(resume)
        resume(nil, 2, nil)
    end))
end)

test("suspend returns what resume is called with later", function()
    check.values({ n = 3, nil, 2, nil }, atlas.suspend(function(resume)
        later(resume, nil, 2, nil)
    end))
end)

test("suspend returns nothing if resume is called with nothing", function()
    check.values({ n = 0 }, atlas.suspend(function(resume)
        later(resume)
    end))
end)

test("of several calls of resume the first one counts", function()
    eq(atlas.suspend(function(resume)
        resume "first"
        resume "second"
    end), "first")
end)

test("resume when all is over does no harm", function()
    local resume
    local task = atlas.spawn(atlas.suspend, function(fn)
        resume = fn
    end)

    atlas.checkpoint()
    resume "first"
    eq(task:await(), "first")
    resume "late"
    atlas.sleep(0.001)
end)

test("suspend raises what the function raises, and the task may wait again", function()
    local err = {}

    eq(check.raises(atlas.suspend, function()
        error(err)
    end), err)
    atlas.sleep(0.001)
end)

test("the function of suspend runs in the task itself", function()
    local task = atlas.current()

    atlas.suspend(function(resume)
        eq(atlas.current(), task)
        resume()
    end)
end)

-- --- what suspend returns is called when the task is cancelled ---

-- A task that is suspended; `log` gets "cancelled" when it is withdrawn.
local function suspended(log)
    local resume
    local task = atlas.spawn(atlas.suspend, function(fn)
        resume = fn
        return function(...)
            log[#log + 1] = "cancelled"
            log.arguments = select("#", ...)
        end
    end)

    atlas.checkpoint()
    return task, resume
end

test("the canceller is called once when the task is cancelled", function()
    local log = {}
    local task = suspended(log)

    task:cancel "why"
    task:cancel "again"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
    check.list(log, { "cancelled" })
    eq(log.arguments, 0)
end)

test("the canceller is not called when resume was", function()
    local log = {}
    local task, resume = suspended(log)

    resume "result"
    eq(task:await(), "result")
    check.list(log, {})
end)

test("the canceller is not called when resume was called before the cancellation", function()
    local log = {}
    local task, resume = suspended(log)

    resume "result"
    task:cancel()
    eq(task:await(), "result")
    check.list(log, {})
end)

test("resume from within the canceller does no harm", function()
    local resume
    local task = atlas.spawn(atlas.suspend, function(fn)
        resume = fn
        return function()
            resume "too late"
        end
    end)

    atlas.checkpoint()
    task:cancel "why"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
end)

test("resume behind the cancellation does no harm", function()
    local task, resume = suspended {}

    task:cancel "why"
    resume "too late"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
end)

test("Cancelled goes out of suspend also when there is no canceller", function()
    local task = atlas.spawn(atlas.suspend, function() end)

    atlas.checkpoint()
    task:cancel "why"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
end)
