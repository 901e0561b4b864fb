---@meta
-- application.lua - the functions that lua/atlas/application.lua makes in a
-- loop, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.Application
local Application = {}

--- Add a route for GET, and for HEAD, which gets the same without the body. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:get(path, handler, options) end

--- Add a route for POST. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:post(path, handler, options) end

--- Add a route for PUT. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:put(path, handler, options) end

--- Add a route for PATCH. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:patch(path, handler, options) end

--- Add a route for DELETE. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:delete(path, handler, options) end

--- Add a route for OPTIONS. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:options(path, handler, options) end

--- Add a route for HEAD. Raises as `add` does.
---@param path string  a pattern: "/users/{id:int}"
---@param handler fun(request: atlas.Request, ...): any
---@param options atlas.RouteOptions?
---@return atlas.Application self
function Application:head(path, handler, options) end
