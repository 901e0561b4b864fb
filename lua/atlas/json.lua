-- json.lua - require "atlas.json": what C gives (src/bind/json.c), with room
-- for what calls back into Lua.

local core = require "atlas.json.core"

local M = {
    encode = core.encode,
    decode = core.decode,
    array = core.array,
    is_array = core.is_array,
    null = core.null,
}

-- json(value, status) is a response: atlas.json { ok = true }.  Its class is
-- needed only then.
return setmetatable(M, {
    __call = function(_, value, status)
        return require("atlas.response").json(value, status)
    end,
})
