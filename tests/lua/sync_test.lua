-- sync_test.lua - events, locks, semaphores, channels, select, and the rest.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq, ok, has, list = check.eq, check.ok, check.has, check.list
local raises = check.raises

-- Let all others run as far as they get.
local function settle()
    for _ = 1, 3 do
        atlas.checkpoint()
    end
end

-- The same numbers on each VM and each run.
local function generator(seed)
    local state = seed

    return function(n)
        state = (state * 1103515245 % 2147483648 + 12345) % 2147483648
        return math.floor(state / 65536) % n + 1
    end
end

-- Spawn tasks 1 .. n, each fn(i).
local function spawn_each(n, fn)
    local tasks = {}

    for i = 1, n do
        tasks[i] = atlas.spawn(fn, i)
    end
    return tasks
end

-- Cancel, and count as handled.
local function stop(task)
    task:cancel()
    task:pawait()
end

-- events

test("wait() on an event that is set returns at once", function()
    local event = atlas.event()
    event:set()
    eq(event:is_set(), true)
    eq(event:wait(), true)
end)

test("set() wakes all who wait, in order, and clear() makes others wait", function()
    local event, log = atlas.event(), {}
    spawn_each(3, function(i)
        event:wait()
        log[#log + 1] = i
    end)
    settle()
    list(log, {})
    event:set()
    event:clear()
    settle()
    list(log, { 1, 2, 3 })
    eq(event:is_set(), false)
    local task = atlas.spawn(event.wait, event)
    settle()
    eq(task:status(), "waiting")
    stop(task)
end)

test("a wait for an event that was cancelled hears nothing of it", function()
    local event, log = atlas.event(), {}
    local tasks = spawn_each(3, function(i)
        event:wait()
        log[#log + 1] = i
    end)
    settle()
    stop(tasks[2])
    event:set()
    settle()
    list(log, { 1, 3 })
end)

-- locks

test("a lock is held by one task at a time, in the order of coming", function()
    local lock, log, inside = atlas.lock(), {}, 0
    spawn_each(5, function(i)
        lock:with(function()
            inside = inside + 1
            eq(inside, 1)
            atlas.checkpoint()
            log[#log + 1] = i
            inside = inside - 1
        end)
    end)
    for _ = 1, 5 do
        settle()
    end
    list(log, { 1, 2, 3, 4, 5 })
    eq(lock:locked(), false)
end)

test("with() passes arguments and results on, nils too", function()
    check.values({ n = 4, nil, 1, nil, nil }, atlas.lock():with(function(...)
        return ...
    end, nil, 1, nil, nil))
end)

test("with() releases when its function raises, and raises the same", function()
    local lock, err = atlas.lock(), {}
    eq(raises(lock.with, lock, error, err), err)
    eq(lock:locked(), false)
    raises(lock.with, lock, nil)
    eq(lock:locked(), false)
end)

test("with() releases when its task is cancelled", function()
    local lock = atlas.lock()
    local task = atlas.spawn(lock.with, lock, atlas.sleep, 10)
    settle()
    eq(lock:locked(), true)
    stop(task)
    eq(lock:locked(), false)
end)

test("an error out of with() has the traceback of where it was raised", function()
    local lock, where = atlas.lock(), nil
    local task = atlas.spawn(function()
        lock:with(function()
            where = check.here(1)
            error "x"
        end)
    end)
    eq(task:pawait(), false)
    has(task:traceback(), where)
end)

test("acquiring a lock twice raises, and so does releasing another's", function()
    local lock = atlas.lock()
    has(raises(lock.release, lock), "doesn't hold the lock")
    lock:acquire()
    has(raises(lock.acquire, lock), "holds the lock already")
    local task = atlas.spawn(lock.release, lock)
    local fine, err = task:pawait()
    eq(fine, false)
    has(err, "doesn't hold the lock")
    eq(lock:locked(), true)
    lock:release()
    eq(lock:locked(), false)
end)

for place, name in ipairs { "first", "middle", "last" } do
    test("cancelling the " .. name .. " who waits for a lock skips only that one", function()
        local lock, log = atlas.lock(), {}
        lock:acquire()
        local tasks = spawn_each(3, function(i)
            lock:with(function()
                log[#log + 1] = i
            end)
        end)
        settle()
        stop(tasks[place])
        lock:release()
        settle()
        local want = { 1, 2, 3 }
        table.remove(want, place)
        list(log, want)
        eq(lock:locked(), false)
    end)
end

test("a task that was handed the lock and then cancelled gives it on", function()
    local lock, log = atlas.lock(), {}
    lock:acquire()
    local tasks = spawn_each(2, function(i)
        lock:with(function()
            atlas.checkpoint()
            log[#log + 1] = i
        end)
    end)
    settle()
    lock:release()
    tasks[1]:cancel()
    tasks[1]:pawait()
    settle()
    list(log, { 2 })
    eq(lock:locked(), false)
end)

test("in a cancelled scope acquire() raises and takes nothing", function()
    local lock = atlas.lock()
    local task
    task = atlas.spawn(function()
        task:cancel()
        lock:acquire()
    end)
    eq(task:pawait(), false)
    eq(lock:locked(), false)
end)

test("a timeout around acquire() leaves the queue", function()
    local lock = atlas.lock()
    lock:acquire()
    local task = atlas.spawn(function()
        return atlas.move_on(0.001, lock.acquire, lock)
    end)
    eq(task:await(), false)
    lock:release()
    eq(lock:locked(), false)
end)

-- semaphores

test("no more than n tasks hold a semaphore", function()
    local s, inside, most = atlas.semaphore(3), 0, 0
    local tasks = spawn_each(10, function()
        s:with(function()
            inside = inside + 1
            most = math.max(most, inside)
            atlas.checkpoint()
            inside = inside - 1
        end)
    end)
    for _, task in ipairs(tasks) do
        task:await()
    end
    eq(most, 3)
    eq(s:available(), 3)
end)

test("releasing a permit that nobody has raises", function()
    local s = atlas.semaphore(2)
    has(raises(s.release, s), "no permit")
    s:acquire()
    eq(s:available(), 1)
    s:release()
    eq(s:available(), 2)
end)

test("a semaphore's count is an integer, at least 1", function()
    for _, n in ipairs { 0, -1, 1.5, 1e10, 0 / 0, "x" } do
        has(raises(atlas.semaphore, n), "semaphore")
    end
end)

test("a permit that is free is never beside a task that waits", function()
    for seed = 1, 1000 do
        local random = generator(seed)
        local n = random(3)
        local s, held, ended = atlas.semaphore(n), 0, 0
        local tasks = spawn_each(8, function()
            for _ = 1, 3 do
                s:with(function()
                    held = held + 1
                    local fine, err = pcall(function()
                        for _ = 1, random(3) - 1 do
                            atlas.checkpoint()
                        end
                    end)
                    held = held - 1
                    assert(fine, err)
                end)
            end
            ended = ended + 1
        end)
        local victims = 0
        for _ = 1, 12 do
            atlas.checkpoint()
            ok(held <= n and held >= 0)
            ok(held + s:available() <= n)
            if random(2) == 1 then
                tasks[random(8)]:cancel()
                victims = victims + 1
            end
        end
        for _, task in ipairs(tasks) do
            task:pawait()
        end
        eq(held, 0)
        eq(s:available(), n)
        ok(ended >= 8 - victims)
    end
end)

-- channels

test("a channel without capacity hands over from task to task", function()
    local ch, log = atlas.channel(), {}
    atlas.spawn(function()
        for i = 1, 3 do
            eq(ch:send(i), true)
            log[#log + 1] = i
        end
    end)
    settle()
    list(log, {})
    eq(ch:recv(), 1)
    settle()
    list(log, { 1 })
    eq(ch:recv(), 2)
    eq(ch:recv(), 3)
end)

test("a channel takes as many values as it has capacity for", function()
    local ch = atlas.channel(2)
    eq(ch:send "a", true)
    eq(ch:send "b", true)
    eq(#ch, 2)
    eq(ch:len(), 2)
    eq(ch:try_send "c", false)
    local task = atlas.spawn(ch.send, ch, "c")
    settle()
    eq(task:status(), "waiting")
    eq(ch:recv(), "a")
    eq(#ch, 2)
    eq(task:await(), true)
    eq(ch:recv(), "b")
    eq(ch:recv(), "c")
    eq(ch:try_recv(), nil)
end)

test("values come in the order in which they were sent, senders in theirs", function()
    for capacity = 0, 4 do
        local ch, got, want = atlas.channel(capacity), {}, {}
        spawn_each(10, function(i)
            ch:send(i)
        end)
        settle()
        for i = 1, 10 do
            got[i], want[i] = ch:recv(), i
        end
        list(got, want)
    end
end)

test("receivers are served in the order of coming", function()
    local ch, log = atlas.channel(), {}
    spawn_each(3, function(i)
        local v = ch:recv()
        log[#log + 1] = i .. v
    end)
    settle()
    for _, v in ipairs { "a", "b", "c" } do
        eq(ch:try_send(v), true)
    end
    settle()
    list(log, { "1a", "2b", "3c" })
end)

test("a channel carries any value but nil", function()
    local ch = atlas.channel(3)
    has(raises(ch.send, ch, nil), "nil")
    has(raises(ch.send, ch), "nil")
    has(raises(ch.try_send, ch), "nil")
    ch:send(false)
    ch:send(ch)
    eq(ch:recv(), false)
    eq(ch:recv(), ch)
end)

test("a bad capacity raises", function()
    for _, n in ipairs { -1, 0.5, 2e9, "x" } do
        has(raises(atlas.channel, n), "channel")
    end
end)

local function is_closed(value, err)
    eq(value, nil)
    eq(err.code, "ECLOSED")
end

test("what is in the buffer when it is closed is still received", function()
    local ch = atlas.channel(2)
    ch:send(1)
    ch:send(2)
    local task = atlas.spawn(ch.send, ch, 3)
    settle()
    ch:close()
    ch:close()
    is_closed(task:await())
    is_closed(ch:send(4))
    eq(ch:try_send(4), false)
    eq(ch:recv(), 1)
    eq(ch:try_recv(), 2)
    is_closed(ch:recv())
    is_closed(ch:try_recv())
    eq(ch:is_closed(), true)
end)

test("closing wakes all receivers with nil, ECLOSED", function()
    local ch = atlas.channel()
    local tasks = spawn_each(3, function()
        return ch:recv()
    end)
    settle()
    ch:close()
    for _, task in ipairs(tasks) do
        is_closed(task:await())
    end
end)

test("iter() goes on until the channel is closed and empty", function()
    local ch, got = atlas.channel(1), {}
    atlas.spawn(function()
        for i = 1, 4 do
            ch:send(i)
        end
        ch:close()
    end)
    for v in ch:iter() do
        got[#got + 1] = v
    end
    list(got, { 1, 2, 3, 4 })
end)

for place, name in ipairs { "first", "middle", "last" } do
    test("cancelling the " .. name .. " sender or receiver skips only that one", function()
        local want = { 1, 2, 3 }
        table.remove(want, place)
        for capacity = 0, 1 do
            local ch = atlas.channel(capacity)
            local _ = capacity == 1 and ch:send(0)
            local tasks = spawn_each(3, function(i)
                ch:send(i)
            end)
            settle()
            stop(tasks[place])
            local got = {}
            for i = 1, 2 do
                got[i] = ch:recv()
                if got[i] == 0 then
                    got[i] = ch:recv()
                end
            end
            list(got, want)
            eq(ch:try_recv(), nil)
        end
        local ch, got = atlas.channel(), {}
        local tasks = spawn_each(3, function(i)
            ch:recv()
            got[#got + 1] = i
        end)
        settle()
        stop(tasks[place])
        eq(ch:try_send "x", true)
        eq(ch:try_send "x", true)
        eq(ch:try_send "x", false)
        settle()
        list(got, want)
    end)
end

test("a value that was sent is received once, whoever is cancelled", function()
    for seed = 1, 1000 do
        local random = generator(seed)
        local ch, sent, got = atlas.channel(random(3) - 1), {}, {}
        local senders = spawn_each(4, function(i)
            for k = 1, 4 do
                if ch:send { i, k } then
                    sent[#sent + 1] = i
                end
            end
        end)
        local receivers = spawn_each(3, function()
            local last = {}
            for v in ch:iter() do
                ok((last[v[1]] or 0) < v[2])
                last[v[1]] = v[2]
                got[#got + 1] = v[1]
                if random(3) == 1 then
                    pcall(atlas.checkpoint)
                end
            end
        end)
        for _ = 1, 4 do
            atlas.checkpoint()
            if random(2) == 1 then
                senders[random(4)]:cancel()
            end
            if random(4) == 1 then
                receivers[random(2)]:cancel()
            end
        end
        for _, task in ipairs(senders) do
            task:pawait()
        end
        ch:close()
        for _, task in ipairs(receivers) do
            local fine, err = task:pawait()
            ok(fine or atlas.TaskCancelled.is(err), tostring(err))
        end
        eq(#got, #sent)
    end
end)

-- select

test("select() does the one case that is ready", function()
    local a, b = atlas.channel(1), atlas.channel(1)
    b:send "x"
    local index, value = atlas.select { { a, "recv" }, { b, "recv" } }
    eq(index, 2)
    eq(value, "x")
    check.values({ n = 2, 1, true }, atlas.select { { a, "send", "y" }, { b, "recv" } })
    eq(a:recv(), "y")
end)

test("select() waits for whichever comes first, to receive or to send", function()
    local a, b = atlas.channel(), atlas.channel()
    local task = atlas.spawn(atlas.select, { { a, "recv" }, { b, "send", "v" } })
    settle()
    eq(b:recv(), "v")
    check.values({ n = 2, 2, true }, task:await())
    eq(a:try_send(1), false)
    task = atlas.spawn(atlas.select, { { a, "recv" }, { b, "send", "v" } })
    settle()
    eq(a:try_send(false), true)
    check.values({ n = 2, 1, false }, task:await())
    eq(b:try_recv(), nil)
end)

test("two selects meet each other", function()
    local a, b = atlas.channel(), atlas.channel()
    local task = atlas.spawn(atlas.select, { { a, "recv" }, { b, "send", 2 } })
    settle()
    check.values({ n = 2, 1, true }, atlas.select { { a, "send", 1 }, { b, "send", 3 } })
    check.values({ n = 2, 1, 1 }, task:await())
    eq(b:try_recv(), nil)
end)

test("of cases that are all ready none starves", function()
    local chs, count, cases = {}, { 0, 0, 0 }, {}
    for i = 1, 3 do
        chs[i] = atlas.channel(100)
        cases[i] = { chs[i], "recv" }
        for _ = 1, 100 do
            chs[i]:send(i)
        end
    end
    for _ = 1, 90 do
        local index, value = atlas.select(cases)
        eq(index, value)
        count[index] = count[index] + 1
    end
    list(count, { 30, 30, 30 })
end)

test("select() on timeout returns nil, ETIMEDOUT and leaves nothing queued", function()
    local a, b = atlas.channel(), atlas.channel()
    for _, timeout in ipairs { 0, 0.002 } do
        local index, err =
            atlas.select { { a, "recv" }, { b, "send", 1 }, timeout = timeout }
        eq(index, nil)
        eq(err.code, "ETIMEDOUT")
        check.lacks(tostring(err), "connection")
        eq(a:try_send(1), false)
        eq(b:try_recv(), nil)
    end
    local index, err = atlas.select { timeout = 0.001 }
    eq(index, nil)
    eq(err.code, "ETIMEDOUT")
end)

test("with timeout 0 select() does what is ready", function()
    local ch = atlas.channel(1)
    check.values({ n = 2, 1, true }, atlas.select { { ch, "send", 7 }, timeout = 0 })
    check.values({ n = 2, 1, 7 }, atlas.select { { ch, "recv" }, timeout = 0 })
end)

test("cancelling a select() leaves nothing queued", function()
    local a, b = atlas.channel(), atlas.channel()
    local task = atlas.spawn(atlas.select, { { a, "recv" }, { b, "send", 1 }, { a, "recv" } })
    settle()
    stop(task)
    eq(a:try_send(1), false)
    eq(b:try_recv(), nil)
end)

test("a closed channel is a case that is ready", function()
    local a, b = atlas.channel(), atlas.channel()
    local task = atlas.spawn(atlas.select, { { a, "recv" }, { b, "send", 1 } })
    settle()
    b:close()
    local index, value, err = task:await()
    eq(index, 2)
    is_closed(value, err)
    for _, case in ipairs { { b, "recv" }, { b, "send", 1 } } do
        index, value, err = atlas.select { { a, "recv" }, case }
        eq(index, 2)
        is_closed(value, err)
    end
    eq(a:try_send(1), false)
end)

test("select() refuses what isn't a case, and starts nothing", function()
    local ch = atlas.channel()
    local good = { ch, "recv" }
    has(raises(atlas.select), "list of cases")
    has(raises(atlas.select, {}), "no cases")
    has(raises(atlas.select, { good, 1 }), "case 2 isn't a table")
    has(raises(atlas.select, { good, {} }), "case 2 has no channel")
    has(raises(atlas.select, { good, { ch, "peek" } }), "'recv' or 'send'")
    has(raises(atlas.select, { good, { ch, "send" } }), "no value")
    has(raises(atlas.select, { good, timeout = -1 }), "timeout")
    eq(ch:try_send(1), false)
end)

test("what selects send is received once, whoever is cancelled", function()
    for seed = 1, 1000 do
        local random = generator(seed)
        local chs, sent, got = { atlas.channel(), atlas.channel(1) }, 0, 0
        local tasks = spawn_each(6, function(i)
            for _ = 1, 3 do
                local a, b = random(2), random(2)
                local index, value = atlas.select {
                    { chs[a], i % 2 == 0 and "send" or "recv", i },
                    { chs[b], random(2) == 1 and "send" or "recv", i },
                    timeout = random(4) == 1 and 0 or nil,
                }
                if value == true then
                    sent = sent + 1
                elseif index then
                    got = got + 1
                end
            end
        end)
        for _ = 1, 5 do
            atlas.checkpoint()
            if random(2) == 1 then
                tasks[random(6)]:cancel()
            end
        end
        for _, task in ipairs(tasks) do
            stop(task)
        end
        eq(sent, got + #chs[2])
        for _, ch in ipairs(chs) do
            for _ = 1, #ch do
                ok(ch:try_recv())
            end
            eq(ch:try_recv(), nil)
            eq(ch:try_send(0), ch == chs[2])
        end
    end
end)

test("a lock changes hands whoever is cancelled", function()
    for seed = 1, 1000 do
        local random = generator(seed)
        local lock, inside = atlas.lock(), 0
        local tasks = spawn_each(5, function()
            for _ = 1, 2 do
                lock:with(function()
                    inside = inside + 1
                    local alone = inside == 1
                    pcall(atlas.checkpoint)
                    inside = inside - 1
                    assert(alone)
                end)
            end
        end)
        for _ = 1, 6 do
            atlas.checkpoint()
            if random(2) == 1 then
                tasks[random(5)]:cancel()
            end
        end
        for _, task in ipairs(tasks) do
            local fine, err = task:pawait()
            ok(fine or atlas.TaskCancelled.is(err), tostring(err))
        end
        eq(lock:locked(), false)
    end
end)

test("a channel may be collected while a task waits at it for nothing", function()
    local a = atlas.channel()
    local tasks = {
        atlas.spawn(function()
            atlas.select { { atlas.channel(), "recv" }, { a, "recv" } }
        end),
        atlas.spawn(function()
            atlas.channel():recv()
        end),
        atlas.spawn(function()
            atlas.event():wait()
        end),
        atlas.spawn(function()
            atlas.channel():send {}
        end),
    }
    settle()
    collectgarbage()
    collectgarbage()
    eq(a:try_send(1), true)
    for _, task in ipairs(tasks) do
        stop(task)
    end
end)

-- broadcast

test("each subscriber gets what is published after it subscribed", function()
    local b = atlas.broadcast()
    b:publish(0)
    local first = b:subscribe()
    b:publish(1)
    local second = b:subscribe()
    b:publish(2)
    eq(first:recv(), 1)
    eq(first:recv(), 2)
    eq(second:recv(), 2)
    eq(second:try_recv(), nil)
end)

test("closing the channel unsubscribes", function()
    local b = atlas.broadcast()
    local ch = b:subscribe()
    ch:close()
    b:publish(1)
    eq(#b.subscribers, 0)
    is_closed(ch:recv())
end)

test("a slow subscriber misses values, is closed, or is waited for", function()
    local b = atlas.broadcast { capacity = 1 }
    local ch = b:subscribe()
    b:publish(1)
    b:publish(2)
    eq(ch:recv(), 1)
    eq(ch:try_recv(), nil)

    b = atlas.broadcast { capacity = 1, slow = "close" }
    ch = b:subscribe()
    b:publish(1)
    b:publish(2)
    eq(ch:recv(), 1)
    is_closed(ch:recv())

    b = atlas.broadcast { capacity = 1, slow = "block" }
    ch = b:subscribe()
    b:publish(1)
    local task = atlas.spawn(b.publish, b, 2)
    local behind = atlas.spawn(b.publish, b, 3)
    settle()
    eq(task:status(), "waiting")
    for i = 1, 3 do
        eq(ch:recv(), i)
    end
    task:await()
    behind:await()
    b:publish(4)
    task = atlas.spawn(b.publish, b, 5)
    settle()
    ch:close()
    task:await()
end)

test("a bad option of broadcast() raises, and so does publishing nil", function()
    has(raises(atlas.broadcast, { slow = "x" }), "slow")
    has(raises(atlas.broadcast, { capacity = -1 }), "capacity")
    local b = atlas.broadcast()
    has(raises(b.publish, b), "nil")
end)

-- singleflight

test("calls with one key at the same time run the function once", function()
    local sf, runs = atlas.singleflight(), 0
    local function load(a, b)
        runs = runs + 1
        atlas.sleep(0.002)
        return a, nil, b
    end
    local tasks = spawn_each(5, function()
        return sf:call("k", load, 1, 2)
    end)
    local other = atlas.spawn(sf.call, sf, "other", load, 3, 4)
    for _, task in ipairs(tasks) do
        check.values({ n = 3, 1, nil, 2 }, task:await())
    end
    check.values({ n = 3, 3, nil, 4 }, other:await())
    eq(runs, 2)
    sf:call("k", load)
    eq(runs, 3)
end)

test("its error goes to each who waits", function()
    local sf, err = atlas.singleflight(), {}
    local tasks = spawn_each(3, function()
        sf:call("k", function()
            atlas.checkpoint()
            error(err)
        end)
    end)
    for _, task in ipairs(tasks) do
        local fine, got = task:pawait()
        eq(fine, false)
        eq(got, err)
    end
    eq(next(sf.flights), nil)
end)

test("the function is cancelled with the last who waits, not before", function()
    local sf, ended = atlas.singleflight(), nil
    local tasks = spawn_each(3, function()
        sf:call("k", function()
            local fine, err = pcall(atlas.sleep, 10)
            ended = not fine and atlas.Cancelled.is(err)
            error(err, 0)
        end)
    end)
    settle()
    stop(tasks[1])
    stop(tasks[3])
    settle()
    eq(ended, nil)
    stop(tasks[2])
    settle()
    eq(ended, true)
    eq(sf:call("k", tostring, 5), "5")
end)

-- limiters

test("a limiter lets a burst through, then its rate, in the order of coming", function()
    local limiter, log = atlas.limiter { rate = 200, burst = 2 }, {}
    local start = atlas.now()
    local tasks = spawn_each(4, function(i)
        limiter:take(i == 3 and 2 or 1)
        log[#log + 1] = i
    end)
    settle()
    list(log, { 1, 2 })
    for _, task in ipairs(tasks) do
        task:await()
    end
    list(log, { 1, 2, 3, 4 })
    ok(atlas.now() - start >= 0.0149)
end)

test("a take() that is cancelled takes nothing", function()
    local limiter = atlas.limiter { rate = 100, burst = 2 }
    limiter:take(1)
    local task = atlas.spawn(limiter.take, limiter, 2)
    settle()
    stop(task)
    local start = atlas.now()
    limiter:take(1)
    ok(atlas.now() - start < 0.005)
end)

test("a bad rate, burst or number of tokens raises", function()
    has(raises(atlas.limiter), "rate")
    has(raises(atlas.limiter, { rate = 0 }), "rate")
    has(raises(atlas.limiter, { rate = 1, burst = 0 }), "burst")
    local limiter = atlas.limiter { rate = 5 }
    has(raises(limiter.take, limiter, 6), "at most 5")
    has(raises(limiter.take, limiter, 0), "above 0")
end)
