-- lateness.lua - how late sleeps end, in microseconds; see README.md.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local COUNT = tonumber((...)) or 2000

-- From 0.1 to 50 ms, short ones as often as long ones: the logarithm is even.
local function random_seconds()
    return 0.0001 * 500 ^ math.random()
end

local function measure(seconds, late)
    local due = atlas.now() + seconds

    atlas.sleep(seconds)
    late[#late + 1] = (atlas.now() - due) * 1e6
end

local function percentile(sorted, percent)
    return sorted[math.max(1, math.ceil(#sorted * percent / 100))]
end

local early = 0

local function report(title, late)
    local row = { ("%-28s %6d"):format(title, #late) }

    table.sort(late)
    for _, value in ipairs(late) do
        early = early + (value < 0 and 1 or 0)
    end
    for _, percent in ipairs { 0, 10, 50, 90, 99, 100 } do
        row[#row + 1] = ("%7.0f"):format(percentile(late, percent))
    end
    print(table.concat(row, " "))
end

local function one_after_the_other(seconds, count)
    local late = {}

    for _ = 1, count do
        measure(seconds or random_seconds(), late)
    end
    return late
end

local function at_once(tasks, each)
    local late, list = {}, {}

    for i = 1, tasks do
        list[i] = function()
            for _ = 1, each do
                measure(random_seconds(), late)
            end
        end
    end
    atlas.all(list)
    return late
end

local function long_ones(each)
    local late, list = {}, {}

    for i = 1, 2 * each do
        list[i] = function()
            measure(0.2 + 2 * math.random(), late)
        end
    end
    atlas.all(list)
    return late
end

math.randomseed(1)
print(("%-28s %6s %7s %7s %7s %7s %7s %7s"):format(
    "us late", "sleeps", "min", "p10", "p50", "p90", "p99", "max"))
report("0.1 to 50 ms", one_after_the_other(nil, COUNT))
report("1 ms", one_after_the_other(0.001, COUNT))
report("0.1 to 50 ms, 100 tasks", at_once(100, COUNT / 20))
report("0.2 to 2.2 s", long_ones(20))
print(("%d early"):format(early))
return early == 0 and 0 or 1
