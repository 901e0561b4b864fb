-- json.lua - require "atlas.json": what C gives (src/bind/json.c), with room
-- for what calls back into Lua.

local core = require "atlas.json.core"

return {
    encode = core.encode,
    decode = core.decode,
    array = core.array,
    is_array = core.is_array,
    null = core.null,
}
