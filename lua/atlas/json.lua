-- json.lua - require "atlas.json": what C gives (src/bind/json.c), and what
-- makes a Response of a value: atlas.json(value, status).

local core = require "atlas.json.core"

local M = {
    encode = core.encode,
    decode = core.decode,
    array = core.array,
    is_array = core.is_array,
    null = core.null,
}

-- Responses are loaded when one is made: scripts do without them.
local function to_response(_, value, status)
    return require("atlas.response").json(value, status)
end

return setmetatable(M, { __call = to_response })
