-- on_atlas.lua - what tasks cost on Atlas: `atlas run on_atlas.lua NAME COUNT`.
-- harness.lua says what a workload is; workloads.py has a line about each.
-- SPDX-License-Identifier: MIT

local here = arg[0]:match "^(.*)/" or "."
package.path = here .. "/?.lua;" .. package.path

local atlas = require "atlas"

local function nothing() end

-- Run `fn` in `count` tasks at the same time, and wait for them.
local function together(count, fn)
    local tasks = {}

    for i = 1, count do
        tasks[i] = atlas.spawn(fn)
    end
    for i = 1, count do
        tasks[i]:await()
    end
end

local W = {}

-- Ten tasks that wait for the same event, again and again; it is set from an
-- eleventh, whose own work is a tenth of what is counted.
function W.await(n)
    local event, left = atlas.event(), n

    for _ = 1, 10 do
        atlas.spawn(function()
            for _ = 1, n / 10 do
                event:wait()
            end
            left = left - n / 10
        end)
    end
    repeat
        atlas.sleep(0)
        event:set()
        event:clear()
    until left == 0
end

-- Two tasks wake each other.
function W.handover(n)
    local mine, yours = atlas.semaphore(1), atlas.semaphore(1)

    mine:acquire()
    yours:acquire()
    local other = atlas.spawn(function()
        for _ = 1, n / 2 do
            yours:acquire()
            mine:release()
        end
    end)
    for _ = 1, n / 2 do
        yours:release()
        mine:acquire()
    end
    other:await()
end

local function sleep_in(count)
    return function(n)
        together(count, function()
            for _ = 1, n / count do
                atlas.sleep(0)
            end
        end)
    end
end

W.sleep0 = sleep_in(100)
W.sleep0_alone = sleep_in(1)

function W.sleep_1ms(n)
    together(1000, function()
        for _ = 1, n / 1000 do
            atlas.sleep(0.001)
        end
    end)
end

function W.spawn_await(n)
    for _ = 1, n do
        atlas.spawn(nothing):await()
    end
end

function W.spawn_join(n)
    for _ = 1, n / 100 do
        atlas.spawn(function()
            for _ = 1, 100 do
                atlas.spawn(nothing)
            end
        end):await()
    end
end

function W.spawn_cancel(n)
    for _ = 1, n do
        local task = atlas.spawn(atlas.sleep, 1000)
        task:cancel()
        task:pawait()
    end
end

function W.sleep_cancel(n)
    for _ = 1, n do
        local task = atlas.spawn(atlas.sleep, 1000)
        atlas.checkpoint()
        task:cancel()
        task:pawait()
    end
end

local function channel_of(capacity)
    return function(n)
        local channel = atlas.channel(capacity)
        local receiver = atlas.spawn(function()
            for _ = 1, n do
                channel:recv()
            end
        end)

        for i = 1, n do
            channel:send(i)
        end
        receiver:await()
    end
end

W.channel_0 = channel_of(0)
W.channel_64 = channel_of(64)

function W.select(n)
    local a, b = atlas.channel(), atlas.channel()
    local receiver = atlas.spawn(function()
        local cases = { { a, "recv" }, { b, "recv" } }

        for _ = 1, n do
            atlas.select(cases)
        end
    end)

    for _ = 1, n / 2 do
        a:send(true)
        b:send(true)
    end
    receiver:await()
end

function W.timeout(n)
    for _ = 1, n do
        atlas.timeout(10, nothing)
    end
end

local function group_of(count)
    return function(n)
        local function body(g)
            for _ = 1, count do
                g:spawn(nothing)
            end
        end

        for _ = 1, n / count do
            atlas.group(body)
        end
    end
end

W.group_1 = group_of(1)
W.group_10 = group_of(10)
W.group_100 = group_of(100)

function W.map(n)
    local list = {}

    for i = 1, 100 do
        list[i] = 0
    end
    for _ = 1, n / 100 do
        atlas.map(list, atlas.sleep, { limit = 8 })
    end
end

function W.lock(n)
    local lock = atlas.lock()

    for _ = 1, n do
        lock:acquire()
        lock:release()
    end
end

function W.lock_with(n)
    local lock = atlas.lock()

    for _ = 1, n do
        lock:with(nothing)
    end
end

-- Ten tasks, of which nine always wait for the lock.
function W.lock_contended(n)
    local lock = atlas.lock()

    together(10, function()
        for _ = 1, n / 10 do
            lock:acquire()
            atlas.sleep(0)
            lock:release()
        end
    end)
end

function W.event_set(n)
    local event = atlas.event()

    event:set()
    for _ = 1, n do
        event:wait()
    end
end

-- --- through luv, which costs memory only if it is asked for ---

local function luv_in_tasks(fn)
    return function(n)
        local uv = require "luv"

        together(100, function()
            fn(uv, n / 100)
        end)
    end
end

W.luv_stat = luv_in_tasks(function(uv, n)
    local await, stat = atlas.await, uv.fs_stat

    for _ = 1, n do
        assert(await(stat, "/"))
    end
end)

W.luv_timer = luv_in_tasks(function(uv, n)
    local timer = uv.new_timer()

    for _ = 1, n do
        local callback, wait = atlas.callback()
        timer:start(0, 0, callback)
        wait()
    end
    timer:close()
end)

-- What luv's users have written, unchanged: each callback is a task.
function W.luv_raw(n)
    local uv = require "luv"

    for _ = 1, 100 do
        local timer, left = uv.new_timer(), n / 100
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

require("harness")(W)
