-- task_test.lua - tasks: spawn, await, status, name, children.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local main = atlas.current()

-- --- spawn ---

test("a spawned function does not run before the next checkpoint", function()
    local ran = false

    atlas.spawn(function()
        ran = true
    end)
    eq(ran, false)
    atlas.checkpoint()
    eq(ran, true)
end)

test("spawn passes its arguments, nils included", function()
    local function body(...)
        check.values({ n = 4, nil, 2, nil, nil }, ...)
    end

    atlas.spawn(body, nil, 2, nil, nil):await()
end)

test("spawn passes no arguments if there are none", function()
    eq(atlas.spawn(select, "#"):await(), 0)
end)

test("spawn takes any callable value", function()
    local callable = setmetatable({}, {
        __call = function(self, a, b)
            return self, a + b
        end,
    })

    check.values({ n = 2, callable, 5 }, atlas.spawn(callable, 2, 3):await())
end)

test("spawn takes a C function", function()
    eq(atlas.spawn(math.max, 3, 9, 4):await(), 9)
end)

test("tasks run in the order in which they were spawned", function()
    local order = {}

    for i = 1, 5 do
        atlas.spawn(function()
            order[#order + 1] = i
        end)
    end
    atlas.checkpoint()
    check.list(order, { 1, 2, 3, 4, 5 })
end)

test("a task that nobody holds runs to its end", function()
    local ended = false

    atlas.spawn(function()
        for _ = 1, 5 do
            collectgarbage()
            atlas.checkpoint()
        end
        ended = true
    end)
    for _ = 1, 10 do
        collectgarbage()
        atlas.checkpoint()
    end
    eq(ended, true)
end)

-- --- await ---

test("await returns every result, nils included", function()
    local task = atlas.spawn(function()
        return nil, 1, nil
    end)

    check.values({ n = 3, nil, 1, nil }, task:await())
end)

test("await returns nothing of a function that returns nothing", function()
    check.values({ n = 0 }, atlas.spawn(function() end):await())
end)

test("pawait returns true and the results", function()
    local task = atlas.spawn(function()
        return "a", nil
    end)

    check.values({ n = 3, true, "a", nil }, task:pawait())
end)

test("a finished task may be awaited, again and again", function()
    local task = atlas.spawn(function()
        return 7, nil
    end)

    check.values({ n = 2, 7, nil }, task:await())
    check.values({ n = 2, 7, nil }, task:await())
    check.values({ n = 3, true, 7, nil }, task:pawait())
    collectgarbage()
    check.values({ n = 2, 7, nil }, task:await())
end)

test("every one of several awaiters gets the results", function()
    local task = atlas.spawn(function()
        atlas.sleep(0.002)
        return "result", nil
    end)
    local awaiters = {}

    for i = 1, 10 do
        awaiters[i] = atlas.spawn(function()
            return task:await()
        end)
    end
    for i = 1, 10 do
        check.values({ n = 2, "result", nil }, awaiters[i]:await())
    end
end)

test("awaiters go on in the order in which they came", function()
    local order = {}
    local task = atlas.spawn(atlas.sleep, 0.002)

    for i = 1, 5 do
        atlas.spawn(function()
            task:await()
            order[#order + 1] = i
        end)
    end
    task:await()
    atlas.checkpoint()
    check.list(order, { 1, 2, 3, 4, 5 })
end)

test("a task may be awaited by one that is not its parent", function()
    local inner
    local outer = atlas.spawn(function()
        inner = atlas.spawn(function()
            atlas.sleep(0.002)
            return "inner"
        end)
        atlas.sleep(60)
    end)

    atlas.checkpoint()
    eq(inner:await(), "inner")
    eq(outer:status(), "waiting")
    outer:cancel()
end)

test("the results of a task outlive the task around it", function()
    local inner

    atlas.spawn(function()
        inner = atlas.spawn(function()
            return { "kept" }
        end)
    end):await()
    collectgarbage()
    eq(inner:await()[1], "kept")
end)

test("a task cannot await itself", function()
    local err = check.raises(function()
        atlas.current():await()
    end)

    check.has(err, "a task cannot await itself")
end)

test("await and pawait can be passed around as functions", function()
    local task = atlas.spawn(math.abs, -3)

    eq(atlas.spawn(task.await, task):await(), 3)
end)

-- --- children ---

test("a task ends after its children", function()
    local ended = false
    local task = atlas.spawn(function()
        atlas.spawn(function()
            atlas.sleep(0.01)
            ended = true
        end)
        return "body"
    end)

    eq(task:await(), "body")
    eq(ended, true)
end)

test("a task ends after its children's children", function()
    local ended = 0

    local function nest(level)
        if level > 0 then
            atlas.spawn(nest, level - 1)
        end
        atlas.sleep(0.001 * level)
        ended = ended + 1
    end
    atlas.spawn(nest, 8):await()
    eq(ended, 9)
end)

test("children that were spawned while the task joins are joined too", function()
    local ended = false

    atlas.spawn(function()
        atlas.spawn(function()
            atlas.checkpoint() -- the parent's body has ended by now
            atlas.spawn(function()
                atlas.sleep(0.005)
                ended = true
            end)
        end)
    end):await()
    eq(ended, true)
end)

-- --- current, status, name ---

test("current() is the task that runs", function()
    local seen
    local task = atlas.spawn(function()
        seen = atlas.current()
        atlas.sleep(0)
        return seen == atlas.current()
    end)

    eq(task:await(), true)
    eq(seen, task)
    check.ok(atlas.current() ~= task)
    check.ok(atlas.current() ~= main)
end)

test("status is new before the task has run", function()
    eq(atlas.spawn(function() end):status(), "new")
end)

test("status is running while it runs", function()
    eq(atlas.current():status(), "running")
end)

test("status is waiting while it waits", function()
    local task = atlas.spawn(atlas.sleep, 0.01)

    atlas.checkpoint()
    eq(task:status(), "waiting")
end)

test("status is ready between its wake-up and its run", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(wait)

    atlas.checkpoint()
    callback()
    eq(task:status(), "ready")
end)

test("status is joining while only its children run", function()
    local task = atlas.spawn(function()
        atlas.spawn(atlas.sleep, 0.01)
    end)

    atlas.checkpoint()
    eq(task:status(), "joining")
end)

test("status is done after a return", function()
    local task = atlas.spawn(function() end)

    task:await()
    eq(task:status(), "done")
end)

test("status is failed after an error", function()
    local task = atlas.spawn(error, "on purpose")

    task:pawait()
    eq(task:status(), "failed")
end)

test("status is cancelled after Cancelled has left it", function()
    local task = atlas.spawn(atlas.sleep, 10)

    atlas.checkpoint()
    task:cancel()
    task:pawait()
    eq(task:status(), "cancelled")
end)

test("a task has no name until it is given one", function()
    local task = atlas.spawn(function() end)

    eq(task:name(), nil)
    eq(task:name "worker", task)
    eq(task:name(), "worker")
    eq(task:name("other"):name(), "other")
end)

test("a task has its name as text, or its number", function()
    local task = atlas.spawn(function() end)

    check.ok(tostring(task):find "^task %d+$", tostring(task))
    task:name "worker"
    eq(tostring(task), "task 'worker'")
end)

test("a name stays after the task has ended, and may be given then", function()
    local task = atlas.spawn(function() end):name "worker"

    task:await()
    collectgarbage()
    eq(task:name(), "worker")
    eq(task:name("late"):name(), "late")
end)

test("a coroutine that is used again is another task", function()
    local running = atlas.original.coroutine.running -- tells nobody of it
    local first = atlas.spawn(running)
    local thread = first:await()
    local second = atlas.spawn(running)

    check.ok(first ~= second)
    eq(second:name(), nil)
    eq(second:await(), thread)
    eq(first:status(), "done")
end)

test("the metatable of tasks is locked", function()
    eq(getmetatable(atlas.current()), "locked")
end)

test("require \"atlas.task\" gives the same functions", function()
    local task = require "atlas.task"

    for _, name in ipairs { "spawn", "current", "sleep", "checkpoint", "now", "await" } do
        eq(task[name], atlas[name])
    end
end)
