-- world.lua - a small world of tasks that do what a seed says (stress_test.lua).
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local stress = require "atlas.stress.core"

local is_cancelled, is_timeout = atlas.Cancelled.is, atlas.Timeout.is
local pack = table.pack or function(...)
    return { n = select("#", ...), ... }
end
local unpack = table.unpack or unpack

local MAX_TASKS, MAX_DEPTH = 24, 3

local M = {}

-- The same numbers on each VM: Park and Miller's.
local function numbers(seed)
    local state = seed % 2147483646 + 1

    return function(n)
        state = state * 16807 % 2147483647
        return state % n + 1
    end
end

-- What is wrong is kept, since an error might be caught by what is tested.
local function expect(w, truth, text)
    if not truth and not w.broken then
        w.broken = text .. "\n" .. debug.traceback()
    end
end

-- Call what waits, in the task of the context `c`: it must go on once, and none
-- of its other waits meanwhile.
local function wait(c, fn, ...)
    local w = c.w

    expect(w, not c.waits, "a task goes on that waits for something else")
    c.waits = true
    local got = pack(pcall(fn, ...))
    expect(w, c.waits, "a wait has ended twice")
    c.waits = false
    if got[1] then
        return unpack(got, 2, got.n)
    end
    if is_cancelled(got[2]) then
        expect(w, atlas.cancelled() ~= nil, "Cancelled, and nothing is")
        if w.random(3) == 1 then
            local ok, err = pcall(atlas.checkpoint)
            expect(w, not ok and is_cancelled(err), "a caught Cancelled is forgotten")
        end
    end
    return error(got[2], 0)
end

local run_some

-- Some operations inside another, whose error is that of the whole.
local function inside(c)
    c.depth = c.depth + 1
    local ok, err = pcall(run_some, c, c.w.random(3))
    c.depth = c.depth - 1
    if not ok then
        return error(err, 0)
    end
    return "inside"
end

-- An error that is not one of ours would be one of the scheduler's.
local function check_error(w, err)
    expect(w, err == "on purpose" or is_cancelled(err) or is_timeout(err)
        or atlas.TaskCancelled.is(err)
        or type(err) == "table" and err.message == "on purpose", tostring(err))
end

-- The body of each task.
local function body(c)
    local w = c.w

    c.began = true
    w.running = w.running + 1
    atlas.defer(function()
        c.ended = c.ended + 1
        w.running = w.running - 1
        if w.random(3) == 1 then
            atlas.sleep(0.0001)
        end
        expect(w, c.deferred == 0, "a deferred function has not run")
    end)
    local ok, err = pcall(run_some, c, 2 + w.random(4))
    if not ok then
        check_error(w, err)
        -- Who doesn't say that it was cancelled may end as it likes.
        if is_cancelled(err) or w.random(2) == 1 then
            return error(err, 0)
        end
    end
    return c, nil, "result"
end

-- What every task has to look like when it is over.
local function check_over(c)
    local status = c.task:status()

    expect(c.w, status == "done" or status == "failed" or status == "cancelled",
        "over, and " .. status)
    expect(c.w, c.ended == (c.began and 1 or 0), "a deferred function ran "
        .. c.ended .. " times")
    for _, child in ipairs(c.children or {}) do
        expect(c.w, child.ended == (child.began and 1 or 0), "a child outlives its parent")
    end
end

local function await(c, other)
    if other == c or not other.task then
        return
    end
    if c.w.random(2) == 1 then
        local got = pack(wait(c, other.task.pawait, other.task))
        if got[1] then
            expect(c.w, got.n == 4 and got[2] == other and got[4] == "result", "pawait's results")
        else
            expect(c.w, not is_cancelled(got[2]), "another's Cancelled")
            check_error(c.w, got[2])
        end
    else
        local ok, a, _, last = pcall(wait, c, other.task.await, other.task)
        if not ok then
            return error(a, 0)
        end
        expect(c.w, a == other and last == "result", "await's results")
    end
    check_over(other)
end

local function is_full(c)
    return #c.w.contexts >= MAX_TASKS or c.depth >= MAX_DEPTH
end

local function take_value(w, value)
    expect(w, w.sent[value] ~= nil, "a value that nobody has sent")
    expect(w, not w.received[value], "a value was received twice")
    w.received[value] = true
end

local function new_value(w)
    local value = { #w.values + 1 }

    w.values[#w.values + 1] = value
    w.sent[value] = "unsure"
    return value
end

-- What is known of a value behind a send: it went, or it never will.
local function told(w, value, ok)
    w.sent[value] = ok == true and "sent" or "kept"
    expect(w, ok == true or not w.received[value], "a value that was not sent was received")
end

local O = {}

function O.sleep(c)
    local seconds = (c.w.random(4) - 1) * 0.0003
    local due = atlas.now() + seconds

    expect(c.w, wait(c, atlas.sleep, seconds) == true, "sleep's result")
    expect(c.w, atlas.now() >= due, "a sleep was early")
end

function O.checkpoint(c)
    expect(c.w, wait(c, atlas.checkpoint) == true, "checkpoint's result")
end

function O.busy(c)
    stress.advance(c.w.random(20) * 0.0001)
end

function O.send(c)
    local w = c.w
    local channel, value = w.channels[w.random(#w.channels)], new_value(w)
    local ok, sent, err = pcall(wait, c, channel.send, channel, value)

    told(w, value, ok and sent)
    if not ok then
        return error(sent, 0)
    end
    expect(w, sent == true or err.code == "ECLOSED", "send's result")
end

function O.recv(c)
    local w = c.w
    local channel = w.channels[w.random(#w.channels)]
    local value, err = wait(c, channel.recv, channel)

    if value == nil then
        expect(w, err.code == "ECLOSED" and channel:is_closed(), "recv's error")
    else
        take_value(w, value)
    end
end

O.recv_too = O.recv

function O.try(c)
    local w = c.w
    local channel = w.channels[w.random(#w.channels)]

    if w.random(2) == 1 then
        local value = new_value(w)
        told(w, value, channel:try_send(value))
    else
        local value = channel:try_recv()
        if value ~= nil then
            take_value(w, value)
        end
    end
end

function O.close(c)
    local w = c.w

    if w.random(8) == 1 then
        w.channels[w.random(#w.channels)]:close()
    end
end

function O.select(c)
    local w = c.w
    local cases = { timeout = w.random(3) == 1 and (w.random(3) - 1) * 0.0004 or nil }

    for i = 1, w.random(4) do
        local channel = w.channels[w.random(#w.channels)]
        cases[i] = w.random(2) == 1 and { channel, "recv" }
            or { channel, "send", new_value(w) }
    end
    local began = atlas.now()
    local ok, index, value, err = pcall(wait, c, atlas.select, cases)
    for i, case in ipairs(cases) do
        if case[2] == "send" then
            told(w, case[3], ok and index == i and value)
        end
    end
    if not ok then
        return error(index, 0)
    elseif index == nil then
        expect(w, value.code == "ETIMEDOUT" and atlas.now() >= began + cases.timeout,
            "select's timeout")
    elseif value == nil then
        expect(w, err.code == "ECLOSED" and cases[index][1]:is_closed(), "select's error")
    elseif cases[index][2] == "recv" then
        take_value(w, value)
    end
end

function O.lock(c)
    local w = c.w

    if c.has_lock then
        return
    end
    wait(c, w.lock.acquire, w.lock)
    expect(w, w.holders == 0, "two hold the lock")
    w.holders, c.has_lock = w.holders + 1, true
    local ok, err = pcall(inside, c)
    w.holders, c.has_lock = w.holders - 1, false
    w.lock:release()
    if not ok then
        return error(err, 0)
    end
end

function O.semaphore(c)
    local w = c.w

    c.waits = true
    local ok, err = pcall(w.semaphore.with, w.semaphore, function()
        expect(w, c.waits, "a permit for who doesn't wait")
        c.waits = false
        w.permits = w.permits + 1
        expect(w, w.permits <= 2, "more permits than there are")
        local ok, err = pcall(inside, c)
        w.permits = w.permits - 1
        return ok or error(err, 0)
    end)
    c.waits = false
    return ok or error(err, 0)
end

function O.event(c)
    local w = c.w
    local what = w.random(3)

    if what == 1 then
        w.event:set()
    elseif what == 2 then
        w.event:clear()
    else
        expect(w, wait(c, w.event.wait, w.event) == true, "wait's result")
    end
end

local function start(c, spawn)
    local child = { w = c.w, depth = c.depth + 1, deferred = 0, ended = 0 }

    child.task = spawn(body, child)
    c.w.contexts[#c.w.contexts + 1] = child
    return child
end

function O.spawn(c)
    if is_full(c) then
        return
    end
    local child = start(c, atlas.spawn)
    c.children = c.children or {}
    c.children[#c.children + 1] = child
    if c.w.random(3) == 1 then
        await(c, child)
    elseif c.w.random(2) == 1 then
        child.task:on_complete(function(err, first)
            child.completed = (child.completed or 0) + 1
            expect(c.w, err ~= nil or first == child, "on_complete's results")
        end)
        child.observed = true
    end
end

O.spawn_too = O.spawn

function O.await(c)
    local w = c.w

    -- Only of later ones, or two would wait for each other until the end.
    await(c, w.contexts[w.random(#w.contexts)])
end

function O.cancel(c)
    local w = c.w
    local other = w.contexts[w.random(#w.contexts)]

    if other.task and w.random(2) == 1 then
        other.task:cancel(w.random(2) == 1 and "a reason" or nil)
    end
end

function O.detach(c)
    if not is_full(c) then
        start(c, function(...)
            return atlas.detach(function(...)
                local got = pack(pcall(...))
                if got[1] then
                    return unpack(got, 2, got.n)
                end
                -- Another error, if nobody heard of it, would be logged.
                error(is_cancelled(got[2]) and got[2] or atlas.Cancelled.new "failed", 0)
            end, ...)
        end).detached = true
    end
end

function O.timeout(c)
    local w = c.w
    local seconds, began = (w.random(5) - 1) * 0.0004, atlas.now()
    local cancelled = atlas.cancelled()
    local ok, got = pcall(atlas.timeout, seconds, function()
        local left = atlas.deadline()
        expect(w, left and left <= seconds, "a deadline that is too late")
        return inside(c)
    end)

    if ok then
        expect(w, got == "inside", "timeout's result")
        return
    end
    if is_timeout(got) and got.scope.seconds == seconds then
        expect(w, atlas.now() >= began + seconds, "a timeout was early")
    elseif is_cancelled(got) then
        expect(w, atlas.cancelled() ~= nil or cancelled, "Cancelled out of a timeout")
    end
    if is_cancelled(got) or w.random(3) == 1 then
        return error(got, 0)
    end
end

function O.move_on(c)
    local w = c.w
    local ok, got = atlas.move_on((w.random(5) - 1) * 0.0004, inside, c)

    expect(w, ok and got == "inside" or not ok and is_timeout(got), "move_on's results")
end

function O.shield(c)
    local w = c.w
    local ok, err = pcall(atlas.shield, function()
        expect(w, atlas.cancelled() == nil, "cancelled inside a shield")
        expect(w, wait(c, atlas.sleep, 0.0002) == true, "a sleep inside a shield")
    end)

    expect(w, ok, "out of a shield comes " .. tostring(err))
end

function O.defer(c)
    local w = c.w
    local number = c.deferred + 1

    c.deferred = number
    atlas.defer(function(given)
        expect(w, given == number and c.deferred == number, "deferred functions out of order")
        expect(w, atlas.cancelled() == nil, "cancelled in a deferred function")
        if w.random(2) == 1 then
            atlas.checkpoint()
        end
        c.deferred = c.deferred - 1
    end, number)
end

function O.group(c)
    local w = c.w

    if is_full(c) then
        return
    end
    local members, group = {}, nil
    local ok, err = pcall(atlas.group, function(g)
        group = g
        for i = 1, w.random(4) do
            members[i] = start(c, function(...)
                return g:spawn(...)
            end)
        end
        if w.random(3) == 1 then
            wait(c, g.next, g)
        end
        if w.random(4) == 1 then
            g:cancel("enough")
        end
        return inside(c)
    end, { limit = w.random(3) == 1 and w.random(2) or nil,
        on_error = w.random(2) == 1 and "collect" or "cancel" })
    for _, member in ipairs(members) do
        check_over(member)
    end
    if group then
        expect(w, not pcall(group.spawn, group, error), "a group that is over")
    end
    if not ok then
        check_error(w, err)
        return error(err, 0)
    end
end

function O.map(c)
    local w = c.w
    local list, running = { 1, 2, 3, 4 }, 0
    local got = atlas.map(list, function(n)
        running = running + 1
        expect(w, running <= 2, "more than the limit")
        local ok, err = pcall(atlas.sleep, 0.0001 * w.random(3))
        running = running - 1
        return ok and n * n or error(err, 0)
    end, { limit = 2 })

    expect(w, running == 0 and got[1] == 1 and got[4] == 16 and #got == 4, "map's results")
end

function O.race(c)
    local w, ended = c.w, 0
    local function run(n)
        return function()
            local ok, err = pcall(atlas.sleep, 0.0001 * w.random(3))
            ended = ended + 1
            return ok and n or error(err, 0)
        end
    end
    local index, got = atlas.race { run(1), run(2) }

    -- A task that is cancelled before its first step never begins.
    expect(w, index == got and ended >= 1 and ended <= 2, "race's results")
end

function O.callback(c)
    local w = c.w
    local call, get = atlas.callback()
    local value = {}

    w.calls[#w.calls + 1] = function()
        call(value, nil)
        call("again")
    end
    if w.random(2) == 1 then
        local got = pack(wait(c, get))
        expect(w, got.n == 2 and got[1] == value, "a callback's values")
    end
end

function O.call(c)
    local call = table.remove(c.w.calls, c.w.random(#c.w.calls + 1))

    if call then
        call()
    end
end

O.call_too = O.call

function O.suspend(c)
    local w = c.w
    local withdrawn, called = 0, false
    local ok, got = pcall(wait, c, atlas.suspend, function(resume)
        w.calls[#w.calls + 1] = function()
            called = true
            resume(c)
        end
        return function()
            withdrawn = withdrawn + 1
        end
    end)

    if ok then
        expect(w, got == c and called and withdrawn == 0, "what suspend returns")
    else
        expect(w, withdrawn <= 1, "withdrawn twice")
        return error(got, 0)
    end
end

function O.generator(c)
    local w = c.w
    local step = coroutine.wrap(function()
        for i = 1, 3 do
            wait(c, atlas.checkpoint)
            coroutine.yield(i)
        end
    end)

    for i = 1, w.random(3) do -- which leaves some of them where they are
        expect(w, step() == i, "what a generator yields")
    end
end

-- A generator that any task may go on with, and leave in whatever it has opened.
function O.share(c)
    local w = c.w
    local enter = { atlas.timeout, atlas.move_on, function(_, fn)
        return atlas.shield(fn)
    end, function(_, fn)
        return atlas.group(function(g)
            g:spawn(atlas.sleep, 0.0003)
            return fn()
        end)
    end }

    local function nest(level)
        coroutine.yield "inside"
        if level > 0 then
            pcall(enter[w.random(#enter)], w.random(9) * 0.0002, function()
                nest(level - 1)
                pcall(atlas.sleep, 0.0002)
                nest(level - 1)
            end)
        end
        coroutine.yield "inside"
    end

    w.generators[#w.generators + 1] = coroutine.wrap(function()
        nest(2)
    end)
end

function O.step(c)
    local w = c.w
    local generator = w.generators[w.random(#w.generators + 1)]
    local bounded = atlas.deadline() ~= nil

    if generator then
        local ok, got = pcall(generator)
        expect(w, ok and (got == "inside" or got == nil) or not ok and (is_cancelled(got)
            or tostring(got):find "dead coroutine" or tostring(got):find "inside another task"),
            "out of a generator comes " .. tostring(got))
    end
    expect(w, bounded == (atlas.deadline() ~= nil), "a generator's deadline is its caller's")
end

O.step_too, O.step_again = O.step, O.step

function O.fail(c)
    if c.depth > 1 and c.w.random(4) == 1 then
        error("on purpose", 0)
    end
end

function O.flight(c)
    local w = c.w
    local value = wait(c, w.flights.call, w.flights, "key", function()
        w.flying = w.flying + 1 -- beside one that is being cancelled, perhaps
        local ok, err = pcall(atlas.sleep, 0.0003)
        w.flying = w.flying - 1
        return ok and "landed" or error(err, 0)
    end)

    expect(w, value == "landed", "what the flight brings")
end

function O.limiter(c)
    local w = c.w

    wait(c, w.limiter.take, w.limiter)
    w.taken = w.taken + 1
    expect(w, w.taken <= 3 + (atlas.now() - w.began) * 4000 + 0.01, "more than the limit")
end

local names = {}
for name in check.each(O) do
    names[#names + 1] = name
end

function run_some(c, count)
    for _ = 1, count do
        local name = names[c.w.random(#names)]
        if c.depth < MAX_DEPTH + 3 then
            O[name](c)
        end
    end
end

--- What there is before anything happens.
function M.new(seed)
    local random = numbers(seed)

    return {
        random = random,
        contexts = {}, values = {}, sent = {}, received = {}, calls = {}, generators = {},
        channels = { atlas.channel(), atlas.channel(1), atlas.channel(2 + random(3)) },
        lock = atlas.lock(), holders = 0,
        semaphore = atlas.semaphore(2), permits = 0,
        event = atlas.event(),
        flights = atlas.singleflight(), flying = 0,
        limiter = atlas.limiter { rate = 4000, burst = 3 }, taken = 0,
        began = atlas.now(),
        running = 0,
    }
end

--- Everything runs in a task whose deadline ends what waits for nothing.
function M.live(w)
    atlas.spawn(function()
        atlas.move_on(0.02, function()
            atlas.group(function(g)
                for _ = 1, 3 + w.random(3) do
                    start({ w = w, depth = 0 }, function(...)
                        return g:spawn(...)
                    end)
                end
            end, { on_error = "collect" })
        end)
    end):pawait()
    for _, c in ipairs(w.contexts) do
        if c.detached then
            c.task:cancel()
            c.task:pawait()
        end
    end
    -- A flight is cancelled behind its last passenger.
    for _ = 1, 50 do
        atlas.checkpoint()
    end
end

--- Was anything lost, or is anything left?
function M.judge(w)
    for _, c in ipairs(w.contexts) do
        check_over(c)
        expect(w, (c.completed or 0) == (c.observed and 1 or 0), "on_complete's function ran "
            .. (c.completed or 0) .. " times")
    end
    for _, channel in ipairs(w.channels) do
        local value = channel:try_recv()
        while value ~= nil do
            take_value(w, value)
            value = channel:try_recv()
        end
        expect(w, not tostring(channel):find "ing", "somebody is left in a channel")
    end
    for _, value in ipairs(w.values) do
        expect(w, w.sent[value] ~= "unsure", "a send that has not ended")
        expect(w, (w.sent[value] == "sent") == (w.received[value] == true), "a value was lost")
    end
    expect(w, w.running == 0, "tasks are left")
    expect(w, w.holders == 0 and not w.lock:locked(), "the lock is not free")
    expect(w, w.permits == 0 and w.semaphore:available() == 2, "a permit was lost")
    expect(w, w.flying == 0, "a flight has not ended")
end

M.expect = expect

return M
