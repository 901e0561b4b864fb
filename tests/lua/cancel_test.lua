-- cancel_test.lua - cancellation: level-triggered, downwards, and withdrawn.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local is_cancelled, is_task_cancelled = atlas.Cancelled.is, atlas.TaskCancelled.is

-- A task that stands in a long sleep.
local function sleeping()
    local task = atlas.spawn(atlas.sleep, 1000)

    atlas.checkpoint()
    return task
end

-- What `fn` raises in a task that is cancelled while it sleeps.
local function in_cancelled(fn, ...)
    local task = atlas.spawn(function(...)
        pcall(atlas.sleep, 1000)
        return pcall(fn, ...)
    end, ...)

    atlas.checkpoint()
    task:cancel "why"
    return task:await()
end

-- --- what the two sides get ---

test("the wait of a cancelled task raises Cancelled, with the reason", function()
    local task = atlas.spawn(function()
        return pcall(atlas.sleep, 1000)
    end)

    atlas.checkpoint()
    task:cancel "why"
    local ok, err = task:await()
    eq(ok, false)
    check.ok(is_cancelled(err))
    eq(err.reason, "why")
    eq(err.code, "ECANCELED")
    eq(tostring(err), "cancelled: why")
end)

test("Cancelled without a reason has none", function()
    local task = atlas.spawn(function()
        return pcall(atlas.sleep, 1000)
    end)

    atlas.checkpoint()
    task:cancel()
    local _, err = task:await()
    eq(err.reason, nil)
    eq(tostring(err), "cancelled")
end)

test("await of a cancelled task raises TaskCancelled, never Cancelled", function()
    local task = sleeping()

    task:cancel "why"
    local err = check.raises(task.await, task)
    eq(is_task_cancelled(err), true)
    eq(is_cancelled(err), false)
    eq(err.reason, "why")
    check.has(tostring(err), "cancelled: why")
end)

test("pawait of a cancelled task returns false and TaskCancelled", function()
    local task = sleeping()

    task:cancel()
    for _ = 1, 2 do
        local ok, err = task:pawait()
        eq(ok, false)
        eq(is_task_cancelled(err), true)
    end
end)

test("every one of several awaiters gets TaskCancelled", function()
    local task = sleeping()
    local awaiters = {}

    for i = 1, 5 do
        awaiters[i] = atlas.spawn(task.pawait, task)
    end
    atlas.checkpoint()
    task:cancel "why"
    for i = 1, 5 do
        local ok, err = awaiters[i]:await()
        eq(ok, false)
        eq(is_task_cancelled(err), true)
        eq(err.reason, "why")
    end
end)

test("TaskCancelled that leaves a task is an error of that task", function()
    local inner
    local outer = atlas.spawn(function()
        inner = sleeping()
        inner:await()
    end)

    atlas.checkpoint()
    atlas.checkpoint()
    inner:cancel()
    local ok, err = outer:pawait()
    eq(ok, false)
    eq(is_task_cancelled(err), true)
    eq(outer:status(), "failed")
end)

test("a reason may be any value", function()
    for _, reason in ipairs { false, 0, "", {}, print } do
        local task = sleeping()
        task:cancel(reason)
        local _, err = task:pawait()
        eq(err.reason, reason)
    end
end)

test("the classes tell their own from all else", function()
    for _, value in ipairs { "cancelled", 1, {}, print, atlas.current() } do
        eq(is_cancelled(value), false)
        eq(is_task_cancelled(value), false)
    end
    eq(is_cancelled(nil), false)
end)

-- --- level-triggered ---

test("each later sleep raises Cancelled, whatever pcall caught", function()
    local raised = 0
    local task = atlas.spawn(function()
        for _ = 1, 5 do
            local ok, err = pcall(atlas.sleep, 1000)
            if not ok and is_cancelled(err) and err.reason == "why" then
                raised = raised + 1
            end
        end
        return "body"
    end)

    atlas.checkpoint()
    task:cancel "why"
    eq(task:await(), "body")
    eq(raised, 5)
    eq(task:status(), "done")
end)

local later = {
    ["sleep(0)"] = function()
        atlas.sleep(0)
    end,
    ["checkpoint"] = function()
        atlas.checkpoint()
    end,
    ["spawn"] = function()
        atlas.spawn(print)
    end,
    ["await of a running task"] = function(other)
        other:await()
    end,
    ["pawait of a running task"] = function(other)
        other:pawait()
    end,
    ["await of a finished task"] = function(_, finished)
        finished:await()
    end,
    ["the wait of a callback"] = function()
        local _, wait = atlas.callback()
        wait()
    end,
    ["the wait of a callback that was called"] = function()
        local callback, wait = atlas.callback()
        callback()
        wait()
    end,
    ["atlas.await"] = function()
        atlas.await(function(callback)
            callback(nil, 1)
        end)
    end,
    ["suspend"] = function()
        atlas.suspend(function() end)
    end,
}

for name, fn in check.each(later) do
    test(name .. " raises Cancelled in a task that was cancelled", function()
        local other, finished = sleeping(), atlas.spawn(math.abs, 1)

        finished:await()
        local ok, err = in_cancelled(fn, other, finished)
        eq(ok, false)
        check.ok(is_cancelled(err), tostring(err))
        eq(err.reason, "why")
        other:cancel()
    end)
end

test("await starts nothing in a task that was cancelled", function()
    local started = false

    in_cancelled(function()
        atlas.await(function()
            started = true
        end)
    end)
    eq(started, false)
end)

test("suspend starts nothing in a task that was cancelled", function()
    local started = false

    in_cancelled(function()
        atlas.suspend(function()
            started = true
        end)
    end)
    eq(started, false)
end)

test("a task may cancel itself: its next checkpoint raises", function()
    local reached = false
    local task = atlas.spawn(function()
        atlas.current():cancel "enough"
        reached = true
        atlas.sleep(1000)
    end)
    local ok, err = task:pawait()

    eq(ok, false)
    eq(reached, true)
    eq(err.reason, "enough")
end)

test("a cancelled task that fails otherwise has failed with that error", function()
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 1000)
        error("other", 0)
    end)

    atlas.checkpoint()
    task:cancel()
    check.values({ n = 2, false, "other" }, task:pawait())
    eq(task:status(), "failed")
end)

-- --- when it comes ---

test("a task that was cancelled before it ran never runs", function()
    local ran = false
    local task = atlas.spawn(function()
        ran = true
    end)

    task:cancel "early"
    local ok, err = task:pawait()
    eq(ran, false)
    eq(ok, false)
    eq(is_task_cancelled(err), true)
    eq(err.reason, "early")
    eq(task:status(), "cancelled")
end)

test("tasks that never ran leave coroutines that work", function()
    for i = 1, 200 do
        local tasks = {}
        for k = 1, 3 do
            tasks[k] = atlas.spawn(error, "must not run")
        end
        for k = 1, 3 do
            tasks[k]:cancel()
        end
        eq(atlas.spawn(math.abs, -i):await(), i)
    end
end)

test("to cancel a finished task changes nothing", function()
    local task = atlas.spawn(math.abs, -4)

    task:await()
    task:cancel "late"
    eq(task:await(), 4)
    eq(task:status(), "done")
end)

test("the first reason is the one that stays", function()
    local task = sleeping()

    task:cancel "first"
    task:cancel "second"
    local _, err = task:pawait()
    eq(err.reason, "first")
end)

test("results that were there before the cancellation are not lost", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(function()
        local got = wait()
        return got, pcall(atlas.checkpoint)
    end)

    atlas.checkpoint()
    callback "result"
    task:cancel()
    local got, ok, err = task:await()
    eq(got, "result")
    eq(ok, false)
    check.ok(is_cancelled(err))
end)

test("a cancelled sleep ends at once", function()
    local started = atlas.now()
    local task = sleeping()

    task:cancel()
    task:pawait()
    check.ok(atlas.now() - started < 5)
end)

-- --- downwards ---

test("to cancel a task cancels its children and theirs", function()
    local cancelled = {}

    local function nest(level)
        if level < 4 then
            atlas.spawn(nest, level + 1)
        end
        local _, err = pcall(atlas.sleep, 1000)
        cancelled[level] = is_cancelled(err) and err.reason
    end
    local task = atlas.spawn(nest, 1)
    atlas.sleep(0.005)
    task:cancel "all"
    task:pawait()
    check.list(cancelled, { "all", "all", "all", "all" })
end)

test("a cancelled parent ends after its children", function()
    local cleaned = false
    local task = atlas.spawn(function()
        atlas.spawn(function()
            pcall(atlas.sleep, 1000)
            cleaned = true
        end)
        atlas.sleep(1000)
    end)

    atlas.checkpoint()
    atlas.checkpoint()
    task:cancel()
    task:pawait()
    eq(cleaned, true)
end)

test("to cancel a child leaves parent and siblings alone", function()
    local parent = atlas.spawn(function()
        local victim = atlas.spawn(atlas.sleep, 1000)
        local sibling = atlas.spawn(function()
            atlas.sleep(0.005)
            return "sibling"
        end)
        atlas.checkpoint()
        victim:cancel()
        atlas.sleep(0.001)
        return sibling:await()
    end)

    eq(parent:await(), "sibling")
end)

test("to cancel an awaiter leaves the awaited task alone", function()
    local task = atlas.spawn(function()
        atlas.sleep(0.005)
        return "result"
    end)
    local awaiter = atlas.spawn(task.await, task)

    atlas.checkpoint()
    awaiter:cancel()
    eq(awaiter:pawait(), false)
    eq(task:await(), "result")
end)

test("a child may cancel its parent, and goes with it", function()
    local seen
    local parent
    parent = atlas.spawn(function()
        atlas.spawn(function()
            parent:cancel "from below"
            local _, err = pcall(atlas.checkpoint)
            seen = err.reason
        end)
        atlas.sleep(1000)
    end)

    eq(parent:pawait(), false)
    eq(seen, "from below")
end)

test("to cancel a task that joins its children cancels these and keeps its results", function()
    local child
    local task = atlas.spawn(function()
        child = atlas.spawn(atlas.sleep, 1000)
        return "result"
    end)

    atlas.checkpoint()
    eq(task:status(), "joining")
    task:cancel()
    eq(task:await(), "result")
    eq(child:status(), "cancelled")
end)

test("an inner reason goes before the outer one", function()
    local child
    local parent = atlas.spawn(function()
        child = atlas.spawn(function()
            local _, err = pcall(atlas.sleep, 1000)
            return err.reason
        end)
        atlas.sleep(1000)
    end)

    atlas.checkpoint()
    atlas.checkpoint()
    child:cancel "inner"
    parent:cancel "outer"
    parent:pawait()
    eq(child:await(), "inner")
end)

-- --- withdrawn ---

test("a callback that comes after the cancellation reaches nobody", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(wait)

    atlas.checkpoint()
    task:cancel()
    callback "late"
    local _, err = task:pawait()
    eq(is_task_cancelled(err), true)
end)

test("a late callback does not wake the task that waits with the same memory", function()
    local late = {}
    local waiting = {}

    for i = 1, 20 do
        local callback, wait = atlas.callback()
        local task = atlas.spawn(wait)
        atlas.checkpoint()
        task:cancel()
        task:pawait()
        late[i] = callback
        waiting[i] = atlas.spawn(atlas.sleep, 60)
    end
    atlas.checkpoint()
    for i = 1, 20 do
        late[i] "late"
    end
    for i = 1, 20 do
        eq(waiting[i]:status(), "waiting")
    end
    for i = 1, 20 do
        waiting[i]:cancel()
        check.ok(not waiting[i]:pawait()) -- it slept until now
    end
end)

test("a cancelled sleep does not come back", function()
    local wakes = 0
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 0.005)
        wakes = wakes + 1
    end)

    atlas.checkpoint()
    task:cancel()
    task:await()
    atlas.sleep(0.01)
    eq(wakes, 1)
end)

test("half of 2,000 sleeps are cancelled, the others end as they should", function()
    local tasks, started = {}, atlas.now()

    for i = 1, 2000 do
        tasks[i] = atlas.spawn(atlas.sleep, 0.001 + i % 40 / 1000)
    end
    atlas.sleep(0.01)
    for i = 1, 2000, 2 do
        tasks[i]:cancel()
    end
    for i = 1, 2000 do
        local ok = tasks[i]:pawait()
        -- Those that had slept enough when they were to be cancelled are done.
        check.ok(ok or i % 2 == 1)
        eq(tasks[i]:status(), ok and "done" or "cancelled")
    end
    check.ok(atlas.now() - started >= 0.039)
end)

test("the classes have the codes of their errors", function()
    eq(atlas.Cancelled.code, "ECANCELED")
    eq(atlas.TaskCancelled.code, "ETASKCANCELED")
    eq(atlas.Timeout.code, "ETIMEDOUT")
end)
