-- calls.lua cost | work THREADS - one part of the measurement; see README.md.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local what, threads = ...
local ROUNDS = 5

local function median(list)
    table.sort(list)
    return list[(#list + 1) / 2]
end

-- Seconds of the clock, and of processors, that fn() takes.
local function measure(fn)
    local times, cpu = {}, {}

    fn()
    for i = 1, ROUNDS do
        atlas.checkpoint() -- the loop's time is read once a turn
        local start, used = atlas.now(), os.clock()
        fn()
        atlas.checkpoint()
        times[i], cpu[i] = atlas.now() - start, os.clock() - used
    end
    return median(times), median(cpu)
end

local function report(name, calls, fn)
    local time, cpu = measure(fn)

    print(("  %-28s %7.1f us a call, cpu %6.1f us"):format(
        name, time / calls * 1e6, cpu / calls * 1e6))
end

local function repeat_call(n, ...)
    for _ = 1, n do
        atlas.thread("work", "id", ...)
    end
end

if what == "cost" then
    local small, big = { id = 1, name = "a", tags = { "x", "y" } }, {}
    for i = 1, 1000 do
        big[i] = { id = i, name = "name " .. i }
    end
    local bytes = ("x"):rep(2 ^ 20)

    report("alone", 2000, function()
        repeat_call(2000, 1)
    end)
    report("64 tasks", 64 * 100, function()
        atlas.group(function(g)
            for _ = 1, 64 do
                g:spawn(repeat_call, 100, 1)
            end
        end)
    end)
    report("a small table, to and fro", 2000, function()
        repeat_call(2000, small)
    end)
    report("1,000 tables, to and fro", 100, function()
        repeat_call(100, big)
    end)
    report("1 MiB of text, to and fro", 100, function()
        repeat_call(100, bytes)
    end)
else
    local CALLS, LIMIT = 64, 100000
    local time = measure(function()
        atlas.group(function(g)
            for _ = 1, CALLS do
                g:spawn(atlas.thread, "work", "primes", LIMIT)
            end
        end)
    end)

    print(("  threads %s: %.0f calls of work a second"):format(threads, CALLS / time))
end
