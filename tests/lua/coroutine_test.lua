-- coroutine_test.lua - tasks that use coroutines of their own.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

test("a generator made by coroutine.wrap may wait", function()
    local generate = coroutine.wrap(function()
        for i = 1, 3 do
            atlas.sleep(0.001)
            coroutine.yield(i)
        end
    end)

    check.list({ generate(), generate(), generate() }, { 1, 2, 3 })
end)

test("a coroutine that is resumed may wait", function()
    local thread = coroutine.create(function(a)
        atlas.sleep(0.001)
        local b = coroutine.yield(a + 1)
        return b + 1
    end)

    check.values({ n = 2, true, 2 }, coroutine.resume(thread, 1))
    check.values({ n = 2, true, 11 }, coroutine.resume(thread, 10))
    eq(coroutine.status(thread), "dead")
end)

test("a generator may give way to others", function()
    local order = {}
    local other = atlas.spawn(function()
        order[#order + 1] = "other"
    end)
    local generate = coroutine.wrap(function()
        check.values({ n = 1, true }, atlas.sleep(0))
        check.values({ n = 1, true }, atlas.checkpoint())
        order[#order + 1] = "generator"
        return 5
    end)

    check.values({ n = 1, 5 }, generate())
    other:await()
    check.list(order, { "other", "generator" })
end)

test("the coroutine of a task that has ended cannot be resumed by others", function()
    local thread = atlas.spawn(coroutine.running):await()

    eq(coroutine.status(thread), "dead")
    eq((coroutine.resume(thread, print, "nothing runs this")), false)
end)

test("a coroutine that waits inside one task cannot be resumed by another", function()
    local due = atlas.now() + 0.01
    local thread = coroutine.create(function()
        atlas.sleep(0.01)
        check.ok(atlas.now() >= due, "the sleep was early")
        coroutine.yield "first"
        return "second"
    end)
    local task = atlas.spawn(coroutine.resume, thread)

    atlas.checkpoint()
    local ok, err = coroutine.resume(thread)
    eq(ok, false)
    check.has(err, "waits for Atlas inside another task")
    check.values({ n = 2, true, "first" }, task:await())
    check.values({ n = 2, true, "second" }, coroutine.resume(thread))
end)

test("a generator that waits inside one task raises in another", function()
    local generate = coroutine.wrap(function()
        coroutine.yield((atlas.sleep(0.01)))
    end)
    local task = atlas.spawn(generate)

    atlas.checkpoint()
    check.has(check.raises(generate), "waits for Atlas inside another task")
    eq(task:await(), true)
end)

test("Cancelled comes to the wait inside a generator", function()
    local seen
    local task = atlas.spawn(function()
        coroutine.wrap(function()
            local _, err = pcall(atlas.sleep, 1000)
            seen = err
        end)()
    end)

    atlas.sleep(0.002)
    task:cancel()
    task:pawait()
    check.ok(atlas.Cancelled.is(seen))
end)

test("a task that ends around a wait of its coroutine leaves nothing behind", function()
    for _ = 1, 10 do
        atlas.spawn(function()
            local thread = coroutine.create(function()
                atlas.sleep(0.002)
            end)
            coroutine.resume(thread)
        end):pawait()
    end
    local tasks = {}
    for i = 1, 10 do
        tasks[i] = atlas.spawn(atlas.sleep, 0.01)
    end
    for i = 1, 10 do
        check.values({ n = 1, true }, tasks[i]:await())
    end
end)

test("a generator that yields inside a timeout does not end the scopes around it", function()
    local generate = coroutine.wrap(function()
        atlas.timeout(5, function()
            coroutine.yield(1)
        end)
        return "end"
    end)

    eq(atlas.timeout(1, generate), 1)
    eq(generate(), "end")
    local in_time = atlas.move_on(0.001, atlas.sleep, 1)
    eq(in_time, false)
end)

test("a generator that yields inside a group may end it later", function()
    local generate = coroutine.wrap(function()
        atlas.group(function(g)
            g:spawn(atlas.sleep, 0.001)
            coroutine.yield(g)
        end)
        return "end"
    end)
    local g = atlas.timeout(1, generate)

    atlas.sleep(0.005)
    check.raises(function()
        g:spawn(5)
    end)
    eq(generate(), "end")
end)

test("a generator may have checkpoints", function()
    local others = 0
    local other = atlas.spawn(function()
        while true do
            others = others + 1
            atlas.checkpoint()
        end
    end)
    local generate = coroutine.wrap(function()
        for i = 1, 3 do
            check.values({ n = 1, true }, atlas.checkpoint())
            check.values({ n = 1, true }, atlas.sleep(0))
            coroutine.yield(i)
        end
    end)

    check.list({ generate(), generate(), generate() }, { 1, 2, 3 })
    other:cancel()
    check.ok(others >= 6, others)
end)

test("Cancelled comes to each checkpoint inside a generator", function()
    local raised = 0
    local task = atlas.spawn(function()
        coroutine.wrap(function()
            pcall(atlas.sleep, 1000)
            for _ = 1, 3 do
                local _, err = pcall(atlas.checkpoint)
                raised = raised + (atlas.Cancelled.is(err) and 1 or 0)
            end
        end)()
    end)

    atlas.sleep(0.002)
    task:cancel()
    task:pawait()
    eq(raised, 3)
end)

local original_resume = atlas.original.coroutine.resume

for name, wait in check.each {
    checkpoint = atlas.checkpoint,
    ["sleep(0)"] = function()
        atlas.sleep(0)
    end,
    sleep = function()
        atlas.sleep(0.001)
    end,
} do
    test("a task may end while somebody else's resume has caught its wait: " .. name, function()
        for _ = 1, 20 do
            eq(atlas.spawn(function()
                original_resume(coroutine.create(wait))
                return "ended"
            end):await(), "ended")
        end
        atlas.sleep(0.005)
    end)

    test("a task that waits while such a wait goes on is told: " .. name, function()
        local ok, err = atlas.spawn(function()
            original_resume(coroutine.create(wait))
            atlas.sleep(1)
        end):pawait()

        eq(ok, false)
        check.has(err, "already waiting")
    end)
end
