-- group_test.lua - tasks that end together: group, all, race, map.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local is_cancelled, is_timeout = atlas.Cancelled.is, atlas.Timeout.is

local function fail_after(seconds, err)
    atlas.sleep(seconds)
    error(err, 0)
end

-- The number of tasks that run `fn` at the same time, at most: fn(enter, leave).
local function most_at_once(fn)
    local now, most = 0, 0

    fn(function()
        now = now + 1
        most = math.max(most, now)
    end, function()
        now = now - 1
    end)
    return most
end

-- --- what a group returns ---

test("a group returns what its function returns, nils included", function()
    check.values({ n = 3, nil, 1, nil }, atlas.group(function()
        return nil, 1, nil
    end))
    check.values({ n = 0 }, atlas.group(function() end))
end)

test("a group ends when all its tasks have", function()
    local ended = 0

    eq(atlas.group(function(g)
        for i = 1, 10 do
            g:spawn(function()
                atlas.sleep(0.001 * i)
                ended = ended + 1
            end)
        end
        return "body"
    end), "body")
    eq(ended, 10)
end)

test("a group ends when the tasks that its tasks spawned into it have", function()
    local ended = false

    atlas.group(function(g)
        g:spawn(function()
            atlas.sleep(0.001)
            g:spawn(function()
                atlas.sleep(0.002)
                ended = true
            end)
        end)
    end)
    eq(ended, true)
end)

test("spawn passes its arguments and returns the task", function()
    atlas.group(function(g)
        local task = g:spawn(math.max, 3, 9, 4)
        eq(task:await(), 9)
        check.values({ n = 3, nil, 2, nil }, g:spawn(function(...)
            return ...
        end, nil, 2, nil):await())
    end)
end)

test("a plain spawn in a group's function belongs to the task, not to the group", function()
    local outer
    local task = atlas.spawn(function()
        atlas.group(function()
            outer = atlas.spawn(atlas.sleep, 0.005)
        end)
        return outer:status()
    end)

    check.ok(task:await() ~= "done")
end)

test("groups nest", function()
    local order = {}
    local go, wait = atlas.callback()

    atlas.group(function(outer)
        outer:spawn(function()
            wait()
            order[#order + 1] = "outer"
        end)
        atlas.group(function(inner)
            inner:spawn(function()
                atlas.sleep(0.002)
                order[#order + 1] = "inner"
            end)
        end)
        order[#order + 1] = "body"
        go()
    end)
    check.list(order, { "inner", "body", "outer" })
end)

test("a group that is over takes no more tasks", function()
    local group

    atlas.group(function(g)
        group = g
    end)
    check.has(check.raises(function()
        group:spawn(print)
    end), check.here(-1) .. ": the group is over")
    check.values({ n = 0 }, group:cancel())
end)

test("next of a group that is over gives the tasks it has not given, then nil", function()
    local group, task

    atlas.group(function(g)
        group = g
        task = g:spawn(function() end)
    end)
    eq(group:next(), task)
    eq(group:next(), nil)
end)

-- --- errors ---

test("an error of a task cancels its siblings and is raised when all have ended", function()
    local err, cancelled = {}, 0
    local ended = false

    local ok, raised = pcall(atlas.group, function(g)
        for _ = 1, 3 do
            g:spawn(function()
                local _, e = pcall(atlas.sleep, 1000)
                cancelled = cancelled + (is_cancelled(e) and 1 or 0)
            end)
        end
        g:spawn(fail_after, 0.002, err)
        local _, e = pcall(atlas.sleep, 1000)
        check.ok(is_cancelled(e))
        ended = true
        error(e, 0)
    end)
    eq(ok, false)
    eq(raised, err)
    eq(cancelled, 3)
    eq(ended, true)
    eq(err.suppressed, nil)
end)

test("an error of the function cancels the tasks and is raised when all have ended", function()
    local err, cancelled = {}, false

    eq(check.raises(atlas.group, function(g)
        g:spawn(function()
            local _, e = pcall(atlas.sleep, 1000)
            cancelled = is_cancelled(e)
        end)
        atlas.checkpoint()
        error(err)
    end), err)
    eq(cancelled, true)
end)

test("a text that is raised stays that text", function()
    eq(check.raises(atlas.group, function(g)
        g:spawn(fail_after, 0, "just this")
    end), "just this")
end)

test("further errors are in the suppressed of the first one", function()
    local first, second, third = { 1 }, { 2 }, { 3 }
    local err = check.raises(atlas.group, function(g)
        for _, e in ipairs { second, third } do
            g:spawn(function()
                pcall(atlas.sleep, 1000)
                error(e)
            end)
        end
        g:spawn(fail_after, 0.002, first)
    end)

    eq(err, first)
    eq(#err.suppressed, 2)
    local sum = {}
    for _, e in ipairs(err.suppressed) do
        sum[e] = true
    end
    check.ok(sum[second] and sum[third])
end)

test("a text with further errors keeps its text", function()
    local err = check.raises(atlas.group, function(g)
        g:spawn(function()
            pcall(atlas.sleep, 1000)
            error("second", 0)
        end)
        g:spawn(fail_after, 0.002, "first")
    end)

    eq(tostring(err), "first")
    check.list(err.suppressed, { "second" })
end)

test("with collect the siblings of a failed task go on", function()
    local err, ended = {}, 0

    eq(check.raises(atlas.group, function(g)
        g:spawn(error, err)
        for _ = 1, 3 do
            g:spawn(function()
                atlas.sleep(0.005)
                ended = ended + 1
            end)
        end
    end, { on_error = "collect" }), err)
    eq(ended, 3)
end)

test("with collect all errors are told, in the order in which they came", function()
    local err = check.raises(atlas.group, function(g)
        for i = 3, 1, -1 do
            g:spawn(fail_after, i / 200, { i })
        end
    end, { on_error = "collect" })

    eq(err[1], 1)
    eq(#err.suppressed, 2)
    eq(err.suppressed[1][1], 2)
    eq(err.suppressed[2][1], 3)
end)

test("an error that was pawaited does not fail the group", function()
    eq(atlas.group(function(g)
        eq(g:spawn(fail_after, 0.001, "heard"):pawait(), false)
        atlas.sleep(0.001)
        return "fine"
    end), "fine")
end)

test("a task that was cancelled by itself does not fail the group", function()
    eq(atlas.group(function(g)
        local task = g:spawn(atlas.sleep, 1000)
        atlas.checkpoint()
        task:cancel()
        atlas.sleep(0.001)
        return "fine"
    end), "fine")
end)

test("an error in a group can be caught around it, and the task goes on", function()
    pcall(atlas.group, function(g)
        g:spawn(error, "on purpose")
    end)
    atlas.sleep(0.001)
    eq(atlas.cancelled(), nil)
end)

test("an error of a group has the traceback of the task that raised it", function()
    local line
    local task = atlas.spawn(function()
        atlas.group(function(g)
            g:spawn(function()
                atlas.sleep(0.001)
                line = check.here(1)
                error "on purpose"
            end)
        end)
    end)

    task:pawait()
    check.has(task:traceback(), line)
    check.lacks(task:traceback(), "<atlas>")
end)

test("a stack overflow of a task is an error of the group", function()
    local function deeper(n)
        return 1 + deeper(n + 1)
    end

    check.has(check.raises(atlas.group, function(g)
        g:spawn(deeper, 1)
    end), "stack overflow")
end)

-- --- cancel ---

test("cancel cancels what runs in the group, which then returns", function()
    local reason
    local results = { n = 0 }

    check.values(results, atlas.group(function(g)
        g:spawn(function()
            local _, err = pcall(atlas.sleep, 1000)
            reason = err.reason
        end)
        atlas.checkpoint()
        g:cancel "enough"
        atlas.sleep(1000) -- the function itself runs in the group too
        error "not reached"
    end))
    eq(reason, "enough")
end)

test("a function that returns behind cancel has its results returned", function()
    eq(atlas.group(function(g)
        g:spawn(atlas.sleep, 1000)
        g:cancel()
        return "result"
    end), "result")
end)

test("a task of a group may cancel the group", function()
    local started = atlas.now()

    atlas.group(function(g)
        g:spawn(atlas.sleep, 1000)
        g:spawn(function()
            atlas.sleep(0.001)
            g:cancel()
        end)
    end)
    check.ok(atlas.now() - started < 10)
    eq(atlas.cancelled(), nil)
    atlas.sleep(0.001)
end)

test("a task that never ran is not run behind cancel", function()
    local ran = false

    atlas.group(function(g)
        g:spawn(function()
            ran = true
        end)
        g:cancel()
    end)
    eq(ran, false)
end)

test("a task that is spawned behind cancel is not run", function()
    local ran, status = false, nil

    atlas.group(function(g)
        g:cancel()
        local task = g:spawn(function()
            ran = true
        end)
        pcall(atlas.checkpoint)
        g:spawn(print)
        status = task
    end)
    eq(ran, false)
    eq(status:status(), "cancelled")
end)

test("to cancel the task around a group cancels the group and goes on outward", function()
    local inner
    local task = atlas.spawn(function()
        atlas.group(function(g)
            inner = g:spawn(atlas.sleep, 1000)
        end)
        error "not reached"
    end)

    atlas.sleep(0.001)
    task:cancel "why"
    local ok, err = task:pawait()
    eq(ok, false)
    eq(err.reason, "why")
    eq(task:status(), "cancelled")
    eq(inner:status(), "cancelled")
end)

test("a group in a task that was cancelled raises and starts nothing", function()
    local ran = false
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 1000)
        return pcall(atlas.group, function()
            ran = true
        end)
    end)

    atlas.checkpoint()
    task:cancel()
    local ok, err = task:await()
    eq(ok, false)
    check.ok(is_cancelled(err))
    eq(ran, false)
end)

test("a group waits for tasks that clean up behind their cancellation", function()
    local cleaned = false

    atlas.group(function(g)
        g:spawn(function()
            pcall(atlas.sleep, 1000)
            atlas.shield(atlas.sleep, 0.005)
            cleaned = true
        end)
        atlas.checkpoint()
        g:cancel()
    end)
    eq(cleaned, true)
end)

-- --- limit ---

test("no more tasks than the limit run at a time, and all of them run", function()
    local ended = 0
    local most = most_at_once(function(enter, leave)
        atlas.group(function(g)
            for _ = 1, 50 do
                g:spawn(function()
                    enter()
                    atlas.sleep(0.001)
                    ended = ended + 1
                    leave()
                end)
            end
        end, { limit = 4 })
    end)

    eq(most, 4)
    eq(ended, 50)
end)

test("tasks beyond the limit run in the order in which they were spawned", function()
    local order = {}

    atlas.group(function(g)
        for i = 1, 6 do
            g:spawn(function()
                order[#order + 1] = i
                atlas.checkpoint()
            end)
        end
    end, { limit = 1 })
    check.list(order, { 1, 2, 3, 4, 5, 6 })
end)

test("an error cancels the tasks that wait for the limit", function()
    local ran = 0

    check.raises(atlas.group, function(g)
        for i = 1, 10 do
            g:spawn(function()
                ran = ran + 1
                atlas.checkpoint()
                error(i)
            end)
        end
    end, { limit = 1 })
    eq(ran, 1)
end)

test("a task that waits for the limit can be cancelled", function()
    local ran = false

    atlas.group(function(g)
        g:spawn(atlas.sleep, 0.01)
        local task = g:spawn(function()
            ran = true
        end)
        task:cancel()
        eq(task:pawait(), false)
    end, { limit = 1 })
    eq(ran, false)
end)

test("a task that waits for the limit can be awaited", function()
    eq(atlas.group(function(g)
        g:spawn(atlas.sleep, 0.002)
        return g:spawn(math.abs, -3):await()
    end, { limit = 1 }), 3)
end)

-- --- next ---

test("next gives the tasks in the order in which they end, then nil", function()
    local order = {}

    atlas.group(function(g)
        local index = {}
        for i = 1, 5 do
            index[g:spawn(atlas.sleep, (6 - i) / 100)] = i
        end
        for task in function() return g:next() end do
            order[#order + 1] = index[task]
            eq(task:status(), "done")
        end
        eq(g:next(), nil)
    end)
    check.list(order, { 5, 4, 3, 2, 1 })
end)

test("next gives tasks that ended before it was called, too", function()
    local n = 0

    atlas.group(function(g)
        for _ = 1, 5000 do
            g:spawn(function() end)
        end
        atlas.sleep(0.01)
        for _ in function() return g:next() end do
            n = n + 1
        end
    end)
    eq(n, 5000)
end)

test("next gives a task that has failed, whose error can then be heard", function()
    atlas.group(function(g)
        g:spawn(fail_after, 0.001, "heard")
        g:spawn(atlas.sleep, 0.002)
        local first, second = g:next(), g:next()
        eq(first:pawait(), false)
        eq(second:await(), true)
    end, { on_error = "collect" })
end)

test("several tasks in next each get another task", function()
    local seen, n = {}, 0

    atlas.group(function(outer)
        atlas.group(function(g)
            for i = 1, 3 do
                g:spawn(atlas.sleep, i / 200)
                outer:spawn(function()
                    local task = g:next()
                    check.ok(task and not seen[task])
                    seen[task] = true
                    n = n + 1
                end)
            end
        end)
    end)
    eq(n, 3)
end)

test("next can be cancelled by a deadline", function()
    atlas.group(function(g)
        local task = g:spawn(atlas.sleep, 1000)
        local ok, err = atlas.move_on(0.002, g.next, g)
        eq(ok, false)
        check.ok(is_timeout(err))
        task:cancel()
        eq(g:next(), task)
    end)
end)

-- --- all, race, map ---

test("all returns the first result of each, in the order of the list", function()
    check.list(atlas.all {
        function()
            atlas.sleep(0.005)
            return "slow", "unused"
        end,
        function()
            return "quick"
        end,
    }, { "slow", "quick" })
    eq(#atlas.all {}, 0)
end)

test("all runs its functions at the same time", function()
    local started = atlas.now()
    local list = {}

    for i = 1, 50 do
        list[i] = function()
            atlas.sleep(0.05)
            return i
        end
    end
    local results = atlas.all(list)
    eq(results[50], 50)
    check.ok(atlas.now() - started < 2)
end)

test("all raises the error of one, having cancelled the others", function()
    local err, cancelled = {}, false

    eq(check.raises(atlas.all, {
        function()
            fail_after(0.002, err)
        end,
        function()
            cancelled = not pcall(atlas.sleep, 1000)
        end,
    }), err)
    eq(cancelled, true)
end)

test("race returns which was first and its results, nils included", function()
    local cancelled = false

    check.values({ n = 4, 2, nil, "quick", nil }, atlas.race {
        function()
            cancelled = not pcall(atlas.sleep, 1000)
        end,
        function()
            atlas.sleep(0.001)
            return nil, "quick", nil
        end,
    })
    eq(cancelled, true)
end)

test("race raises the error of the one that is first", function()
    local err = {}

    eq(check.raises(atlas.race, {
        function()
            atlas.sleep(1000)
        end,
        function()
            fail_after(0.001, err)
        end,
    }), err)
end)

test("race is cancelled with its task", function()
    local task = atlas.spawn(atlas.race, {
        function()
            atlas.sleep(1000)
        end,
    })

    atlas.sleep(0.001)
    task:cancel()
    eq(task:pawait(), false)
    eq(task:status(), "cancelled")
end)

test("map calls the function with each item and its index", function()
    check.list(atlas.map({ "a", "b", "c" }, function(item, i)
        atlas.sleep((4 - i) / 1000)
        return item .. i
    end), { "a1", "b2", "c3" })
    eq(#atlas.map({}, error), 0)
end)

test("map runs no more than its limit at a time", function()
    local most = most_at_once(function(enter, leave)
        local list = {}
        for i = 1, 40 do
            list[i] = i
        end
        local results = atlas.map(list, function(i)
            enter()
            atlas.sleep(0.001)
            leave()
            return i * 2
        end, { limit = 8 })
        eq(#results, 40)
        eq(results[40], 80)
    end)

    eq(most, 8)
end)

test("map never leaves items out, whatever its limit is", function()
    for _, limit in ipairs { 0, 0.5, 1.5, -1, 0 / 0, "many", true } do
        local ok, results = pcall(atlas.map, { 1, 2, 3 }, math.abs, { limit = limit })
        if ok then
            check.list(results, { 1, 2, 3 })
        else
            check.has(results, "limit")
        end
    end
end)

test("map raises the error of one, having cancelled the others", function()
    local err, cancelled = {}, 0

    eq(check.raises(atlas.map, { 1, 2, 3 }, function(i)
        if i == 2 then
            fail_after(0.002, err)
        end
        if not pcall(atlas.sleep, 1000) then
            cancelled = cancelled + 1
        end
    end), err)
    eq(cancelled, 2)
end)

test("1,000 groups within each other", function()
    local function nest(level)
        if level == 0 then
            return "inmost"
        end
        return atlas.group(function(g)
            return g:spawn(nest, level - 1):await()
        end)
    end

    eq(nest(1000), "inmost")
end)
