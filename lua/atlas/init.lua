-- init.lua - require "atlas": the names that people type most.

local task = require "atlas.task"

local M = {}

for name, value in pairs(task) do
    M[name] = value
end

return M
