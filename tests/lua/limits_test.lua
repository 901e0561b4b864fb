-- limits_test.lua - very many arguments and results: given whole, or refused.
-- SPDX-License-Identifier: MIT
--
-- A VM has a limit on what a C function may push (LuaJIT: 8,000 values), and
-- each number of values has to fit the integer in which Atlas keeps it.  Past
-- them there must be an error that the caller can catch, in the caller.

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local unpack = table.unpack or unpack

local function numbers(n)
    local list = {}

    for i = 1, n do
        list[i] = i
    end
    return list
end

local few = numbers(50)

-- fn(...) with `n` arguments, more than unpack() alone can give on LuaJIT.
local function call_with(fn, n)
    local list = numbers(n - 50)

    return fn(
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
        26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
        49, 50, unpack(list)
    )
end

local function count(...)
    return select("#", ...), (select(select("#", ...), ...))
end

-- Either all went well, or there was an error that says what was too much.
local function check_outcome(n, ok, got, last)
    if ok then
        eq(got, n)
        eq(last, n - #few)
    else
        check.ok(tostring(got):find "too many" or tostring(got):find "stack overflow",
            tostring(got))
    end
end

for _, n in ipairs { 250, 7900, 7950, 7989, 7990, 7995, 7999, 8000, 8001, 8010, 8040, 70000 } do
    test(("spawn passes %d arguments, or raises"):format(n), function()
        check_outcome(n, pcall(function()
            return call_with(function(...)
                return atlas.spawn(count, ...):await()
            end, n)
        end))
        eq(atlas.spawn(math.abs, -1):await(), 1)
    end)

    test(("a callback passes %d values on to a task that waits, or raises"):format(n), function()
        local callback, wait = atlas.callback()
        local task = atlas.spawn(function()
            return count(wait())
        end)

        atlas.checkpoint()
        local ok, err = pcall(call_with, callback, n)
        if ok then
            check_outcome(n, task:pawait())
        else
            check_outcome(n, ok, err)
            eq(task:status(), "waiting")
            task:cancel()
        end
    end)

    test(("a callback passes %d values on to a wait that comes later, or raises"):format(n),
        function()
            local callback, wait = atlas.callback()
            local ok, err = pcall(call_with, callback, n)

            if ok then
                check_outcome(n, pcall(function()
                    return count(wait())
                end))
            else
                check_outcome(n, ok, err)
            end
        end)

    test(("await returns %d results, or raises"):format(n), function()
        check_outcome(n, pcall(function()
            local task = atlas.spawn(function()
                return call_with(function(...)
                    return ...
                end, n)
            end)
            return count(task:await())
        end))
        eq(atlas.spawn(math.abs, -1):await(), 1)
    end)
end
