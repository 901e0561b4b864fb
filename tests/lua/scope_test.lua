-- scope_test.lua - deadlines, shields, and what is done at a task's end.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local is_cancelled, is_timeout = atlas.Cancelled.is, atlas.Timeout.is

local function duration(fn, ...)
    local started = atlas.now()

    fn(...)
    return atlas.now() - started
end

-- --- timeout ---

test("timeout returns what its function returns, nils included", function()
    check.values({ n = 3, nil, 5, nil }, atlas.timeout(10, function(a, b)
        atlas.sleep(0.001)
        return nil, a + b, nil
    end, 2, 3))
    check.values({ n = 0 }, atlas.timeout(10, function() end))
end)

test("timeout raises Timeout when the time is over, not before", function()
    local err
    local elapsed = duration(function()
        err = check.raises(atlas.timeout, 0.02, atlas.sleep, 1000)
    end)

    check.ok(is_timeout(err))
    eq(err.code, "ETIMEDOUT")
    eq(err.scope.seconds, 0.02)
    check.has(tostring(err), "timed out")
    check.ok(elapsed >= 0.02 and elapsed < 5, tostring(elapsed))
end)

test("inside, the end of the time is Cancelled at each checkpoint", function()
    local raised = 0

    check.ok(is_timeout(check.raises(atlas.timeout, 0.002, function()
        for _ = 1, 3 do
            local ok, err = pcall(atlas.sleep, 1000)
            check.ok(not ok and is_cancelled(err))
            raised = raised + 1
        end
        atlas.checkpoint()
    end)))
    eq(raised, 3)
end)

test("behind a timeout that has passed the task goes on", function()
    pcall(atlas.timeout, 0.001, atlas.sleep, 1000)
    check.values({ n = 1, true }, atlas.sleep(0.001))
    eq(atlas.cancelled(), nil)
    eq(atlas.deadline(), nil)
end)

test("a function that returns all the same has its results returned", function()
    eq(atlas.timeout(0.002, function()
        pcall(atlas.sleep, 1000)
        return "late"
    end), "late")
end)

test("a function that fails otherwise has its error raised", function()
    local err = {}

    eq(check.raises(atlas.timeout, 0.002, function()
        pcall(atlas.sleep, 1000)
        error(err)
    end), err)
end)

test("an error before the end of the time is raised as it is, with its traceback", function()
    local line
    local task = atlas.spawn(function()
        atlas.timeout(10, function()
            line = check.here(1)
            error "on purpose"
        end)
    end)
    local _, err = task:pawait()

    check.has(err, "on purpose")
    check.has(task:traceback(), line)
    check.lacks(task:traceback(), "<atlas>")
end)

test("of nested deadlines the outer one that passes is the one that raises", function()
    local err = check.raises(atlas.timeout, 0.005, function()
        atlas.timeout(1000, atlas.sleep, 2000)
    end)

    eq(err.scope.seconds, 0.005)
end)

test("of nested deadlines the inner one that passes can be caught inside", function()
    local inner

    eq(atlas.timeout(1000, function()
        local _, err = pcall(atlas.timeout, 0.002, atlas.sleep, 2000)
        inner = err
        atlas.sleep(0.001)
        return "went on"
    end), "went on")
    eq(inner.scope.seconds, 0.002)
end)

test("a timeout of 0 raises at the first checkpoint", function()
    local passed = 0

    check.ok(is_timeout(check.raises(atlas.timeout, 0, function()
        for _ = 1, 5 do
            atlas.checkpoint()
            passed = passed + 1
        end
    end)))
    eq(passed, 0)
end)

test("a deadline that passed while the task was busy raises at the next checkpoint", function()
    local passed = 0

    check.ok(is_timeout(check.raises(atlas.timeout, 0.005, function()
        local stop = atlas.now() + 0.01
        repeat
        until atlas.now() > stop
        for _ = 1, 5 do
            atlas.checkpoint()
            passed = passed + 1
        end
    end)))
    eq(passed, 0)
end)

test("a timeout of math.huge never passes", function()
    eq(atlas.timeout(math.huge, function()
        atlas.sleep(0.001)
        return atlas.deadline()
    end), nil)
end)

test("tasks that are spawned inside inherit the deadline", function()
    local inherited, reason
    local err = check.raises(atlas.timeout, 0.01, function()
        atlas.spawn(function()
            inherited = atlas.deadline()
            local _, e = pcall(atlas.sleep, 1000)
            reason = e
        end)
        atlas.sleep(1000)
    end)

    check.ok(is_timeout(err))
    atlas.checkpoint()
    check.ok(inherited > 0 and inherited <= 0.01, tostring(inherited))
    check.ok(is_cancelled(reason))
end)

test("a timeout inside a task that is cancelled lets Cancelled go out", function()
    local task = atlas.spawn(atlas.timeout, 1000, atlas.sleep, 2000)

    atlas.checkpoint()
    task:cancel "why"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
    eq(task:status(), "cancelled")
end)

test("a timeout around an await leaves the awaited task alone", function()
    local task = atlas.spawn(function()
        atlas.sleep(0.02)
        return "result"
    end)

    check.ok(is_timeout(check.raises(atlas.timeout, 0.002, task.await, task)))
    eq(task:await(), "result")
end)

test("a timeout around a group cancels its tasks and comes when they have ended", function()
    local cleaned = false
    local err = check.raises(atlas.timeout, 0.002, function()
        atlas.group(function(g)
            g:spawn(function()
                pcall(atlas.sleep, 1000)
                atlas.shield(atlas.sleep, 0.005)
                cleaned = true
            end)
        end)
    end)

    check.ok(is_timeout(err))
    eq(cleaned, true)
end)

test("timeouts nest 50 deep", function()
    local function nest(level)
        if level == 0 then
            return atlas.sleep(1000)
        end
        return atlas.timeout(level == 25 and 0.005 or 1000, nest, level - 1)
    end

    eq(check.raises(nest, 50).scope.seconds, 0.005)
    eq(atlas.deadline(), nil)
end)

-- --- move_on, deadline, cancelled ---

test("move_on returns true and the results in time", function()
    check.values({ n = 3, true, "a", nil }, atlas.move_on(10, function()
        return "a", nil
    end))
end)

test("move_on returns false and the Timeout when the time is over", function()
    local ok, err = atlas.move_on(0.002, atlas.sleep, 1000)

    eq(ok, false)
    check.ok(is_timeout(err))
    eq(err.scope.seconds, 0.002)
end)

test("move_on raises other errors", function()
    local err = {}

    eq(check.raises(atlas.move_on, 10, error, err), err)
end)

test("deadline is what is left of the nearest one", function()
    eq(atlas.deadline(), nil)
    atlas.timeout(1000, function()
        local outer = atlas.deadline()
        check.ok(outer > 990 and outer <= 1000)
        atlas.timeout(10, function()
            local inner = atlas.deadline()
            check.ok(inner > 5 and inner <= 10)
            atlas.timeout(500, function()
                check.ok(atlas.deadline() <= inner)
            end)
        end)
        check.ok(atlas.deadline() > 900)
    end)
    eq(atlas.deadline(), nil)
end)

test("cancelled is the reason, true without one, nil before", function()
    for _, reason in ipairs { "why", false } do
        local task = atlas.spawn(function()
            eq(atlas.cancelled(), nil)
            pcall(atlas.sleep, 1000)
            return atlas.cancelled()
        end)
        atlas.checkpoint()
        task:cancel(reason or nil)
        eq(task:await(), reason or true)
    end
end)

-- --- shield ---

test("shield returns what its function returns, nils included", function()
    check.values({ n = 3, 1, nil, nil }, atlas.shield(function(...)
        return ...
    end, 1, nil, nil))
end)

test("shield raises what its function raises", function()
    local err = {}

    eq(check.raises(atlas.shield, error, err), err)
end)

test("what is shielded goes on when its task is cancelled, which raises behind it", function()
    local inside, behind = false, false
    local task = atlas.spawn(function()
        atlas.shield(function()
            atlas.sleep(0.005)
            atlas.sleep(0.001)
            inside = true
        end)
        atlas.checkpoint()
        behind = true
    end)

    atlas.checkpoint()
    task:cancel()
    eq(task:pawait(), false)
    eq(inside, true)
    eq(behind, false)
end)

test("what is shielded works in a task that was cancelled before", function()
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 1000)
        return atlas.shield(function()
            eq(atlas.cancelled(), nil)
            return atlas.spawn(function()
                atlas.sleep(0.001)
                return "cleaned"
            end):await()
        end)
    end)

    atlas.checkpoint()
    task:cancel()
    eq(task:await(), "cleaned")
end)

test("a timeout inside a shield passes", function()
    eq(atlas.shield(atlas.move_on, 0.002, atlas.sleep, 1000), false)
end)

test("what is shielded ends 5 s behind the cancellation", function()
    local seen
    local task = atlas.spawn(function()
        atlas.shield(function()
            local _, err = pcall(atlas.sleep, 1000)
            seen = err
        end)
    end)

    atlas.checkpoint()
    local elapsed = duration(function()
        task:cancel()
        task:pawait()
    end)
    check.ok(is_cancelled(seen))
    check.ok(elapsed >= 4.9 and elapsed < 10, tostring(elapsed))
end)

-- --- defer ---

test("deferred functions run at the task's end, the last one first, with arguments", function()
    local order = {}
    local function note(...)
        order[#order + 1] = table.concat({ ... }, " ")
    end

    eq(atlas.spawn(function()
        atlas.defer(note, "first", 1)
        atlas.defer(note, "second", 2)
        atlas.defer(note)
        note "body"
        return "result"
    end):await(), "result")
    check.list(order, { "body", "", "second 2", "first 1" })
end)

test("deferred functions run when the children have ended", function()
    local order = {}

    atlas.spawn(function()
        atlas.defer(function()
            order[#order + 1] = "deferred"
        end)
        atlas.spawn(function()
            atlas.sleep(0.002)
            order[#order + 1] = "child"
        end)
    end):await()
    check.list(order, { "child", "deferred" })
end)

test("deferred functions run behind an error, which stays", function()
    local err, ran = {}, false
    local task = atlas.spawn(function()
        atlas.defer(function()
            ran = true
        end)
        error(err)
    end)

    check.values({ n = 2, false, err }, task:pawait())
    eq(ran, true)
end)

test("deferred functions may wait behind a cancellation", function()
    local ran = false
    local task = atlas.spawn(function()
        atlas.defer(function()
            atlas.sleep(0.002)
            ran = true
        end)
        atlas.sleep(1000)
    end)

    atlas.checkpoint()
    task:cancel()
    eq(task:pawait(), false)
    eq(ran, true)
    eq(task:status(), "cancelled")
end)

test("deferred functions run when the task's stack has overflowed", function()
    local ran = false
    local function deeper(n)
        return 1 + deeper(n + 1)
    end
    local _, err = atlas.spawn(function()
        atlas.defer(function()
            atlas.sleep(0.001)
            ran = true
        end)
        deeper(1)
    end):pawait()

    check.has(err, "stack overflow")
    eq(ran, true)
end)

test("deferred functions do not run in a task that never ran", function()
    local ran = false
    local task = atlas.spawn(function()
        atlas.defer(function()
            ran = true
        end)
    end)

    task:cancel()
    eq(task:pawait(), false)
    eq(ran, false)
end)

test("a deferred function may spawn, and await", function()
    local result

    atlas.spawn(function()
        atlas.defer(function()
            result = atlas.spawn(math.abs, -5):await()
        end)
    end):await()
    eq(result, 5)
end)

test("what a deferred function defers runs once, behind it", function()
    local order = {}

    atlas.spawn(function()
        atlas.defer(function()
            order[#order + 1] = "first"
        end)
        atlas.defer(function()
            order[#order + 1] = "second"
            if #order < 10 then
                atlas.defer(function()
                    order[#order + 1] = "inner"
                end)
            end
        end)
    end):await()
    local count = {}
    for _, name in ipairs(order) do
        count[name] = (count[name] or 0) + 1
    end
    eq(count.first, 1)
    eq(count.second, 1)
    eq(count.inner, 1)
end)

test("the results of a task with deferred functions are whole", function()
    check.values({ n = 4, nil, 1, nil, nil }, atlas.spawn(function()
        atlas.defer(atlas.checkpoint)
        return nil, 1, nil, nil
    end):await())
    local list = {}
    for i = 1, 5000 do
        list[i] = i
    end
    eq(select("#", atlas.spawn(function()
        atlas.defer(atlas.checkpoint)
        return (table.unpack or unpack)(list)
    end):await()), 5000)
end)

-- --- detach ---

test("a detached task outlives the task that spawned it", function()
    local ended, detached = false, nil

    atlas.spawn(function()
        detached = atlas.detach(function()
            atlas.sleep(0.005)
            ended = true
            return "result"
        end)
    end):await()
    eq(ended, false)
    eq(detached:await(), "result")
    eq(ended, true)
end)

test("to cancel the task around it leaves a detached task alone", function()
    local detached
    local task = atlas.spawn(function()
        detached = atlas.detach(function()
            atlas.sleep(0.005)
            return "result"
        end)
        atlas.sleep(1000)
    end)

    atlas.checkpoint()
    task:cancel()
    eq(task:pawait(), false)
    eq(detached:await(), "result")
end)

test("a deadline around it does not reach a detached task", function()
    local detached

    atlas.move_on(0.002, function()
        detached = atlas.detach(function()
            eq(atlas.deadline(), nil)
            atlas.sleep(0.01)
            return "result"
        end)
        atlas.sleep(1000)
    end)
    eq(detached:await(), "result")
end)

test("a detached task can be cancelled", function()
    local detached = atlas.detach(atlas.sleep, 1000)

    atlas.checkpoint()
    detached:cancel()
    eq(detached:pawait(), false)
end)

-- --- generators that yield inside a scope ---

test("a timeout in which a generator has yielded is not around its caller", function()
    local generate = coroutine.wrap(function()
        return pcall(atlas.timeout, 0.005, function()
            coroutine.yield(atlas.deadline())
            atlas.sleep(0.001)
        end)
    end)

    check.ok(generate() <= 0.005)
    eq(atlas.deadline(), nil)
    eq(atlas.sleep(0.01), true) -- the generator's deadline passes
    eq(atlas.cancelled(), nil)
    local ok, err = generate()
    eq(ok, false)
    check.ok(atlas.Timeout.is(err))
    eq(atlas.sleep(0), true)
end)

test("what is around the caller is around the generator that it resumes", function()
    local ended
    local generate = coroutine.wrap(function()
        pcall(atlas.timeout, 60, function()
            coroutine.yield()
            ended = { pcall(atlas.sleep, 50) }
            coroutine.yield()
        end)
    end)

    generate()
    local ok, err = pcall(atlas.timeout, 0.005, function()
        check.ok(atlas.deadline() <= 0.005)
        generate()
        atlas.sleep(50)
    end)
    eq(ok, false)
    check.ok(atlas.Timeout.is(err))
    eq(ended[1], false)
    check.ok(atlas.Cancelled.is(ended[2]))
    eq(atlas.sleep(0), true)
end)

test("a generator that goes on in another task is in none of the scopes of the first", function()
    local generate = coroutine.wrap(function()
        atlas.timeout(0.001, function()
            atlas.timeout(60, function()
                coroutine.yield()
                atlas.sleep(0.01)
            end)
        end)
        return "over"
    end)
    local first = atlas.spawn(function()
        generate()
        atlas.sleep(0.02)
        return "untouched"
    end)

    atlas.checkpoint()
    eq(atlas.spawn(generate):await(), "over")
    eq(first:await(), "untouched")
end)

test("a shield that a generator has yielded in does not shield its caller", function()
    local generate = coroutine.wrap(function()
        atlas.shield(function()
            coroutine.yield()
            atlas.sleep(0.001)
            coroutine.yield "shielded"
        end)
    end)
    local got, ok
    local task = atlas.spawn(function()
        generate()
        ok = pcall(atlas.sleep, 50)
        got = generate()
    end)

    atlas.checkpoint()
    task:cancel()
    task:pawait()
    eq(ok, false)
    eq(got, "shielded")
end)

test("a generator inside a generator each have their own scopes", function()
    local seen = {}
    local outer = coroutine.wrap(function()
        local inner = coroutine.wrap(function()
            atlas.timeout(1, function()
                coroutine.yield(atlas.deadline())
                coroutine.yield(atlas.deadline())
            end)
        end)
        atlas.timeout(10, function()
            seen[1] = inner()
            seen[2] = atlas.deadline()
            coroutine.yield()
            seen[3] = inner()
            seen[4] = atlas.deadline()
        end)
        inner()
        seen[5] = atlas.deadline() or "none"
    end)

    outer()
    eq(atlas.deadline(), nil)
    outer()
    check.ok(seen[1] <= 1 and seen[2] > 1 and seen[3] <= 1 and seen[4] > 1)
    eq(seen[5], "none")
end)
