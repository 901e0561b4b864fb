-- router.lua - a list of routes, asked one after the other.  Applications find
-- theirs in C (src/web/router.c); this is for those that want the list.

local NONE = require("atlas.match").NONE

local ipairs, setmetatable = ipairs, setmetatable

--- Routes in an order; the class is `require "atlas.router"`.
---@class atlas.Router
---@field routes atlas.Route[]
---@overload fun(routes: atlas.Route[]): atlas.Router  Make a router of the routes,
--- whose list it keeps.
local Router = {}
Router.__index = Router

--- The first route that fits, and how well; one that fits only the path comes
--- first too, if it stands first.
---@param method string  upper case
---@param path string  decoded, without the query
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
