-- documents.lua - the texts that the JSON benchmark reads and writes.
-- They are made from a generator of its own, so they are always the same.

local state = 42

local function random(n) -- 1 to n
    state = (state * 16807) % 2147483647
    return state % n + 1
end

local function join(n, make)
    local list = {}

    for i = 1, n do
        list[i] = make(i)
    end
    return table.concat(list, ",")
end

local words = { "atlas", "coroutine", "request", "of", "a", "response", "server", "the", "loop" }

local function sentence(n)
    local list = {}

    for i = 1, n do
        list[i] = words[random(#words)]
    end
    return table.concat(list, " ")
end

local function user(i)
    return ('{"id":%d,"name":"%s","email":"user%d@example.com","active":%s,"balance":%d.%02d,'
        .. '"tags":["%s","%s"],"address":{"street":"%s","zip":"%05d","geo":[%d.%04d,%d.%04d]},'
        .. '"parent":null}'):format(i, sentence(2), i, i % 3 == 0 and "true" or "false",
        random(10000), random(99), words[random(#words)], words[random(#words)], sentence(3),
        random(99999), random(90), random(9999), random(180), random(9999))
end

local escaped = { [[\n]], [[\"]], [[\t]], [[\\]], [[\u00fc]], [[\u20ac]], [[\ud83d\ude00]] }
local unicode = { "Grüße ", "東京都 ", "Привет ", "naïve ", "😀 ", "plain " }

local function text()
    return '"' .. join(6, function()
        return sentence(3) .. escaped[random(#escaped)] .. unicode[random(#unicode)]
    end) .. '"'
end

local function number(i)
    local kind = i % 4

    if kind == 0 then
        return tostring(random(1000000))
    elseif kind == 1 then
        return ("%d.%02d"):format(random(10000), random(99))
    elseif kind == 2 then
        return ("-0.%08d%08d"):format(random(99999999), random(99999999))
    end
    return ("%d.%08d%de-%d"):format(random(9), random(99999999), random(9999999), random(30))
end

-- name, text; each about 10 KB but for the small one.
return {
    { "mixed", "[" .. join(40, user) .. "]" },
    { "small", '{"id":12345,"name":"atlas","email":"someone@example.com","active":true,'
        .. '"score":98.5,"tags":["a","b"]}' },
    { "numbers", "[" .. join(800, number) .. "]" },
    { "integers", "[" .. join(1600, function() return tostring(random(1000000)) end) .. "]" },
    { "strings", "[" .. join(50, text) .. "]" },
    { "ascii", "[" .. join(120, function() return '"' .. sentence(14) .. '"' end) .. "]" },
    { "deep", ('{"a":[1,'):rep(50) .. '"x"' .. ("]}"):rep(50) },
}
