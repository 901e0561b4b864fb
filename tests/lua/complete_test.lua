-- complete_test.lua - functions that are called when a task has ended.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- What a function that is given to on_complete of `task` is called with.
local function completion(task)
    local callback, wait = atlas.callback()

    task:on_complete(callback)
    return wait()
end

test("of a task that succeeds: nil and its results", function()
    check.values({ n = 4, nil, "a", nil, nil }, completion(atlas.spawn(function()
        return "a", nil, nil
    end)))
    check.values({ n = 1, nil }, completion(atlas.spawn(function() end)))
end)

test("of a task that has ended already: the same, soon, but not at once", function()
    local task = atlas.spawn(function()
        return "a", nil
    end)
    local called = false

    task:await()
    check.values({ n = 3, nil, "a", nil }, completion(task))
    task:on_complete(function()
        called = true
    end)
    eq(called, false)
    atlas.checkpoint()
    eq(called, true)
    local empty = atlas.spawn(function() end)
    empty:await()
    check.values({ n = 1, nil }, completion(empty))
end)

test("of a task that fails: its error, before and after its end", function()
    local err = {}
    local task = atlas.spawn(error, err)

    check.values({ n = 1, err }, completion(task))
    check.values({ n = 1, err }, completion(task))
    eq(select(2, task:pawait()), err)
end)

test("an error that is nil or false is told as text", function()
    local task = atlas.spawn(error, nil)
    local other = atlas.spawn(error, false)

    check.values({ n = 1, "nil" }, completion(task))
    check.values({ n = 1, "false" }, completion(other))
    task:pawait()
    other:pawait()
end)

test("of a task that was cancelled: TaskCancelled with the reason", function()
    local task = atlas.spawn(atlas.sleep, 60)

    atlas.checkpoint()
    task:cancel "enough"
    local err = completion(task)
    check.ok(atlas.TaskCancelled.is(err))
    eq(err.reason, "enough")
    err = completion(task)
    check.ok(atlas.TaskCancelled.is(err))

    task = atlas.spawn(function() end)
    task:cancel()
    check.ok(atlas.TaskCancelled.is(completion(task))) -- it never ran
end)

test("it is called also when the task around both was cancelled", function()
    local event, got = atlas.event(), nil
    local parent = atlas.spawn(function()
        atlas.spawn(atlas.sleep, 60):on_complete(function(err)
            got = err
            event:set()
        end)
    end)

    atlas.checkpoint()
    atlas.checkpoint()
    parent:cancel()
    parent:pawait()
    event:wait()
    check.ok(atlas.TaskCancelled.is(got))
end)

test("several are called in the order in which they were given, the task being over", function()
    local order, event = {}, atlas.event()
    local task = atlas.spawn(function()
        atlas.checkpoint()
    end)

    for i = 1, 3 do
        task:on_complete(function()
            order[#order + 1] = i .. " " .. task:status()
            if i == 3 then
                event:set()
            end
        end)
    end
    event:wait()
    check.list(order, { "1 done", "2 done", "3 done" })
end)

test("it may await, and runs in a task of its own", function()
    local callback, wait = atlas.callback()
    local task = atlas.spawn(function() end)

    task:on_complete(function()
        atlas.sleep(0.001)
        callback(atlas.current())
    end)
    local other = wait()
    check.ok(other ~= task and other ~= atlas.current())
end)

test("it is not called any more once it was taken back", function()
    local calls = 0
    local task = atlas.spawn(function() end)

    local function count()
        calls = calls + 1
    end
    local take_back = task:on_complete(count)
    task:on_complete(count)
    take_back()
    take_back()
    task:await()
    atlas.checkpoint()
    eq(calls, 1)
    take_back()
end)

test("to take it back behind its call does nothing", function()
    local callback, wait = atlas.callback()
    local take_back = atlas.spawn(function() end):on_complete(callback)

    wait()
    take_back()
end)

test("it alone doesn't handle an error, which goes to the parent", function()
    local ok, err = atlas.spawn(function()
        atlas.spawn(error, "unheard"):on_complete(function() end)
    end):pawait()

    check.values({ n = 2, false, "unheard" }, ok, err)
end)

test("an error in it is nobody's", function()
    local task = atlas.spawn(function() end)

    task:on_complete(function()
        error "in on_complete"
    end)
    task:await()
    atlas.sleep(0.001)
    eq(task:status(), "done")
end)

test("it is called behind what was deferred and behind the children's end", function()
    local order, event = {}, atlas.event()

    atlas.spawn(function()
        atlas.defer(function()
            order[#order + 1] = "deferred"
        end)
        atlas.spawn(function()
            atlas.checkpoint()
            order[#order + 1] = "child"
        end)
    end):on_complete(function()
        order[#order + 1] = "complete"
        event:set()
    end)
    event:wait()
    check.list(order, { "child", "deferred", "complete" })
end)

test("it can be given by the task itself, which is collected like any other", function()
    local alive = setmetatable({}, { __mode = "k" })
    local calls = 0

    for _ = 1, 50 do
        local fn = function()
            calls = calls + 1
        end
        local task = atlas.spawn(function()
            atlas.current():on_complete(fn)
        end)
        alive[task], alive[fn] = true, true
        task:await()
    end
    atlas.sleep(0.001)
    eq(calls, 50)
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(alive) do
        n = n + 1
    end
    check.ok(n <= 4, ("%d are alive"):format(n))
end)

test("atlas.await takes it as it is", function()
    local task = atlas.spawn(function()
        return 1, 2
    end)

    check.values({ n = 2, 1, 2 }, atlas.await(task.on_complete, task))
end)

test("many results are handed on", function()
    local n = select("#", completion(atlas.spawn(function()
        return (table.unpack or unpack)({}, 1, 4000)
    end)))

    eq(n, 4001)
end)

test("mistakes are named", function()
    check.has(check.raises(function()
        atlas.current():on_complete(5)
    end), "bad argument #2 to 'on_complete' (function expected")
end)
