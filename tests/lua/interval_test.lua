-- interval_test.lua - loops that go on in time.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Goes on when the clock says so, without letting others run.
local function be_busy(seconds)
    local deadline = atlas.now() + seconds

    while atlas.now() < deadline do -- luacheck: ignore 542
    end
end

test("no tick comes before its time", function()
    local start, last = atlas.now(), 0

    for n in atlas.interval(0.002) do
        check.ok(atlas.now() - start >= n * 0.002 - 1e-6, ("tick %s is early"):format(n))
        check.ok(n > last)
        last = n
        if n >= 10 then
            break
        end
    end
end)

test("ticks are counted from 1, as integers", function()
    local n = atlas.interval(0.01)()

    check.lacks(tostring(n), ".")
    check.ok(n >= 1)
end)

test("ticks stay aligned to the start, however long a body takes", function()
    local earlier = atlas.now()
    local tick = atlas.interval(0.01)
    local later = atlas.now() -- it has begun between the two
    local last = 0

    while last < 15 do
        local due = math.floor((atlas.now() - later) / 0.01)
        local n = tick()
        check.ok(n >= due, ("tick %d came where %d was due"):format(n, due))
        check.ok(n > last, ("tick %d came after %d"):format(n, last))
        check.ok(atlas.now() - earlier >= n * 0.01 - 1e-6, ("tick %d is early"):format(n))
        last = n
        be_busy(0.003)
    end
end)

test("missed ticks are skipped but for the last, which comes at once", function()
    local tick = atlas.interval(0.02)
    local later = atlas.now()
    local first = tick()
    be_busy(0.07)
    local due = math.floor((atlas.now() - later) / 0.02)
    local second = tick()
    check.ok(second >= first + 3, ("tick %d followed %d"):format(second, first))
    check.ok(second >= due, ("tick %d came where %d was due"):format(second, due))
    check.ok(tick() > second)
end)

test("a missed tick doesn't wait for the next one", function()
    local earlier = atlas.now()
    local tick = atlas.interval(0.05)

    be_busy(0.06)
    local before = atlas.now()
    check.ok(tick() * 0.05 <= before - earlier) -- it was due before the call
end)

test("a loop whose body never waits lets other tasks run", function()
    local others, n = 0, 0
    local other = atlas.spawn(function()
        while true do
            others = others + 1
            atlas.checkpoint()
        end
    end)

    for _ in atlas.interval(0.0001) do
        n = n + 1
        be_busy(0.001)
        if n == 20 then
            break
        end
    end
    other:cancel()
    check.ok(others >= 19, others)
end)

test("cancellation is raised out of the loop", function()
    local ticks, left = 0, false
    local task = atlas.spawn(function()
        for _ in atlas.interval(0.001) do
            ticks = ticks + 1
        end
        left = true
    end)

    while ticks < 2 do
        atlas.checkpoint()
    end
    task:cancel()
    task:pawait()
    eq(task:status(), "cancelled")
    eq(left, false)
    local seen = ticks
    atlas.sleep(0.005)
    eq(ticks, seen)
end)

test("a deadline ends the loop, also one whose ticks are always missed", function()
    eq(atlas.move_on(0.01, function()
        for _ in atlas.interval(60) do -- luacheck: ignore 542
        end
    end), false)
    eq(atlas.move_on(0.01, function()
        for _ in atlas.interval(0.0001) do
            be_busy(0.001)
        end
    end), false)
end)

test("mistakes are named", function()
    for _, seconds in ipairs { 0, -1, 0 / 0, math.huge, 1e-9, 1e10 } do
        check.has(check.raises(atlas.interval, seconds),
            "bad argument #1 to 'interval' (seconds from 0.0001 to 1e9 expected)")
    end
    check.has(check.raises(function()
        atlas.interval "often"
    end), check.here(-1))
    check.has(check.raises(atlas.interval), "number expected, got ")
end)
