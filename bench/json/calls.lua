-- calls.lua - make so many calls: calls.lua LIBRARY.FUNCTION DOCUMENT CALLS

local what, name, calls = ...
package.path = (arg[0]:match "^(.*)/" or ".") .. "/?.lua;" .. package.path
local lib, fn = what:match "^(%w+)%.(%w+)$"
local json = require(lib == "atlas" and "atlas.json" or "cjson")
for _, document in ipairs(require "documents") do
    if document[1] == name then
        local value = document[2]
        if fn == "encode" then value = json.decode(value) end
        for _ = 1, tonumber(calls) do json[fn](value) end
    end
end
