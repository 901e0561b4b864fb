-- on_luv.lua - the same loop without Atlas: `luajit on_luv.lua NAME COUNT`.
-- harness.lua says what a workload is; workloads.py has a line about each.
-- SPDX-License-Identifier: MIT

local here = arg[0]:match "^(.*)/" or "."
package.path = here .. "/?.lua;" .. package.path

local uv = require "luv"

local TIMERS = 100

local W = {}

-- A timer's callback starts it again: nothing is cheaper with luv.
function W.raw(n)
    for _ = 1, TIMERS do
        local timer, left = uv.new_timer(), n / TIMERS
        local function on_timer()
            left = left - 1
            if left > 0 then
                timer:start(0, 0, on_timer)
            else
                timer:close()
            end
        end

        timer:start(0, 0, on_timer)
    end
    uv.run()
end

-- How callbacks are usually made to look like calls: a closure for each, that
-- resumes the coroutine.
function W.coroutine(n)
    local function sleep(timer, ms)
        local co = coroutine.running()

        timer:start(ms, 0, function()
            assert(coroutine.resume(co))
        end)
        coroutine.yield()
    end

    for _ = 1, TIMERS do
        coroutine.wrap(function()
            local timer = uv.new_timer()

            for _ = 1, n / TIMERS do
                sleep(timer, 0)
            end
            timer:close()
        end)()
    end
    uv.run()
end

-- A hundred chains of stats, on libuv's threads.
function W.stat(n)
    for _ = 1, 100 do
        local left = n / 100
        local function on_stat(err)
            assert(not err, err)
            left = left - 1
            if left > 0 then
                uv.fs_stat("/", on_stat)
            end
        end

        uv.fs_stat("/", on_stat)
    end
    uv.run()
end

-- The nearest thing to a task: a coroutine and the timer that starts it.
function W.spawn(n)
    local left = n
    local function spawn(fn)
        local co, timer = coroutine.create(fn), uv.new_timer()

        timer:start(0, 0, function()
            timer:close()
            assert(coroutine.resume(co))
        end)
    end
    local function body()
        left = left - 1
        if left > 0 then
            spawn(body)
        end
    end

    spawn(body)
    uv.run()
end

require("harness")(W)
