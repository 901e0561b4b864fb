-- init.lua - require "atlas": the names that people type most.

---@class atlas: atlas.task, atlas.supervise, atlas.scope, atlas.group, atlas.sync, atlas.var
local M = {}

for _, module in ipairs {
    "atlas.task", "atlas.supervise", "atlas.scope", "atlas.group", "atlas.sync", "atlas.var",
} do
    for name, value in pairs(require(module)) do
        M[name] = value
    end
end

return M
