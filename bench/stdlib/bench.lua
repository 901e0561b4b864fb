-- bench.lua - Lua's own library as Atlas patches it, beside the original: code
-- that never waits.  See README.md.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local original = atlas.original
local clock = os.clock
local rounds = tonumber(arg[1]) or 9

local libraries = {
    original = {
        wrap = original.coroutine.wrap,
        resume = original.coroutine.resume,
        yield = original.coroutine.yield,
        sort = original.table.sort,
        gsub = original.string.gsub,
        tostring = original.tostring,
        require = original.require,
    },
    patched = {
        wrap = coroutine.wrap,
        resume = coroutine.resume,
        yield = coroutine.yield,
        sort = table.sort,
        gsub = string.gsub,
        tostring = tostring,
        require = require,
    },
}

local random_state = 1
local function random(n)
    random_state = random_state * 16807 % 2147483647
    return random_state % n + 1
end

local numbers, text = {}, {}
for i = 1, 20000 do
    numbers[i] = random(1e6)
end
for i = 1, 2000 do
    text[i] = "word" .. random(1000)
end
text = table.concat(text, " ")

local function copy(list)
    local new = {}
    for i = 1, #list do
        new[i] = list[i]
    end
    return new
end

local function less(a, b)
    return a < b
end

-- Name, operations of a pass, function (library).
local workloads = {
    { "wrap: a generator that only counts", 200000, function(lib, n)
        local yield = lib.yield
        local step = lib.wrap(function()
            for i = 1, n do
                yield(i)
            end
        end)
        for _ = 1, n do
            step()
        end
    end },
    { "resume: the same", 200000, function(lib, n)
        local yield, resume = lib.yield, lib.resume
        local co = coroutine.create(function()
            for i = 1, n do
                yield(i)
            end
        end)
        for _ = 1, n do
            resume(co)
        end
    end },
    { "wrap: the words of a text, each looked up in a table", 100000, function(lib, n)
        local yield, find, sub = lib.yield, string.find, string.sub
        local step = lib.wrap(function()
            local at = 1
            while true do
                local first, last = find(text, "%w+", at)
                if first then
                    yield(sub(text, first, last))
                    at = last + 1
                else
                    at = 1
                end
            end
        end)
        local counts = {}
        for _ = 1, n do
            local word = step()
            counts[word] = (counts[word] or 0) + 1
        end
        return counts
    end },
    { "wrap: rows of 32 numbers, summed up", 50000, function(lib, n)
        local yield = lib.yield
        local step = lib.wrap(function()
            local row = {}
            for k = 1, 32 do
                row[k] = 0
            end
            for i = 1, n do
                for k = 1, 32 do
                    row[k] = row[k] * 0.5 + i % (k + 3)
                end
                yield(row)
            end
        end)
        local sum = 0
        for _ = 1, n do
            local row = step()
            for k = 1, 32 do
                sum = sum + row[k]
            end
        end
        return sum
    end },
    { "sort: 20,000 numbers", 20000, function(lib)
        lib.sort(copy(numbers))
    end },
    { "sort: 20,000 numbers, with a comparator", 20000, function(lib)
        lib.sort(copy(numbers), less)
    end },
    { "sort: 10 numbers, with a comparator", 20000, function(lib, n)
        for i = 1, n / 10 do
            local list = {}
            for k = 1, 10 do
                list[k] = numbers[i * 7 + k]
            end
            lib.sort(list, less)
        end
    end },
    { "gsub: 2,000 words, with a function", 20000, function(lib, n)
        for _ = 1, n / 2000 do
            lib.gsub(text, "%w+", function(word)
                return word
            end)
        end
    end },
    { "gsub: 2,000 words, with two captures", 20000, function(lib, n)
        for _ = 1, n / 2000 do
            lib.gsub(text, "(%a+)(%d+)", function(a, b)
                return b .. a
            end)
        end
    end },
    { "gsub: a short text, with a string", 100000, function(lib, n)
        local gsub = lib.gsub
        for _ = 1, n do
            gsub("a b", " ", "_")
        end
    end },
    { "tostring of a table", 100000, function(lib, n)
        local to, t = lib.tostring, {}
        for _ = 1, n do
            to(t)
        end
    end },
    { "require of what is loaded", 200000, function(lib, n)
        local load = lib.require
        for _ = 1, n do
            load "atlas"
        end
    end },
}

local function measure(fn, lib, n)
    collectgarbage()
    local started = clock()
    fn(lib, n)
    return (clock() - started) / n * 1e9
end

local function median(list)
    original.table.sort(list)
    return list[math.floor(#list / 2) + 1]
end

-- `bench.lua NAME LIBRARY COUNT` runs one, for callgrind.
if arg[2] then
    workloads[rounds][3](libraries[arg[2]], tonumber(arg[3]))
    return
end

print(("%-54s %9s %9s %8s"):format("ns an operation", "original", "patched", ""))
for _, workload in ipairs(workloads) do
    local name, n, fn = workload[1], workload[2], workload[3]
    local times = { original = {}, patched = {} }
    for i = 1, rounds do
        local first = i % 2 == 0 and "original" or "patched"
        local second = i % 2 == 0 and "patched" or "original"
        times[first][i] = measure(fn, libraries[first], n)
        times[second][i] = measure(fn, libraries[second], n)
    end
    local own, ours = median(times.original), median(times.patched)
    print(("%-54s %9.1f %9.1f %+7.1f%%"):format(name, own, ours, (ours / own - 1) * 100))
end
