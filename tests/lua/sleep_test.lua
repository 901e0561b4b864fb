-- sleep_test.lua - sleep, checkpoint, now: time, and the order of wake-ups.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Seconds that `fn(...)` takes.
local function duration(fn, ...)
    local started = atlas.now()

    fn(...)
    return atlas.now() - started
end

local function be_busy(seconds)
    local stop = atlas.now() + seconds

    repeat
    until atlas.now() >= stop
end

-- Starts a sleep for each of the durations.  When all have ended: the indexes
-- in the order in which they woke, and when each began and woke.
local function sleep_all(durations)
    local tasks, order, began, woke = {}, {}, {}, {}

    for i, seconds in ipairs(durations) do
        tasks[i] = atlas.spawn(function()
            began[i] = atlas.now()
            atlas.sleep(seconds)
            woke[i] = atlas.now()
            order[#order + 1] = i
        end)
    end
    for _, task in ipairs(tasks) do
        task:await()
    end
    return order, began, woke
end

test("now() is in seconds, and never goes back", function()
    local last = atlas.now()

    for _ = 1, 1000 do
        local now = atlas.now()
        check.ok(now >= last)
        last = now
    end
    local clock = os.clock()
    local elapsed = duration(function()
        repeat
        until os.clock() - clock >= 0.02 -- of CPU time: at least as much passes
    end)
    check.ok(elapsed >= 0.015 and elapsed < 20, tostring(elapsed))
end)

test("now() goes on within a turn of the loop", function()
    local started = atlas.now()

    be_busy(0.002)
    check.ok(atlas.now() - started >= 0.002)
end)

test("sleep returns true", function()
    check.values({ n = 1, true }, atlas.sleep(0.001))
    check.values({ n = 1, true }, atlas.sleep(0))
end)

test("checkpoint returns true", function()
    check.values({ n = 1, true }, atlas.checkpoint())
end)

test("sleep takes numbers as text, as Lua does", function()
    check.ok(duration(atlas.sleep, "0.002") >= 0.002)
end)

test("a sleep is never early, however short", function()
    for _, seconds in ipairs { 1e-9, 1e-6, 1.5e-5, 1.7e-5, 1e-4, 0.0009, 0.001, 0.0011, 0.0049 } do
        for _ = 1, 20 do
            local elapsed = duration(atlas.sleep, seconds)
            check.ok(elapsed >= seconds, ("%.9f s for %.9f s"):format(elapsed, seconds))
        end
    end
end)

test("of a thousand sleeps of any length none is early", function()
    local durations, early = {}, 0

    for i = 1, 1000 do
        durations[i] = 0.0001 * 500 ^ (i * 619 % 1000 / 1000) -- 0.1 to 50 ms
    end
    local _, began, woke = sleep_all(durations)
    for i, seconds in ipairs(durations) do
        early = early + (woke[i] - began[i] < seconds and 1 or 0)
    end
    eq(early, 0)
end)

test("a sleep is never early behind work that kept the loop busy", function()
    for _ = 1, 10 do
        be_busy(0.005)
        local elapsed = duration(atlas.sleep, 0.003)
        check.ok(elapsed >= 0.003, tostring(elapsed))
    end
end)

test("a sleep is not late by more than the machine makes it", function()
    check.ok(duration(atlas.sleep, 0.01) < 2)
end)

test("sleeps wake in the order of their ends, none of them early", function()
    local TICK = 2 ^ 14 / 1e9 -- within one, the order is that of the timer wheel
    local durations = {}

    for i = 1, 500 do
        durations[i] = (1 + i * 7919 % 500) / 10000 -- up to 0.05 s, in no order
    end
    local order, began, woke = sleep_all(durations)
    began[501] = atlas.now()
    local latest = 0
    for _, i in ipairs(order) do
        -- Its end is known within the time between its beginning and the next's.
        local earliest_end, latest_end = began[i] + durations[i], began[i + 1] + durations[i]
        check.ok(woke[i] >= earliest_end, ("sleep %d is early"):format(i))
        check.ok(latest_end + TICK >= latest, ("sleep %d woke behind a later one"):format(i))
        latest = math.max(latest, earliest_end)
    end
    eq(#order, 500)
end)

test("sleeps of different lengths wake in that order, whenever they began", function()
    local last, woken = 0, 0

    -- By when each is due: a busy machine may let the last begin late.
    local function sleeper(seconds)
        local due = atlas.now() + seconds
        atlas.sleep(seconds)
        check.ok(due > last - 0.001, ("due at %f, behind one due at %f"):format(due, last))
        last, woken = due, woken + 1
    end
    local tasks = { atlas.spawn(sleeper, 0.06), atlas.spawn(sleeper, 0.04) }
    atlas.sleep(0.01)
    tasks[3] = atlas.spawn(sleeper, 0.01)
    for _, task in ipairs(tasks) do
        task:await()
    end
    eq(woken, 3)
end)

test("sleeps of one length wake in the order in which they began", function()
    local durations, numbers = {}, {}

    for i = 1, 1000 do
        durations[i] = 0.01
        numbers[i] = i
    end
    check.list(sleep_all(durations), numbers)
end)

test("1,000 sleeps at once take as long as one", function()
    local durations = {}

    for i = 1, 1000 do
        durations[i] = 0.05
    end
    local elapsed = duration(sleep_all, durations)
    check.ok(elapsed >= 0.05 and elapsed < 5, tostring(elapsed))
end)

test("checkpoint lets every task run that is ready, in order", function()
    local order = {}

    for i = 1, 3 do
        atlas.spawn(function()
            order[#order + 1] = i
            atlas.checkpoint()
            order[#order + 1] = i + 10
        end)
    end
    for _ = 1, 4 do
        atlas.checkpoint()
    end
    check.list(order, { 1, 2, 3, 11, 12, 13 })
end)

local turns = {
    ["checkpoint()"] = atlas.checkpoint,
    ["sleep(0)"] = function()
        return atlas.sleep(0)
    end,
}

for name, turn in check.each(turns) do
    test(name .. " in a loop does not keep a timer from firing", function()
        local fired = false

        atlas.spawn(function()
            atlas.sleep(0.01)
            fired = true
        end)
        local stop = atlas.now() + 10
        while not fired and atlas.now() < stop do
            turn()
        end
        eq(fired, true)
    end)
end

test("tasks that wake each other for ever do not keep a timer from firing", function()
    local stop = false

    local function play(get, give)
        while not stop do
            get.wait()
            get.callback, get.wait = atlas.callback()
            give.callback()
        end
        give.callback()
    end
    local a, b = {}, {}
    a.callback, a.wait = atlas.callback()
    b.callback, b.wait = atlas.callback()
    atlas.spawn(play, a, b)
    atlas.spawn(play, b, a)
    a.callback()
    atlas.sleep(0.01)
    stop = true
end)

test("the longest sleep there may be can be cancelled", function()
    local task = atlas.spawn(atlas.sleep, 1e9)

    atlas.sleep(0.002)
    eq(task:status(), "waiting")
    task:cancel()
    eq(task:pawait(), false)
end)

-- A timer that comes due between the loop's last look at the clock and its
-- poll must end that poll: the loop has nothing else to wait for here.
test("short sleeps of many tasks all end, however the clock falls", function()
    local ended = 0
    for i = 1, 20 do
        atlas.spawn(function()
            for j = 1, 50 do
                atlas.sleep(((i * 7 + j * 13) % 23) * 1e-5)
            end
            ended = ended + 1
        end)
    end
    atlas.spawn(function()
        while ended < 20 do
            local busy = atlas.now() + 0.0009
            while atlas.now() < busy do end
            atlas.sleep(0.0011)
        end
    end):await()
    eq(ended, 20)
end)
