-- stress_test.lua - random programs, in every order that the queue may have.
-- SPDX-License-Identifier: MIT
--
-- A seed decides what the tasks of a small world do, and in which order those
-- that are ready run; time is virtual.  So what a seed breaks, it breaks again:
-- ATL_SEED=n runs that one alone.  Whatever happens, nothing may be lost,
-- nothing resumed for another's sake, each permit and each deferred function
-- accounted for, and each group and task empty when it ends.
--
-- A script of `atlas run`: its clock and its seeds are its own, one a world.

local atlas = require "atlas"
local counts = require("atlas.task.core").counts
local stress = require "atlas.stress.core"
local world = require "world"

local expect = world.expect

local LONG = os.getenv "ATL_LONG"
local WORLDS = LONG and 50000 or 10000
local COLLECTED = LONG and 1000 or 100 -- worlds with a collection at each checkpoint
local BATCH = 500 -- worlds of one test

stress.start()
require("atlas.logging").set_level "off" -- errors of siblings are logged

local passed, failed = 0, 0

local function test(claim, fn)
    local task = atlas.spawn(fn)
    local ok, err = task:pawait()

    if ok then
        passed = passed + 1
        return
    end
    failed = failed + 1
    print(("FAIL %s\n%s\n%s"):format(claim, tostring(err), task:traceback() or ""))
    io.stdout:flush()
end

local function finish()
    print(("%d passed, %d failed"):format(passed, failed))
    return failed == 0 and 0 or 1
end

local baseline

local function run_world(seed)
    local w = world.new(seed)

    stress.seed(seed)
    world.live(w)
    world.judge(w)
    stress.seed(0)
    local now = counts()
    for _, what in ipairs { "tasks", "scopes", "timers", "waits" } do
        expect(w, not baseline or now[what] == baseline[what],
            ("%s: %d, not %d"):format(what, now[what], baseline and baseline[what] or 0))
    end
    if w.broken then
        error(("ATL_SEED=%d: %s"):format(seed, w.broken), 0)
    end
end

local function run_worlds(first, last, step)
    baseline = counts()
    for seed = first, last, step do
        run_world(seed)
    end
end

local alone = tonumber(os.getenv "ATL_SEED" or nil)

if alone then
    test("one world", function()
        stress.collect(os.getenv "ATL_COLLECT")
        run_worlds(alone, alone, 1)
    end)
    return finish()
end

for first = 1, WORLDS, BATCH do
    test(("worlds %d to %d lose nothing"):format(first, first + BATCH - 1), function()
        run_worlds(first, first + BATCH - 1, 1)
    end)
end

-- Behind each step of a task a full collection: what C keeps without anchoring
-- it is gone before it is used.
for first = 1, COLLECTED, 50 do
    test(("worlds %d to %d, collected at each checkpoint"):format(first, first + 49), function()
        stress.collect(true)
        run_worlds(first * 1000, (first + 49) * 1000, 1000)
        stress.collect(false)
    end)
end

return finish()
