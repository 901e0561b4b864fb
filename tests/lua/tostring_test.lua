-- tostring_test.lua - what tasks and what they share say of themselves, and
-- how to-be-closed variables close it.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

test("a lock tells who holds it and how many wait", function()
    local lock = atlas.lock()
    local event = atlas.event()

    eq(tostring(lock), "atlas.Lock (free)")
    local holder = atlas.spawn(function()
        lock:with(event.wait, event)
    end):name "x"
    atlas.checkpoint()
    eq(tostring(lock), "atlas.Lock (held by task 'x', 0 waiting)")
    local waiters = { atlas.spawn(lock.with, lock, print), atlas.spawn(lock.acquire, lock) }
    atlas.checkpoint()
    eq(tostring(lock), "atlas.Lock (held by task 'x', 2 waiting)")
    waiters[1]:cancel()
    waiters[2]:cancel()
    waiters[1]:pawait()
    waiters[2]:pawait()
    event:set()
    holder:await()
    eq(tostring(lock), "atlas.Lock (free)")
    atlas.spawn(function()
        lock:acquire()
        check.ok(tostring(lock):find "^atlas.Lock %(held by task %d+, 0 waiting%)$", tostring(lock))
        lock:release()
    end):await()
end)

test("an event tells whether it is set and how many wait", function()
    local event = atlas.event()

    eq(tostring(event), "atlas.Event (not set, 0 waiting)")
    local task = atlas.spawn(event.wait, event)
    atlas.checkpoint()
    eq(tostring(event), "atlas.Event (not set, 1 waiting)")
    event:set()
    eq(tostring(event), "atlas.Event (set)")
    task:await()
end)

test("a semaphore tells its permits", function()
    local semaphore = atlas.semaphore(3)

    semaphore:acquire()
    eq(tostring(semaphore), "atlas.Semaphore (2 of 3 available, 0 waiting)")
    semaphore:release()
end)

test("a channel tells what it holds and who waits", function()
    local ch = atlas.channel(2)

    eq(tostring(ch), "atlas.Channel (0 of 2 buffered)")
    local receiver = atlas.spawn(ch.recv, ch)
    atlas.checkpoint()
    eq(tostring(ch), "atlas.Channel (0 of 2 buffered, 1 receiving)")
    ch:send(1)
    receiver:await()
    ch:send(2)
    ch:send(3)
    local senders = { atlas.spawn(ch.send, ch, 4), atlas.spawn(ch.send, ch, 5) }
    atlas.checkpoint()
    eq(tostring(ch), "atlas.Channel (2 of 2 buffered, 2 sending)")
    ch:close()
    senders[1]:await()
    eq(tostring(ch), "atlas.Channel (2 of 2 buffered, closed)")
end)

test("a group tells how many of its tasks run", function()
    local left

    atlas.group(function(g)
        left = g
        eq(tostring(g), "atlas.Group (0 running, 0 waiting)")
        for _ = 1, 3 do
            g:spawn(atlas.checkpoint)
        end
        eq(tostring(g), "atlas.Group (2 running, 1 waiting)")
        g:cancel()
        eq(tostring(g), "atlas.Group (3 running, 0 waiting, cancelled)")
    end, { limit = 2 })
    eq(tostring(left), "atlas.Group (over)")
end)

test("a broadcast, a singleflight and a limiter tell how much there is", function()
    local broadcast = atlas.broadcast()
    local subscription = broadcast:subscribe()

    broadcast:subscribe()
    eq(tostring(broadcast), "atlas.Broadcast (2 subscribers)")
    subscription:close()
    eq(tostring(broadcast), "atlas.Broadcast (1 subscribers)")
    broadcast:close()
    eq(tostring(broadcast), "atlas.Broadcast (closed)")

    local singleflight = atlas.singleflight()
    eq(tostring(singleflight), "atlas.Singleflight (0 calls)")
    local task = atlas.spawn(singleflight.call, singleflight, "key", atlas.checkpoint)
    atlas.checkpoint()
    eq(tostring(singleflight), "atlas.Singleflight (1 calls)")
    task:await()

    local limiter = atlas.limiter { rate = 0.001, burst = 10 }
    limiter:take(4)
    eq(tostring(limiter), "atlas.Limiter (6 of 10 tokens, 0.001 a second)")
end)

test("all of them have locked metatables", function()
    for _, object in ipairs {
        atlas.lock(), atlas.event(), atlas.semaphore(1), atlas.channel(), atlas.var(),
        atlas.current(),
    } do
        eq(getmetatable(object), "locked")
    end
end)

test("a broadcast that is closed ends its subscriptions, those to come too", function()
    local broadcast = atlas.broadcast { capacity = 2 }
    local first, second = broadcast:subscribe(), broadcast:subscribe()

    eq(broadcast:publish(1), true)
    broadcast:close()
    broadcast:close()
    for _, ch in ipairs { first, second } do
        eq(ch:recv(), 1)
        local value, err = ch:recv()
        eq(value, nil)
        eq(err.code, "ECLOSED")
    end
    eq(select(2, broadcast:subscribe():recv()).code, "ECLOSED")
    local ok, err = broadcast:publish(2)
    eq(ok, nil)
    eq(err.code, "ECLOSED")
end)

test("a broadcast that is closed lets go who waits for a slow subscriber", function()
    local broadcast = atlas.broadcast { capacity = 0, slow = "block" }

    broadcast:subscribe()
    local task = atlas.spawn(broadcast.publish, broadcast, 1)
    atlas.checkpoint()
    broadcast:close()
    local ok, err = task:await()
    eq(ok, nil)
    eq(err.code, "ECLOSED")
end)

-- Runs Lua of 5.4 with the values as its `...`; elsewhere there is no syntax
-- for it, and the metamethod is called by hand.
local function close(object, before)
    if check.is_luajit then
        before(object)
        debug.getmetatable(object).__close(object)
        return
    end
    assert(load [[
        local object, before = ...
        do
            local closed <close> = object
            before(object)
        end
    ]])(object, before)
end

local function nothing() end

test("to close a lock releases it, if this task holds it", function()
    local lock = atlas.lock()

    close(lock, lock.acquire)
    eq(lock:locked(), false)
    close(lock, nothing)
    local task = atlas.spawn(function()
        lock:with(atlas.checkpoint)
    end)
    atlas.checkpoint()
    close(lock, nothing)
    eq(lock:locked(), true)
    task:await()
end)

test("to close a semaphore releases a permit, if one is out", function()
    local semaphore = atlas.semaphore(2)

    close(semaphore, semaphore.acquire)
    eq(semaphore:available(), 2)
    close(semaphore, nothing)
    eq(semaphore:available(), 2)
end)

test("to close a channel, a subscription or a broadcast closes it", function()
    local ch, broadcast = atlas.channel(), atlas.broadcast()
    local subscription = broadcast:subscribe()

    close(ch, nothing)
    eq(ch:is_closed(), true)
    close(subscription, nothing)
    eq(tostring(broadcast), "atlas.Broadcast (0 subscribers)")
    close(broadcast, nothing)
    eq(tostring(broadcast), "atlas.Broadcast (closed)")
end)
