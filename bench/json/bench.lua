-- bench.lua - Atlas's JSON beside lua-cjson, in one process, in turns.
--
--   atlas run bench/json/bench.lua [SECONDS [DOCUMENT]]

local seconds, only = tonumber((...)) or 0.2, (select(2, ...))
local folder = arg[0]:match "^(.*)/" or "."
package.path = folder .. "/?.lua;" .. package.path

local atlas = require "atlas.json"
local cjson = require "cjson"
local ROUNDS = 9

-- Calls a second, for about `seconds`.
local function rate(fn, value, calls)
    local start = os.clock()

    for _ = 1, calls do
        fn(value)
    end
    return calls / (os.clock() - start)
end

local function median(list)
    table.sort(list)
    return list[(#list + 1) / 2]
end

-- The rates of both functions, measured in turns.
local function compare(a, a_value, b, b_value)
    local calls = math.max(1, math.floor(rate(b, b_value, 20) * seconds / ROUNDS))
    local of_a, of_b = {}, {}

    for i = 1, ROUNDS do
        collectgarbage()
        of_a[i] = rate(a, a_value, calls)
        collectgarbage()
        of_b[i] = rate(b, b_value, calls)
    end
    return median(of_a), median(of_b)
end

print(_VERSION, rawget(_G, "jit") and "LuaJIT" or "")
print(("%-10s %7s  %10s %10s %6s  %10s %10s %6s"):format("document", "bytes", "decode MB/s",
    "cjson", "ratio", "encode MB/s", "cjson", "ratio"))
for _, document in ipairs(require "documents") do
    local name, text = document[1], document[2]
    local mb = #text / 1e6

    if not only or only == name then
        local da, dc = compare(atlas.decode, text, cjson.decode, text)
        local ea, ec = compare(atlas.encode, assert(atlas.decode(text)), cjson.encode,
            cjson.decode(text))
        print(("%-10s %7d  %10.0f %10.0f %6.2f  %10.0f %10.0f %6.2f"):format(name, #text,
            da * mb, dc * mb, da / dc, ea * mb, ec * mb, ea / ec))
    end
end
