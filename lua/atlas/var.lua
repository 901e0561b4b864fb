-- var.lua - variables that have a value for each task.

local core = require "atlas.var.core"

--- Variables that have a value for each task.
---@class atlas.var
local M = {}

M.var = core.var

return M
