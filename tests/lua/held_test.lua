-- held_test.lua - what tasks leave behind: locks that they hold, open groups.
-- SPDX-License-Identifier: MIT
--
-- Each lock that is left behind logs an error; tests/e2e/test_run.py reads one.

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- --- locks ---

test("a lock whose holder has ended goes to the next who waits", function()
    local lock, got = atlas.lock(), {}
    local holder = atlas.spawn(function()
        lock:acquire()
        atlas.checkpoint()
        atlas.checkpoint()
    end)

    atlas.checkpoint()
    atlas.all {
        function()
            lock:acquire()
            got[#got + 1] = "first"
            atlas.checkpoint()
            lock:release()
        end,
        function()
            lock:with(function()
                got[#got + 1] = "second"
            end)
        end,
    }
    check.list(got, { "first", "second" })
    eq(holder:status(), "done")
    eq(lock:locked(), false)
end)

test("a lock whose holder has failed, or was cancelled, is free", function()
    local lock = atlas.lock()

    atlas.spawn(function()
        lock:acquire()
        error "on purpose"
    end):pawait()
    eq(lock:locked(), false)

    local task = atlas.spawn(function()
        lock:acquire()
        atlas.sleep(60)
    end)
    atlas.checkpoint()
    eq(lock:locked(), true)
    task:cancel()
    task:pawait()
    eq(lock:locked(), false)
end)

test("it is free when those who await the task go on", function()
    local lock = atlas.lock()

    atlas.spawn(function()
        lock:acquire()
    end):await()
    lock:acquire()
    lock:release()
end)

test("all locks of a task are freed", function()
    local locks = {}

    for i = 1, 10 do
        locks[i] = atlas.lock()
    end
    atlas.spawn(function()
        for i = 1, 10 do
            locks[i]:acquire()
        end
        locks[5]:release()
    end):await()
    for i = 1, 10 do
        eq(locks[i]:locked(), false)
    end
end)

test("its children can have it once its body has ended", function()
    local lock, got = atlas.lock(), false

    atlas.spawn(function()
        lock:acquire()
        atlas.spawn(function()
            lock:acquire()
            got = true
            lock:release()
        end)
    end):await()
    eq(got, true)
end)

test("a deferred function may release it", function()
    local lock = atlas.lock()

    atlas.spawn(function()
        lock:acquire()
        atlas.defer(lock.release, lock) -- raises if it isn't held any more
        atlas.defer(function()
            eq(lock:locked(), true)
        end)
    end):await()
    eq(lock:locked(), false)
end)

test("a lock that a deferred function leaves is freed behind it", function()
    local lock = atlas.lock()

    atlas.spawn(function()
        atlas.defer(lock.acquire, lock)
    end):await()
    eq(lock:locked(), false)
end)

test("a lock that was handed to a task which is cancelled before it runs is freed", function()
    local lock = atlas.lock()

    lock:acquire()
    local task = atlas.spawn(function()
        lock:acquire()
        atlas.sleep(60)
    end)
    atlas.checkpoint()
    lock:release() -- to the task, which hasn't run
    task:cancel()
    task:pawait()
    eq(lock:locked(), false)
end)

test("a generator that is dropped inside with() gives its lock back at the task's end", function()
    local lock = atlas.lock()

    atlas.spawn(function()
        local generator = coroutine.wrap(function()
            lock:with(coroutine.yield)
        end)
        generator()
        eq(lock:locked(), true)
    end):await()
    eq(lock:locked(), false)
end)

test("a lock that is collected while it is held is no trouble at the task's end", function()
    atlas.spawn(function()
        for _ = 1, 20 do
            atlas.lock():acquire()
            collectgarbage()
        end
    end):await()
end)

test("a coroutine that is used again holds nothing of the task before", function()
    local lock = atlas.lock()

    for _ = 1, 50 do
        atlas.spawn(function()
            check.has(check.raises(lock.release, lock), "doesn't hold")
            lock:acquire()
        end):await()
    end
    eq(lock:locked(), false)
end)

-- --- groups ---

-- Runs, in a task of its own, a generator that yields inside a group, and
-- drops it there; returns the group.
local function leave_group_open(fill, options)
    return atlas.spawn(function()
        local left
        local generator = coroutine.wrap(function()
            atlas.group(function(g)
                left = g
                fill(g)
                coroutine.yield()
            end, options)
        end)
        generator()
        return left
    end):await()
end

test("tasks of a group that was left open end with the task around it", function()
    local ended, started = 0, 0
    local g = leave_group_open(function(g)
        for _ = 1, 3 do
            g:spawn(function()
                started = started + 1
                atlas.defer(function()
                    ended = ended + 1
                end)
                atlas.sleep(60)
            end)
        end
        atlas.checkpoint()
    end)

    eq(started, 3)
    eq(ended, 3)
    eq(tostring(g), "atlas.Group (over)")
    check.has(check.raises(g.spawn, g, print), "the group is over")
end)

test("tasks that wait for a place in it never run", function()
    local started = 0

    leave_group_open(function(g)
        for _ = 1, 5 do
            g:spawn(function()
                started = started + 1
                atlas.sleep(60)
            end)
        end
        atlas.checkpoint()
    end, { limit = 1 })
    eq(started, 1)
end)

test("a failure in it is raised by the task", function()
    local ok, err = pcall(leave_group_open, function(g)
        g:spawn(error, "of the group")
        atlas.checkpoint()
    end)

    check.values({ n = 2, false, "of the group" }, ok, err)
end)

test("whoever waits in next() is told that there is none", function()
    local g, result
    local waiter

    atlas.spawn(function()
        local generator = coroutine.wrap(function()
            atlas.group(function(group)
                g = group
                g:spawn(atlas.sleep, 60)
                coroutine.yield()
            end)
        end)
        generator()
        waiter = atlas.detach(function()
            result = { n = select("#", g:next()), g:next() }
        end)
        atlas.checkpoint()
        atlas.checkpoint()
    end):await()
    waiter:await()
    check.values({ n = 1, nil }, (table.unpack or unpack)(result, 1, result.n))
end)

test("groups inside each other are all ended", function()
    local ended = 0

    local function sleeper()
        atlas.defer(function()
            ended = ended + 1
        end)
        atlas.sleep(60)
    end
    leave_group_open(function(outer)
        outer:spawn(sleeper)
        atlas.checkpoint()
        coroutine.wrap(function()
            atlas.group(function(inner)
                inner:spawn(sleeper)
                atlas.checkpoint()
                atlas.timeout(60, coroutine.yield)
            end)
        end)()
    end)
    eq(ended, 2)
end)

test("a generator that goes on in another task finds its group over", function()
    local generator, result

    atlas.spawn(function()
        generator = coroutine.wrap(function()
            result = "not reached"
            result = { atlas.group(function(g)
                g:spawn(atlas.sleep, 60)
                coroutine.yield()
                check.has(check.raises(g.spawn, g, print), "the group is over")
                return "returned"
            end) }
        end)
        generator()
    end):await()
    atlas.spawn(generator):await()
    eq(result[1], "returned")
end)

for name, enter in check.each { timeout = atlas.timeout, move_on = atlas.move_on } do
    test("a generator leaves the scope of a task that has ended: " .. name, function()
        local generator, result

        atlas.spawn(function()
            generator = coroutine.wrap(function()
                enter(0.001, function()
                    enter(60, coroutine.yield)
                end)
                result = atlas.sleep(0.001) -- in no scope that has expired
            end)
            generator()
        end):await()
        atlas.spawn(function()
            atlas.timeout(60, function()
                atlas.sleep(0.005)
                generator()
                check.ok(atlas.deadline() > 30)
            end)
            eq(atlas.deadline(), nil)
        end):await()
        eq(result, true)
    end)
end

test("a generator that goes on in another task ends its group there", function()
    local generator
    local ended = false
    local first = atlas.spawn(function()
        generator = coroutine.wrap(function()
            atlas.group(function(g)
                g:spawn(function()
                    atlas.checkpoint()
                    ended = true
                end)
                coroutine.yield()
            end)
        end)
        generator()
        atlas.sleep(0.01)
    end)

    atlas.checkpoint()
    atlas.spawn(function()
        generator()
        eq(ended, true)
    end):await()
    first:await()
end)

test("a group whose generator is dropped is collected while the task goes on", function()
    local alive = setmetatable({}, { __mode = "k" })

    for _ = 1, 50 do
        coroutine.wrap(function()
            atlas.group(function(g)
                alive[g] = true
                g:spawn(function() end):await()
                coroutine.yield()
            end)
        end)()
    end
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(alive) do
        n = n + 1
    end
    check.ok(n <= 2, ("%d are alive"):format(n))
    atlas.sleep(0.001)
end)

test("a group that is over is collected", function()
    local alive = setmetatable({}, { __mode = "k" })

    for i = 1, 50 do
        pcall(atlas.group, function(g)
            alive[g] = true
            g:spawn(i % 2 == 0 and error or atlas.checkpoint)
        end)
    end
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(alive) do
        n = n + 1
    end
    check.ok(n <= 2, ("%d are alive"):format(n))
end)

test("the wait for a group's end that somebody else's resume caught is no trouble", function()
    local resume = atlas.original.coroutine.resume
    local ended = false

    atlas.spawn(function()
        local thread = coroutine.create(function()
            atlas.group(function(g)
                g:spawn(function()
                    atlas.defer(function()
                        ended = true
                    end)
                    atlas.sleep(60)
                end)
                atlas.checkpoint()
            end)
        end)
        resume(thread) -- takes the yield of checkpoint() as its own
    end):await()
    eq(ended, false) -- it was cancelled before it ran

    local task
    atlas.spawn(function()
        local thread = coroutine.create(function()
            atlas.group(function(g)
                task = g:spawn(atlas.sleep, 60)
            end)
        end)
        resume(thread) -- that of the group's end
    end):await()
    eq(task:status(), "cancelled")
end)
