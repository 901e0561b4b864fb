-- release_test.lua - tasks that are cancelled while they wait leave nothing.
-- SPDX-License-Identifier: MIT
--
-- Tasks wait in every way there is and are cancelled all at once: each block,
-- operation, timer and scope of theirs has to be free again.  ATL_LONG=1 takes
-- as many as a machine of 4 GiB bears.

local atlas = require "atlas"
local check = require "check"
local counts = require("atlas.task.core").counts

local eq = check.eq

local COUNT = os.getenv "ATL_LONG" and 5000 or 1000 -- tasks a way of waiting

-- What the tasks wait for; all but `long` is free or empty for nobody.
local function setting()
    local s = {
        event = atlas.event(),
        lock = atlas.lock(),
        semaphore = atlas.semaphore(1),
        empty = atlas.channel(),
        full = atlas.channel(1),
        long = atlas.spawn(atlas.sleep, 1e6),
    }

    s.lock:acquire()
    s.semaphore:acquire()
    s.full:send "first"
    return s
end

local ways = {
    sleep = function()
        atlas.sleep(1e6)
    end,
    event = function(s)
        s.event:wait()
    end,
    lock = function(s)
        s.lock:with(error)
    end,
    semaphore = function(s)
        s.semaphore:acquire()
    end,
    recv = function(s)
        s.empty:recv()
    end,
    send = function(s)
        s.full:send {}
    end,
    select = function(s)
        atlas.select { { s.empty, "recv" }, { s.full, "send", {} }, timeout = 1e6 }
    end,
    await = function(s)
        s.long:await()
    end,
    callback = function()
        local _, wait = atlas.callback()
        wait()
    end,
    suspend = function()
        atlas.suspend(function()
            return function() end
        end)
    end,
    timeout = function()
        atlas.timeout(1e6, atlas.sleep, 1e6)
    end,
    group = function()
        atlas.group(function(g)
            g:spawn(atlas.sleep, 1e6)
        end)
    end,
    limited = function()
        atlas.map({ 1e6, 1e6, 1e6 }, atlas.sleep, { limit = 1 })
    end,
    child = function()
        atlas.spawn(atlas.sleep, 1e6)
        atlas.sleep(1e6)
    end,
    joining = function() -- the body has ended, and well, when it is cancelled
        atlas.spawn(atlas.sleep, 1e6)
    end,
    defer = function()
        atlas.defer(atlas.checkpoint)
        atlas.sleep(1e6)
    end,
    shield = function()
        atlas.shield(function()
            atlas.checkpoint()
        end)
        atlas.sleep(1e6)
    end,
    generator = function()
        coroutine.wrap(function()
            atlas.sleep(1e6)
        end)()
    end,
}

-- `count` tasks wait in the way `fn`; all are cancelled, and say so.
local function wave(fn, count)
    local s, tasks, waiting = setting(), {}, 0

    for i = 1, count do
        tasks[i] = atlas.spawn(function()
            waiting = waiting + 1
            fn(s)
        end)
    end
    while waiting < count do
        atlas.checkpoint()
    end
    for _ = 1, 5 + count / 1000 do
        atlas.checkpoint() -- until what these have spawned waits too
    end
    local held = counts()
    for i = 1, count do
        tasks[i]:cancel { "a reason" }
    end
    for i = 1, count do
        local ok, err = tasks[i]:pawait()
        if ok ~= (fn == ways.joining) or not ok and not atlas.TaskCancelled.is(err) then
            error(("task %d: %s, %s"):format(i, tostring(ok), tostring(err)))
        end
    end
    s.long:cancel()
    s.long:pawait()
    return held
end

local function lua_bytes()
    for _ = 1, 3 do
        collectgarbage()
    end
    return collectgarbage "count" * 1024
end

for name, way in check.each(ways) do
    test(("%d tasks that wait in '%s' are cancelled and leave nothing"):format(COUNT, name),
        function()
            wave(way, 1)
            local before = counts()
            local held = wave(way, COUNT)
            local after = counts()

            check.ok(held.tasks >= before.tasks + COUNT, "they were not there")
            check.ok(held.waits >= before.waits + COUNT, "they did not wait")
            for _, what in ipairs { "tasks", "scopes", "timers", "waits" } do
                eq(what .. " " .. after[what], what .. " " .. before[what])
            end
            -- The memory of operations, and of scopes with a timer, is kept for
            -- others, 64 of them in a block.
            local kept = (after.waits_allocated - before.waits_allocated) / 64
                + (after.scopes_allocated - before.scopes_allocated) / 64
            eq(after.blocks - before.blocks, before.blocks > 0 and kept or 0)
        end)

    test(("a second wave in '%s' takes no more memory than the first"):format(name), function()
        wave(way, COUNT)
        local bytes, before = lua_bytes(), counts()
        wave(way, COUNT)
        local after = counts()

        eq(after.waits_allocated, before.waits_allocated)
        eq(after.blocks, before.blocks)
        local growth = lua_bytes() - bytes
        check.ok(growth < 65536, ("Lua holds %d bytes more"):format(growth))
    end)
end

-- Resident bytes, or nil where a sanitizer keeps what was freed.
local function resident()
    local maps = assert(io.open "/proc/self/maps"):read "*a"

    if maps:find("libasan", 1, true) or maps:find("libtsan", 1, true) then
        return nil
    end
    for line in io.lines "/proc/self/smaps_rollup" do
        local kib = line:match "^Rss:%s+(%d+)"
        if kib then
            return kib * 1024
        end
    end
end

test("waves of all ways at once leave no resident memory", function()
    local all = {}

    for name, way in check.each(ways) do
        all[#all + 1] = name ~= "joining" and way or nil
    end
    local function mixed()
        local turn = 0
        wave(function(s)
            turn = turn % #all + 1
            all[turn](s)
        end, #all * COUNT)
        lua_bytes()
        return resident()
    end
    atlas.checkpoint()
    local before, first = counts(), resident()
    -- The allocator of LuaJIT takes some rounds to find its size.
    for _ = 1, first and 6 or 1 do
        first = mixed()
    end
    for _ = 1, first and 3 or 1 do
        local last = mixed()
        check.ok(not last or last < first * 1.05 + 2 ^ 20,
            ("%s bytes, then %s"):format(first, last))
    end
    local after = counts()
    for _, what in ipairs { "tasks", "scopes", "timers", "waits" } do
        eq(what .. " " .. after[what], what .. " " .. before[what])
    end
end)
