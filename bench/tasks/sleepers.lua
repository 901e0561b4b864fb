-- sleepers.lua - many sleeping tasks: `atlas run sleepers.lua COUNT`.
-- Prints: tasks, the early ones, KiB resident when all sleep, KiB of a task,
-- seconds to start them all, seconds of processor time from the first that
-- wakes to the last.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local COUNT = tonumber(arg[1])
local SPREAD = 1 -- seconds between the first due and the last

local sleeping, woken, early, first_woke = 0, 0, 0, nil

local function resident_kib()
    for line in io.lines "/proc/self/smaps_rollup" do
        local kib = line:match "^Rss:%s+(%d+)"
        if kib then
            return tonumber(kib)
        end
    end
end

local function sleeper(i, due)
    sleeping = sleeping + 1
    atlas.sleep(due + i % 1000 * (SPREAD / 1000) - atlas.now())
    first_woke = first_woke or os.clock()
    woken = woken + 1
    if atlas.now() < due + i % 1000 * (SPREAD / 1000) then
        early = early + 1
    end
end

local before, started = resident_kib(), os.clock()
local due = atlas.now() + 5 + COUNT / 2e5

atlas.group(function(g)
    for i = 1, COUNT do
        g:spawn(sleeper, i, due)
    end
    while sleeping < COUNT do
        atlas.checkpoint()
    end
    local took, kib = os.clock() - started, resident_kib()
    assert(woken == 0, "some have woken before the last was asleep")
    io.write(("%d %.4f %.2f "):format(kib, (kib - before) / COUNT, took))
end)
assert(woken == COUNT, "not all have woken")
print(("%d %d %.2f"):format(woken, early, os.clock() - first_woke))
