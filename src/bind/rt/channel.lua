---@meta
-- channel.lua - what channel.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.sync
local M = {}

--- Make a channel. With capacity 0 `send` waits until the value has been
--- received.
---@param capacity integer?  values that it holds, 0 to 1e9 (0)
---@return atlas.Channel channel
function M.channel(capacity) end

--- A queue of values between tasks: any value but nil. `#channel` is the number
--- of values in its buffer.
---@class atlas.Channel
local Channel = {}

--- Wait until there is room, and put a value in.
---
--- Raises Cancelled, and an error if `value` is nil.
---@async
---@param value any  not nil
---@return true? ok
---@return atlas.Error? err  ECLOSED: it is closed
function Channel:send(value) end

--- Wait until there is a value, and take it out. What was in the buffer when
--- the channel was closed can still be received.
---
--- Raises Cancelled.
---@async
---@return any value
---@return atlas.Error? err  ECLOSED: it is closed and empty
function Channel:recv() end

--- Put a value in if there is room or somebody waits for it.
---
--- Raises if `value` is nil.
---@param value any  not nil
---@return boolean sent  false: no room, or closed
function Channel:try_send(value) end

--- Take a value out if there is one.
---@return any value  nil: there is none now
---@return atlas.Error? err  ECLOSED: it is closed and empty
function Channel:try_recv() end

--- Who waits in `send` or `recv` gets ECLOSED, and so do later calls.
function Channel:close() end

---@return boolean closed  was it closed?
function Channel:is_closed() end

---@return integer count  values in the buffer
function Channel:len() end
