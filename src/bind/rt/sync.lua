---@meta
-- sync.lua - what sync.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.sync
local M = {}

--- Make an event, not set.
---@return atlas.Event event
function M.event() end

--- Make a lock, which nobody holds. A task that ends with a lock that it has
--- acquired and not released, its deferred functions included, gives it to the
--- next who waits, and an error is logged that names the task and the line of
--- `acquire`. In Lua 5.4 a lock may be a to-be-closed variable: it is released
--- at the end of the block if this task holds it then.
---@return atlas.Lock lock
function M.lock() end

--- Make a semaphore. In Lua 5.4 it may be a to-be-closed variable, which gives
--- back one permit.
---@param permits integer  1 to 1e9
---@return atlas.Semaphore semaphore
function M.semaphore(permits) end

--- Something that has happened, or not yet; any number of tasks wait for it.
---@class atlas.Event
local Event = {}

--- It has happened: wake all who wait for it.
function Event:set() end

--- It has not happened yet: who waits from now on waits for the next `set`.
function Event:clear() end

---@return boolean is_set  has it happened?
function Event:is_set() end

--- Wait until it is set; at once if it is.
---
--- Raises Cancelled.
---@async
---@return true
function Event:wait() end

--- What one task holds at a time; tasks get it in the order of coming.
---@class atlas.Lock
local Lock = {}

--- Wait until nobody holds it, and take it. `with` is safer: it releases.
---
--- Raises Cancelled, and an error if this task holds it already.
---@async
---@return true
function Lock:acquire() end

--- Give it to the next who waits.
---
--- Raises if this task doesn't hold it.
function Lock:release() end

---@return boolean locked  does a task hold it?
function Lock:locked() end

--- A number of permits, which tasks get in the order of coming.
---@class atlas.Semaphore
local Semaphore = {}

--- Wait for a permit, and take it. `with` is safer: it releases.
---
--- Raises Cancelled.
---@async
---@return true
function Semaphore:acquire() end

--- Give a permit back; any task may.
---
--- Raises if none is out.
function Semaphore:release() end

---@return integer available  permits that are not out
function Semaphore:available() end
