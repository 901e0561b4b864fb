-- parked_test.lua - a task is a coroutine to whoever got it from
-- coroutine.running(): yield parks it, resume queues it.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Spawn a task; return it and its coroutine.
local function spawn(fn, ...)
    local thread
    local task = atlas.spawn(function(...)
        thread = coroutine.running()
        return fn(...)
    end, ...)

    atlas.checkpoint()
    return task, thread
end

test("yield parks a task until somebody resumes it", function()
    local order = {}
    local task, thread = spawn(function()
        order[#order + 1] = "before"
        coroutine.yield()
        order[#order + 1] = "behind"
        return "end"
    end)

    eq(task:status(), "parked")
    eq(coroutine.status(thread), "suspended")
    check.values({ n = 1, true }, coroutine.resume(thread))
    order[#order + 1] = "resumed" -- it is queued, and has not run
    eq(task:await(), "end")
    check.list(order, { "before", "resumed", "behind" })
end)

test("what resume is given is what yield returns, nils and all", function()
    local task, thread = spawn(function()
        return coroutine.yield("dropped", nil, 3)
    end)

    check.values({ n = 1, true }, coroutine.resume(thread, 1, nil, "c", nil))
    check.values({ n = 4, 1, nil, "c", nil }, task:await())
end)

test("yield without a value in resume returns none", function()
    local task, thread = spawn(function()
        return select("#", coroutine.yield(1, 2, 3))
    end)

    coroutine.resume(thread)
    eq(task:await(), 0)
end)

test("a task may be parked many times, with values of each", function()
    local task, thread = spawn(function()
        local sum = 0
        for i = 1, 100 do
            sum = sum + coroutine.yield(i, "x", {})
        end
        return sum
    end)

    for i = 1, 100 do
        eq(coroutine.resume(thread, i), true)
        atlas.checkpoint()
    end
    eq(task:await(), 5050)
end)

test("the bare pattern: a callback resumes the coroutine that yielded", function()
    local function read(name, callback)
        atlas.detach(function()
            atlas.sleep(0.002)
            callback(nil, "text of " .. name)
        end)
    end
    local function read_now(name)
        local thread = coroutine.running()
        read(name, function(...)
            assert(coroutine.resume(thread, ...))
        end)
        return coroutine.yield()
    end
    local err, text = read_now "a"
    eq(err, nil)
    eq(text, "text of a")
    eq(select(2, read_now "b"), "text of b")
end)

test("a second resume before it runs is refused, and loses nothing", function()
    local task, thread = spawn(coroutine.yield)

    task:name "twice"
    eq(coroutine.resume(thread, "first"), true)
    local ok, message = coroutine.resume(thread, "second")
    eq(ok, false)
    check.has(message, "cannot resume task 'twice': it is about to run")
    eq(task:await(), "first")
end)

for name, wait in check.each {
    sleep = function()
        atlas.sleep(0.01)
        return "end"
    end,
    event = function()
        local event = atlas.event()
        atlas.spawn(function()
            atlas.sleep(0.01)
            event:set()
        end)
        event:wait()
        return "end"
    end,
    callback = function()
        local callback, wait = atlas.callback()
        atlas.spawn(function()
            atlas.sleep(0.01)
            callback "end"
        end)
        return wait()
    end,
} do
    test("resume of a task inside a wait is refused and names it: " .. name, function()
        local task, thread = spawn(wait)
        local ok, message = coroutine.resume(thread, "no")

        eq(ok, false)
        check.has(message, ("it waits for '%s'"):format(name))
        check.values({ n = 1, "end" }, task:await())
    end)
end

test("resume of a task that gives way is refused", function()
    local task, thread = spawn(function()
        check.values({ n = 1, true }, atlas.checkpoint())
        check.values({ n = 1, true }, atlas.sleep(0))
        return "end"
    end)

    eq((coroutine.resume(thread, "no")), false)
    eq(task:await(), "end")
end)

test("a task cannot resume itself, nor be resumed from its own generator", function()
    local thread = coroutine.running()

    check.values(
        { n = 2, false, "cannot resume non-suspended coroutine" },
        coroutine.resume(thread)
    )
    coroutine.wrap(function()
        local ok, message = coroutine.resume(thread)
        eq(ok, false)
        check.has(message, "cannot resume")
        eq(coroutine.status(thread), "normal")
    end)()
end)

test("resume of a task that has ended is refused, whatever runs in its place", function()
    local task, thread = spawn(function() end)

    task:await()
    local others = {}
    for i = 1, 20 do
        others[i] = atlas.spawn(coroutine.yield)
    end
    atlas.checkpoint()
    check.values({ n = 2, false, "cannot resume dead coroutine" }, coroutine.resume(thread))
    eq(coroutine.status(thread), "dead")
    for i = 1, 20 do
        eq(others[i]:status(), "parked")
        others[i]:cancel()
    end
end)

test("resume of a task that waits for its children is refused", function()
    local task, thread = spawn(function()
        atlas.spawn(atlas.sleep, 0.005)
    end)

    check.values({ n = 2, false, "cannot resume dead coroutine" }, coroutine.resume(thread))
    task:await()
end)

test("cancelling a parked task raises at its yield", function()
    local ok, err, again
    local task = spawn(function()
        ok, err = pcall(coroutine.yield)
        again = select(2, pcall(coroutine.yield))
    end)

    task:cancel "why"
    task:pawait()
    eq(ok, false)
    check.ok(atlas.Cancelled.is(err))
    eq(err.reason, "why")
    check.ok(atlas.Cancelled.is(again), "the second yield did not raise")
end)

test("a deadline ends a parked task's yield as a Timeout", function()
    local ok, err = pcall(atlas.timeout, 0.005, coroutine.yield)

    eq(ok, false)
    check.ok(atlas.Timeout.is(err))
    check.values({ n = 2, true, "in time" }, atlas.move_on(1, function()
        local thread = coroutine.running()
        atlas.spawn(function()
            coroutine.resume(thread, "in time")
        end)
        return coroutine.yield()
    end))
end)

test("a resume that comes after the cancellation is refused", function()
    local task, thread = spawn(coroutine.yield)

    task:cancel()
    eq((coroutine.resume(thread, "late")), false)
    local ok, err = task:pawait()
    eq(ok, false)
    check.ok(atlas.TaskCancelled.is(err))
end)

test("a yield that catches all Cancelled does not keep others from running", function()
    local turns, stop = 0, false
    local task = spawn(function()
        while not stop do
            pcall(coroutine.yield)
            turns = turns + 1
        end
    end)

    task:cancel()
    for _ = 1, 10 do
        atlas.sleep(0.001)
    end
    stop = true
    task:pawait()
    check.ok(turns > 5, turns)
end)

test("yield in a generator inside a parked task is the generator's", function()
    local task, thread = spawn(function()
        local generate = coroutine.wrap(function(...)
            local n = select("#", ...)
            while true do
                n = select("#", coroutine.yield(n))
            end
        end)
        return generate(), generate(nil), coroutine.yield(), generate(1, nil)
    end)

    coroutine.resume(thread, "mine")
    check.values({ n = 4, 0, 1, "mine", 2 }, task:await())
end)

test("an error behind a yield goes to who awaits the task", function()
    local task, thread = spawn(function()
        error(coroutine.yield(), 0)
    end)

    coroutine.resume(thread, "the error")
    check.values({ n = 2, false, "the error" }, task:pawait())
end)

test("too many values are refused", function()
    local task, thread = spawn(coroutine.yield)
    local many = {}

    for i = 1, 5001 do
        many[i] = i
    end
    eq((coroutine.resume(thread, (table.unpack or unpack)(many))), false)
    eq(coroutine.resume(thread, (table.unpack or unpack)(many, 1, 5000)), true)
    eq(select("#", task:await()), 5000)
end)

test("a parked task's deferred functions run, and may yield too", function()
    local seen = {}
    local task, thread
    task = atlas.spawn(function()
        atlas.defer(function()
            thread = coroutine.running()
            seen[#seen + 1] = coroutine.yield()
        end)
    end)

    atlas.checkpoint()
    atlas.checkpoint()
    eq(coroutine.resume(thread, "deferred"), true)
    task:await()
    check.list(seen, { "deferred" })
end)

if coroutine.close then
    test("close is refused for tasks and for what waits inside one", function()
        local task, thread = spawn(coroutine.yield)

        check.has(check.raises(coroutine.close, thread), "the coroutine of a task")
        coroutine.resume(thread)
        task:await()
        eq(coroutine.close(thread), true)

        local inner = coroutine.create(function()
            atlas.sleep(0.005)
            return "end"
        end)
        local other = atlas.spawn(coroutine.resume, inner)
        atlas.checkpoint()
        check.has(check.raises(coroutine.close, inner), "waits for Atlas inside another task")
        check.values({ n = 2, true, "end" }, other:await())
    end)
end

test("a coroutine that waits inside another task is normal", function()
    local inner = coroutine.create(function()
        atlas.sleep(0.005)
        coroutine.yield()
    end)
    local task = atlas.spawn(coroutine.resume, inner)

    atlas.checkpoint()
    eq(coroutine.status(inner), "normal")
    task:await()
    eq(coroutine.status(inner), "suspended")
end)

test("tasks that are collected with their coroutine known leave nothing", function()
    for _ = 1, 50 do
        local task, thread = spawn(function()
            coroutine.yield()
        end)
        coroutine.resume(thread)
        task:await()
    end
    collectgarbage()
    collectgarbage()
    check.values({ n = 2, true, 5 }, coroutine.resume(coroutine.create(function()
        atlas.sleep(0)
        return 5
    end)))
end)
