-- match.lua - how well a route fits a request.

--- How well a route fits a request, as `route:matches` and `router:route` tell.
---@class atlas.match
---@field NONE integer  another path
---@field PARTIAL integer  the path, but not the method
---@field FULL integer  both
local M = { NONE = 0, PARTIAL = 1, FULL = 2 }

return M
