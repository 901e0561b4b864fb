---@meta
-- thread.lua - what thread.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.thread
local M = {}

--- Call a function of a module in another thread, where a VM of its own has
--- loaded the module with `require`, and wait for what it returns; there is a
--- [guide](../guide/threads.md). Arguments and results are copied: nil,
--- booleans, numbers, strings, `json.null` and tables of these, 200 deep at most,
--- 64 MiB and 5,000 values each way. While all threads are busy and their queue
--- of 64 calls is full, callers wait in their order.
---
--- Raises what the function raises, with a traceback that begins there; an error
--- if the module or function isn't there, or a value can't be copied; Cancelled.
--- A call that was cancelled while it ran goes on, and its result is dropped.
---
--- ```lua
--- local atlas = require "atlas"
---
--- print(atlas.thread("string", "rep", "ab", 3))
--- ```
--- ```text
--- ababab
--- ```
---@async
---@param module string  as for `require`
---@param name string  of the function in what that returns
---@param ... any  the function's arguments
---@return any ...  its results
function M.thread(module, name, ...) end
