-- router.lua - a list of routes, asked one after the other.  Applications find
-- theirs in C (src/web/router.c); this is for those that want the list.

local NONE = require("atlas.match").NONE

local ipairs, setmetatable = ipairs, setmetatable

--- Routes in an order.
---@class atlas.Router
---@field routes atlas.Route[]
local Router = {}
Router.__index = Router

--- The first route that fits, and how well.
---@param method string
---@param path string
---@return integer match  of `atlas.match`
---@return atlas.Route? route
function Router:route(method, path)
    for _, route in ipairs(self.routes) do
        local match = route:matches(method, path)
        if match ~= NONE then
            return match, route
        end
    end
    return NONE, nil
end

return setmetatable(Router, {
    __call = function(_, routes)
        return setmetatable({ routes = routes }, Router)
    end,
})
