---@meta
-- logging.lua - what logging.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

--- One name in the log. Its functions may be called with a dot as well:
--- `log.info "started"`. They hand a line over and return; they never wait.
---
--- A message is any value, and becomes text as `tostring` makes it. Fields are
--- a table: text has them as `key=value`, JSON as members; tables in it go four
--- levels deep, with 64 items each. A line is cut at 16 KiB.
---@class atlas.Logger
---@field name string
local Logger = {}

--- Log what helps while a program is written.
---
--- Raises if `fields` is no table.
---@param message any
---@param fields table?
function Logger:debug(message, fields) end

--- Log what happens in the course of things.
---
--- Raises if `fields` is no table.
---@param message any
---@param fields table?
function Logger:info(message, fields) end

--- Log what may become trouble.
---
--- Raises if `fields` is no table.
---@param message any
---@param fields table?
function Logger:warn(message, fields) end

--- Log what has gone wrong.
---
--- Raises if `fields` is no table.
---@param message any
---@param fields table?
function Logger:error(message, fields) end

--- The same as `info`.
---@param message any
---@param fields table?
function Logger:log(message, fields) end

--- Would a line of this level be written? For fields that cost something.
---
--- Raises if there is no such level.
---@param level "debug"|"info"|"warn"|"error"|"off"
---@return boolean is_enabled  false for "off"
function Logger:is_enabled(level) end
