---@meta
-- var.lua - what var.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.var
local M = {}

--- Make a variable that has a value for each task. A task starts with the values
--- of the one that starts it, by `spawn`, `detach`, `supervise`, a group, `all`,
--- `race` or `map`; so does a function given to `on_complete`. From then on each
--- has its own: what one sets changes no other. The task of a request starts
--- with the defaults.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local user = atlas.var "nobody"
--- user:set "ada"
--- atlas.spawn(function()
---     print(user:get())
---     user:set "grace"
--- end):await()
--- print(user:get())
--- ```
--- ```text
--- ada
--- ada
--- ```
---@param default any?  one value for all tasks: a table is shared
---@return atlas.Var var
function M.var(default) end

--- A variable that has a value for each task: see `atlas.var`.
---@class atlas.Var
local Var = {}

--- What was set in this task, or before in one that it comes from; else the
--- default.
---@return any value  nil and false too, if they were set
function Var:get() end

--- Set it in this task, and for those that it starts from now on.
---
--- Raises if no task is running.
---@param value any
function Var:set(value) end
