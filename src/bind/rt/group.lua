---@meta
-- group.lua - what group.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

--- Tasks that end together: what `atlas.group` calls its function with.
---@class atlas.Group
local Group = {}

--- Call `fn(...)` in a task of the group. Beyond the group's limit it starts
--- when another has ended. Tasks of the group may spawn into it too.
---
--- Raises if the group is over.
---@param fn fun(...): ...
---@param ... any  its arguments
---@return atlas.Task task
function Group:spawn(fn, ...) end

--- Cancel all that runs in the group, its own function included. The call
--- of `atlas.group` then returns without an error.
---@param reason any?
function Group:cancel(reason) end

--- Wait for the next of its tasks to end.
---
--- Raises Cancelled.
---@async
---@return atlas.Task? task  in the order in which they end; nil: all have
function Group:next() end
