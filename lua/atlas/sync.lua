-- sync.lua - how tasks wait for each other and hand values on: events, locks,
-- semaphores, channels, and what is made of them.

local core = require "atlas.sync.core"
local channels = require "atlas.channel.core"
local scope = require "atlas.scope.core"
local tasks = require "atlas.task.core"

local keep_trace = scope.keep_trace
local enter = core.with
local detach, now, sleep = tasks.detach, tasks.now, tasks.sleep
local error, setmetatable, type, xpcall = error, setmetatable, type, xpcall
local channel, select_case = channels.channel, channels.select

--- How tasks wait for each other and hand values on.
---@class atlas.sync
local M = {}

M.event = core.event
M.lock = core.lock
M.semaphore = core.semaphore
M.channel = channel

local function leave(held, ok, ...)
    held:release()
    if ok then
        return ...
    end
    return error((...), 0)
end

---@class atlas.Lock
local Lock = core["atlas.Lock"]

--- Call `fn(...)` while holding the lock, and release it whatever the end is.
---
--- Raises what `fn` raises, and Cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local lock, balance = atlas.lock(), 100
--- local function withdraw(sum)
---     lock:with(function()
---         local seen = balance
---         atlas.sleep(0.01) -- others run, but not in here
---         balance = seen - sum
---     end)
--- end
--- atlas.map({ 10, 20, 30 }, withdraw)
--- print(balance)
--- ```
--- ```text
--- 40
--- ```
---@async
---@param fn fun(...): ...
---@param ... any  its arguments
---@return any ...  what `fn` returns
function Lock:with(fn, ...)
    enter(self)
    return leave(self, xpcall(fn, keep_trace, ...))
end

---@class atlas.Semaphore
local Semaphore = core["atlas.Semaphore"]

--- Call `fn(...)` while holding a permit, and release it whatever the end is.
---
--- Raises what `fn` raises, and Cancelled.
---@async
---@param fn fun(...): ...
---@param ... any  its arguments
---@return any ...  what `fn` returns
function Semaphore:with(fn, ...)
    self:acquire()
    return leave(self, xpcall(fn, keep_trace, ...))
end

---@class atlas.Channel
local Channel = channels["atlas.Channel"]

--- For a loop over what comes, until the channel is closed and empty. Each step
--- waits as `recv` does.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local channel = atlas.channel(2)
--- channel:send "one"
--- channel:send "two"
--- channel:close()
--- for value in channel:iter() do
---     print(value)
--- end
--- ```
--- ```text
--- one
--- two
--- ```
---@return fun(channel: atlas.Channel): any
---@return atlas.Channel
function Channel:iter()
    return self.recv, self
end

local turn = 0

--- Wait until one of the cases can be done, and do it: `{channel, "recv"}` or
--- `{channel, "send", value}`. Of several that are ready it is the one that was
--- longest not chosen. With a `timeout` of 0 it never waits.
---
--- Raises Cancelled, and an error for a case that isn't one.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local a, b = atlas.channel(1), atlas.channel(1)
--- b:send "hello"
--- print(atlas.select { { a, "recv" }, { b, "recv" } })
--- print(atlas.select { { a, "recv" }, timeout = 0 })
--- ```
--- ```text
--- 2	hello
--- nil	select: timed out
--- ```
---@async
---@param cases table  a list of at most 1000; `timeout`: seconds, 0 to 1e9
---@return integer? index  which case; nil: the timeout has passed
---@return any ...  as the case's `recv` or `send` returns; or the error, ETIMEDOUT
function M.select(cases)
    turn = turn + 1
    return select_case(cases, turn)
end

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

-- A class: the table of its methods, and the metatable of what it makes.
local function class(name)
    local methods = {}

    return methods, { __index = methods, __name = name }
end

--- Values for any number of subscribers, each with a channel of its own.
---@class atlas.Broadcast
---@field private subscribers atlas.Channel[]  replaced, never changed
---@field private over atlas.Channel?  a closed one, once the broadcast is
local Broadcast, broadcast_meta = class "atlas.Broadcast"

function broadcast_meta.__tostring(self)
    if self.over then
        return "atlas.Broadcast (closed)"
    end
    return ("atlas.Broadcast (%d subscribers)"):format(#open_ones(self.subscribers))
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

--- Send `value` to each subscriber. One whose buffer is full misses it
--- ("drop"), has its channel closed ("close"), or is waited for ("block").
---
--- Raises Cancelled, and an error if `value` is nil.
---@async
---@param value any  not nil
---@return true? published
---@return atlas.Error? err  ECLOSED: the broadcast is closed
function Broadcast:publish(value)
    if value == nil then
        error("publish: a value that isn't nil expected", 2)
    end
    -- One at a time, so that all subscribers get the values in the same order.
    self.lock:with(publish, self, value)
    if self.over then
        return self.over:send(value)
    end
    return true
end

--- A channel with all that is published from now on; close it to unsubscribe.
---@return atlas.Channel
function Broadcast:subscribe()
    if self.over then
        return self.over
    end
    local ch = channel(self.capacity)
    self.subscribers = open_ones(self.subscribers, ch)
    return ch
end

--- Close the channels of all subscribers, and of those to come: each receives
--- what its buffer holds, then nil and ECLOSED.
function Broadcast:close()
    if self.over then
        return
    end
    self.over = channel()
    self.over:close()
    for _, ch in ipairs(self.subscribers) do
        ch:close()
    end
    self.subscribers = {}
end

broadcast_meta.__close = Broadcast.close

--- Make a broadcast; `capacity` (64) is that of each subscriber's channel, and
--- `slow` ("drop") what happens to one that doesn't keep up: see
--- `broadcast:publish`.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local news = atlas.broadcast()
--- local a, b = news:subscribe(), news:subscribe()
--- news:publish "fresh tea"
--- print(a:recv(), b:recv())
--- ```
--- ```text
--- fresh tea	fresh tea
--- ```
---@param options { capacity?: integer, slow?: "drop"|"close"|"block" }?
---@return atlas.Broadcast broadcast
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
---@field private flights table<any, { task: atlas.Task, waiters: integer }>  by key
local Singleflight, singleflight_meta = class "atlas.Singleflight"

function singleflight_meta.__tostring(self)
    local n = 0

    for _ in pairs(self.flights) do
        n = n + 1
    end
    return ("atlas.Singleflight (%d calls)"):format(n)
end

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

--- Return what `fn(...)` returns; calls with the same key that come before it
--- has ended get the same results, or its error. It runs in a task of its
--- own, which is cancelled when nobody waits for it any more.
---
--- Raises what `fn` raises, Cancelled, and an error if `key` is nil.
---@async
---@param key any  not nil
---@param fn fun(...): ...
---@param ... any  its arguments
---@return any ...  what `fn` returns
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

--- Make a place for calls that are made once.
---@return atlas.Singleflight singleflight
function M.singleflight()
    return setmetatable({ flights = {} }, singleflight_meta)
end

--- A token bucket: it holds up to `burst` tokens and gains `rate` a second.
---@class atlas.Limiter
---@field rate number  tokens a second
---@field burst number  tokens
---@field private tokens number
---@field private filled number  monotonic seconds at which `tokens` was right
local Limiter, limiter_meta = class "atlas.Limiter"

local ROUNDING = 1e-6 -- of a token

local function refill(self)
    local time = now()
    local tokens = self.tokens + (time - self.filled) * self.rate

    self.tokens = tokens < self.burst and tokens or self.burst
    self.filled = time
end

function limiter_meta.__tostring(self)
    refill(self)
    return ("atlas.Limiter (%.3g of %g tokens, %g a second)"):format(
        self.tokens, self.burst, self.rate)
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

--- Wait until there are `n` tokens, and take them, in the order of coming. A
--- call that is cancelled takes none.
---
--- Raises Cancelled, and an error if `n` is more than the burst.
---@async
---@param n number?  tokens, more than 0 (1)
---@return true
function Limiter:take(n)
    n = n or 1
    if type(n) ~= "number" or not (n > 0 and n <= self.burst) then
        error(("take: a number above 0, at most %g expected"):format(self.burst), 2)
    end
    return self.lock:with(take, self, n)
end

--- Make a limiter, full at first; `rate` is tokens a second, `burst` the tokens
--- that it holds: by default those of a second, at least 1.
---@param options { rate: number, burst?: number }
---@return atlas.Limiter limiter
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
