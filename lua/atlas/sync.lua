-- sync.lua - how tasks wait for each other and hand values on: events, locks,
-- semaphores, channels, and what is made of them.

local core = require "atlas.sync.core"
local channels = require "atlas.channel.core"
local scope = require "atlas.scope.core"
local tasks = require "atlas.task.core"

local keep_trace = scope.keep_trace
local detach, now, sleep = tasks.detach, tasks.now, tasks.sleep
local error, setmetatable, type, xpcall = error, setmetatable, type, xpcall
local channel, select_case = channels.channel, channels.select

local M = {}

--- An event: wait() returns true as soon as it is set, at once if it is.
---@class atlas.Event
---@field set fun(self: atlas.Event)
---@field clear fun(self: atlas.Event)
---@field is_set fun(self: atlas.Event): boolean
---@field wait fun(self: atlas.Event): true
M.event = core.event

--- A lock that one task holds at a time; tasks get it in the order of coming.
--- To acquire it twice, or to release it without holding it, raises.
---@class atlas.Lock
---@field with fun(self: atlas.Lock, fn: function, ...): ...
---@field acquire fun(self: atlas.Lock): true
---@field release fun(self: atlas.Lock)
---@field locked fun(self: atlas.Lock): boolean
M.lock = core.lock

--- `n` permits, which tasks get in the order of coming.
---@class atlas.Semaphore
---@field with fun(self: atlas.Semaphore, fn: function, ...): ...
---@field acquire fun(self: atlas.Semaphore): true
---@field release fun(self: atlas.Semaphore)
---@field available fun(self: atlas.Semaphore): integer
M.semaphore = core.semaphore

--- A queue of values between tasks.  With capacity 0, the default, send()
--- waits until the value has been received.  What is in the buffer when it is
--- closed can still be received; then recv() returns nil and ECLOSED.
---@class atlas.Channel
---@field send fun(self: atlas.Channel, value: any): true?, atlas.Error?
---@field recv fun(self: atlas.Channel): any, atlas.Error?
---@field try_send fun(self: atlas.Channel, value: any): boolean
---@field try_recv fun(self: atlas.Channel): any, atlas.Error?
---@field close fun(self: atlas.Channel)
---@field is_closed fun(self: atlas.Channel): boolean
---@field len fun(self: atlas.Channel): integer
M.channel = channel

local function leave(held, ok, ...)
    held:release()
    if ok then
        return ...
    end
    return error((...), 0)
end

-- lock:with(fn, ...) and semaphore:with(fn, ...): call `fn` while holding it,
-- and release it whatever the end of `fn` is.
local function with(held, fn, ...)
    held:acquire()
    return leave(held, xpcall(fn, keep_trace, ...))
end

core["atlas.Lock"].with = with
core["atlas.Semaphore"].with = with

local Channel = channels["atlas.Channel"]

--- for value in ch:iter() do: until the channel is closed and empty.
---@return fun(ch: atlas.Channel): any
---@return atlas.Channel
function Channel.iter(ch)
    return ch.recv, ch
end

local turn = 0

--- Wait until one of the cases can be done, and do it: {ch, "recv"} or
--- {ch, "send", value}.  Of several that are ready it is the one that was
--- longest not chosen.  With `timeout` 0 it never waits.
---@param cases table  a list; `timeout`: seconds
---@return integer? index  which case; nil: the timeout has passed
---@return any ...  as the case's recv() or send() returns; or the error
function M.select(cases)
    turn = turn + 1
    return select_case(cases, turn)
end

-- A class: the table of its methods, and the metatable of what it makes.
local function class(name)
    local methods = {}

    return methods, { __index = methods, __name = name }
end

--- Values for any number of subscribers, each with a channel of its own.
---@class atlas.Broadcast
---@field subscribers atlas.Channel[]  replaced, never changed
local Broadcast, broadcast_meta = class "atlas.Broadcast"

-- The subscribers that haven't closed their channel, and a new one.
local function open_ones(subscribers, new)
    local list = {}

    for i = 1, #subscribers do
        if not subscribers[i]:is_closed() then
            list[#list + 1] = subscribers[i]
        end
    end
    list[#list + 1] = new
    return list
end

-- What publish() does about a subscriber whose buffer is full.
local when_slow = {
    drop = function() end,
    close = function(ch)
        ch:close()
    end,
    block = function(ch, value)
        ch:send(value)
    end,
}

local function publish(self, value)
    local subscribers, closed = self.subscribers, false

    for i = 1, #subscribers do
        local ch = subscribers[i]
        if not ch:is_closed() and not ch:try_send(value) then
            self.slow(ch, value)
        end
        closed = closed or ch:is_closed()
    end
    if closed then
        self.subscribers = open_ones(self.subscribers)
    end
end

--- Send `value` to each subscriber.  One whose buffer is full misses it
--- ("drop"), has its channel closed ("close"), or is waited for ("block").
---@param value any  not nil
function Broadcast:publish(value)
    if value == nil then
        error("publish: a value that isn't nil expected", 2)
    end
    -- One at a time, so that all subscribers get the values in the same order.
    self.lock:with(publish, self, value)
end

--- A channel with all that is published from now on; close it to unsubscribe.
---@return atlas.Channel
function Broadcast:subscribe()
    local ch = channel(self.capacity)

    self.subscribers = open_ones(self.subscribers, ch)
    return ch
end

--- Make a broadcast; `capacity` (64) is that of each subscriber's channel.
---@param options { capacity?: integer, slow?: "drop"|"close"|"block" }?
---@return atlas.Broadcast
function M.broadcast(options)
    local capacity = options and options.capacity or 64
    local slow = when_slow[options and options.slow or "drop"]

    if type(capacity) ~= "number" or capacity < 0 or capacity % 1 ~= 0 or capacity > 1e9 then
        error("broadcast: capacity is an integer from 0 to 1e9", 2)
    end
    if not slow then
        error("broadcast: slow is 'drop', 'close' or 'block'", 2)
    end
    return setmetatable({
        capacity = capacity,
        slow = slow,
        subscribers = {},
        lock = M.lock(),
    }, broadcast_meta)
end

--- Calls that are made once for all who want the same at the same time.
---@class atlas.Singleflight
---@field flights table<any, { task: atlas.Task, waiters: integer }>  by key
local Singleflight, singleflight_meta = class "atlas.Singleflight"

local function forget(flights, key, flight)
    if flights[key] == flight then
        flights[key] = nil
    end
end

local function land(flights, key, flight, ok, ...)
    forget(flights, key, flight)
    if ok then
        return ...
    end
    return error((...), 0)
end

local function fly(flights, key, flight, fn, ...)
    return land(flights, key, flight, xpcall(fn, keep_trace, ...))
end

local function disembark(flights, key, flight, ok, ...)
    flight.waiters = flight.waiters - 1
    if flight.waiters == 0 then
        forget(flights, key, flight)
        flight.task:cancel("nobody waits for it any more")
    end
    if ok then
        return ...
    end
    return error((...), 0)
end

--- Return what fn(...) returns; calls with the same key that come before it
--- has ended get the same results, or its error.  It runs in a task of its
--- own, which is cancelled when nobody waits for it any more.
---@param key any  not nil
---@param fn function
---@return any ...
function Singleflight:call(key, fn, ...)
    if key == nil then
        error("call: a key that isn't nil expected", 2)
    end
    local flights = self.flights
    local flight = flights[key]

    if not flight then
        scope.raise_if_cancelled()
        flight = { waiters = 0 }
        flight.task = detach(fly, flights, key, flight, fn, ...)
        flights[key] = flight
    end
    flight.waiters = flight.waiters + 1
    return disembark(flights, key, flight, xpcall(flight.task.await, keep_trace, flight.task))
end

---@return atlas.Singleflight
function M.singleflight()
    return setmetatable({ flights = {} }, singleflight_meta)
end

--- A token bucket: it holds up to `burst` tokens and gains `rate` a second.
---@class atlas.Limiter
---@field rate number
---@field burst number
---@field tokens number
---@field filled number   monotonic seconds at which `tokens` was right
local Limiter, limiter_meta = class "atlas.Limiter"

local ROUNDING = 1e-6 -- of a token

local function refill(self)
    local time = now()
    local tokens = self.tokens + (time - self.filled) * self.rate

    self.tokens = tokens < self.burst and tokens or self.burst
    self.filled = time
end

-- Under the lock: who comes later waits behind, however little it wants.
local function take(self, n)
    refill(self)
    while self.tokens + ROUNDING < n do
        sleep((n - self.tokens) / self.rate)
        refill(self)
    end
    self.tokens = self.tokens - n
    return true
end

--- Wait until there are `n` tokens (1), and take them, in the order of coming.
--- A call that is cancelled takes none.
---@param n number?  at most the burst
---@return true
function Limiter:take(n)
    n = n or 1
    if type(n) ~= "number" or not (n > 0 and n <= self.burst) then
        error(("take: a number above 0, at most %g expected"):format(self.burst), 2)
    end
    return self.lock:with(take, self, n)
end

--- Make a limiter, full at first; `burst` is by default `rate`, at least 1.
---@param options { rate: number, burst?: number }
---@return atlas.Limiter
function M.limiter(options)
    local rate = type(options) == "table" and options.rate

    if type(rate) ~= "number" or not (rate > 0 and rate <= 1e9) then
        error("limiter: rate is a number of tokens a second, above 0", 2)
    end
    local burst = options.burst or (rate > 1 and rate or 1)
    -- A full bucket has to come within the longest sleep there is.
    if type(burst) ~= "number" or not (burst > 0 and burst / rate <= 1e9) then
        error("limiter: burst is a number of tokens, above 0", 2)
    end
    return setmetatable({
        rate = rate,
        burst = burst,
        tokens = burst,
        filled = now(),
        lock = M.lock(),
    }, limiter_meta)
end

return M
