-- patch.lua - the changes to Lua's own library, in one table: name, original,
-- why.  Loaded once per VM by src/lua/sched.c; `original` is atlas.original.

local getmetatable = debug.getmetatable
local original_pairs = pairs

local M = { original = { pairs = original_pairs } }

-- LuaJIT is built without the 5.2 behaviour of pairs: scopes and other lazy
-- objects could not be copied with it.
local function honours_pairs()
    local object = setmetatable({}, {
        __pairs = function()
            return nil, true
        end,
    })
    local _, state = original_pairs(object)
    return state == true
end

if not honours_pairs() then
    function pairs(t) -- luacheck: ignore 121
        local meta = getmetatable(t)
        local iterate = meta and meta.__pairs

        if iterate then
            return iterate(t)
        end
        return original_pairs(t)
    end
end

return M
