---@meta
-- scope.lua - what scope.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.scope
local M = {}

--- The time left until the nearest deadline around this point.
---
--- Raises if no task is running.
---@return number? seconds  0 if it has passed; nil: there is none
function M.deadline() end

--- Was the scope cancelled that this point is in?
---
--- Raises if no task is running.
---@return any? reason  true if none was given; nil: it wasn't
function M.cancelled() end
