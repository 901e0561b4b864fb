---@meta
-- request.lua - what C gives to handlers, for editors and the reference.
-- SPDX-License-Identifier: MIT

--- A request's headers: `headers["content-type"]` is the first value of that
--- name, or nil, in whatever case the name is written. `pairs(headers)` goes
--- through all of them, in the order of the wire, with names in lower case. Dies
--- with its request: to use it then raises.
---@class atlas.Headers
---@field [string] string
local Headers = {}

--- All values of a name, in the order of the wire.
---@param name string  in any case
---@return string[] values  empty if there is none
function Headers:all(name) end

--- Every header, in the order of the wire: `for name, value in headers:each() do`.
---@return fun(): string?, string? iterator
function Headers:each() end
