-- multi.lua - names with several values: query, cookies, forms.
--
-- A Multi is a list name, value, name, value, ... in the order of the wire;
-- beside it stands name = first value, so that `query.page` is a plain read.

local next, setmetatable, type = next, setmetatable, type

--- What a client sent as name=value pairs: `m.name` is the first value of
--- that name, or nil. `pairs(m)` goes through the names, each with its first
--- value. At most 1,000 pairs are kept.
---@class atlas.Multi
---@field [string] string
local Multi = {}

--- All values of a name, in the order of the wire.
---@param name string
---@return string[] values  empty if there is none
function Multi:all(name)
    local values = {}

    for i = 1, #self, 2 do
        if self[i] == name then
            values[#values + 1] = self[i + 1]
        end
    end
    return values
end

--- Every pair, in the order of the wire: `for name, value in m:each() do`.
---@return fun(): string?, string? iterator
function Multi:each()
    local i = -1

    return function()
        i = i + 2
        return self[i], self[i + 1]
    end
end

local function next_name(self, name)
    repeat
        name = next(self, name)
    until name == nil or type(name) == "string"
    return name, self[name]
end

local meta = {
    __name = "atlas.Multi",
    __index = Multi,
    -- for name, value in pairs(m) do: each name with its first value.
    __pairs = function(self)
        return next_name, self, nil
    end,
}

local M = { meta = meta }

--- A Multi of a list name, value, name, value, ...
---@param list string[]
---@return atlas.Multi
function M.new(list)
    local n = #list

    for i = 1, n, 2 do
        if list[list[i]] == nil and not Multi[list[i]] then
            list[list[i]] = list[i + 1]
        end
    end
    return setmetatable(list, meta)
end

return M
