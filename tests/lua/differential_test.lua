-- differential_test.lua - the patched library does what Lua's own does: on
-- thousands of generated cases, results and errors are compared.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"


local original = atlas.original
local unpack = table.unpack or unpack

local SEED = tonumber(os.getenv "ATL_SEED") or 20240
local CASES = tonumber(os.getenv "ATL_LONG") and 50000 or 6000

local state

local function random(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
end

local function choose(list)
    return list[random(#list)]
end

local function show(values)
    local texts = {}

    for i = 1, values.n do
        local value = values[i]
        local kind = type(value)
        texts[i] = (kind == "string" and ("%q"):format(value))
            or ((kind == "table" or kind == "function") and kind)
            or original.tostring(value)
    end
    return table.concat(texts, ", ")
end

local function pack(...)
    return { n = select("#", ...), ... }
end

-- Errors are the same but for the line of this file they blame.
local function outcome(fn, ...)
    local results = pack(pcall(function(...)
        return pack(fn(...))
    end, ...))

    if results[1] then
        return "ok: " .. show(results[2])
    end
    local text = original.tostring(results[2])
    text = text:gsub("^%S*differential_test.lua:%d+: ", "LINE: ")
    text = text:gsub("got no value", "got nil")
    text = text:gsub("%((%a+) expected, got %a+%)", "(%1 expected)")
    text = text:gsub("thread exp", "coroutine exp")
    return "error: " .. text:gsub("argument (#%d) to '[^']*'", "argument %1")
end

local function compare(seed, ours, own, ...)
    local want, got = outcome(own, ...), outcome(ours, ...)

    if want ~= got then
        error(
            ("seed %d: (%s)\nwant %s\n got %s"):format(seed, show(pack(...)), want, got),
            0
        )
    end
end

local function each_case(fn)
    for i = 1, CASES do
        state = (SEED + i * 7919) % 2147483646 + 1
        random(10)
        fn(SEED + i)
    end
end

-- --- string.gsub ---

local pieces = {
    "a", "b", ".", "%w", "%a+", "%d*", "[ab]", "[^a]", "[%w_]+", "x*", "x-", "(a)", "(%w+)", "()",
    "(.-)b", "%f[%w]", "%f[%W]", "%b()", "%%", "(a)(b)", "((a)b)", "%s", "a?", "(x?)", "%1", "%0",
    "(", ")", "[", "[a", "%", "$", "^", "-", "*", "%f", "%b", "(%w)%1", "[]]", "[^]]", "[a-z]",
}
local letters = { "a", "b", "x", " ", "(", ")", "1", "%", "aa", "ab", "", "\0", "$", "]", "_" }
local strings = { "", "%0", "<%1>", "%2", "%%", "x", "%", "%x", "[%0%1]", "\0" }

local function make_text()
    local parts = {}

    for i = 1, random(14) - 1 do
        parts[i] = choose(letters)
    end
    return table.concat(parts)
end

local function make_pattern()
    local parts = { random(6) == 1 and "^" or "" }

    for i = 1, random(3) do
        parts[i + 1] = choose(pieces)
    end
    if random(8) == 1 then
        parts[#parts + 1] = "$"
    end
    return table.concat(parts)
end

-- What a replacing function gets is part of what it returns.
local function tell(...)
    local texts = {}

    for i = 1, select("#", ...) do
        texts[i] = original.tostring((select(i, ...)))
    end
    return "<" .. table.concat(texts, ",") .. ">"
end

local raised = setmetatable({}, {
    __tostring = function()
        return "the error"
    end,
})
local functions = {
    tell,
    tell,
    function() end,
    function()
        return false
    end,
    function(a)
        return type(a) == "string" and #a or a
    end,
    function(a)
        return a ~= "a" and "y" or nil
    end,
    function()
        return 1.5
    end,
    function()
        return {}
    end,
    function()
        return true
    end,
    function()
        error(raised)
    end,
    function()
        error("raised", 0)
    end,
}
local tables = {
    {},
    { a = "1", b = false, [1] = "one", [2] = 2 },
    setmetatable({ a = "own" }, { __index = { b = "inherited", [""] = "empty" } }),
    setmetatable({}, {
        __index = function(_, key)
            return tell(key)
        end,
    }),
    setmetatable({}, {
        __index = function()
            return {}
        end,
    }),
}

local function make_replacement()
    local kind = random(10)

    if kind <= 6 then
        return choose(functions)
    elseif kind <= 8 then
        return choose(tables)
    end
    return choose(strings)
end

local limits = { 0, 1, 2, 3, 100, -1, 1.0, "2" }

test("string.gsub is Lua's own", function()
    each_case(function(seed)
        local limit = random(3) == 1 and choose(limits) or nil
        compare(
            seed, string.gsub, original.string.gsub,
            make_text(), make_pattern(), make_replacement(), limit
        )
    end)
end)

test("string.gsub with arguments of other kinds is Lua's own", function()
    local odd = { 1, 2.5, true, "a", function() end, {}, nil, "%w", "" }

    each_case(function(seed)
        local args = { n = 4 }
        for i = 1, 4 do
            args[i] = odd[random(9)]
        end
        if args[4] == nil then
            args.n = 3
        end
        compare(seed, function(...)
            local text, n = string.gsub(...)
            return text, n
        end, function(...)
            local gsub = original.string.gsub
            local text, n = gsub(...)
            return text, n
        end, unpack(args, 1, args.n))
    end)
end)

-- --- table.sort ---

local function copy(list)
    local new = {}

    for i = 1, #list do
        new[i] = list[i]
    end
    return new
end

local orders = {
    function(a, b)
        return a < b
    end,
    function(a, b)
        return a > b
    end,
    function(a, b)
        return a % 7 < b % 7 or (a % 7 == b % 7 and a < b)
    end,
}

local function compare_lists(seed, list, less)
    local want, got = copy(list), copy(list)

    original.table.sort(want, less)
    table.sort(got, less)
    for i = 1, #list do
        if want[i] ~= got[i] then
            error(("seed %d: of %d, element %d differs"):format(seed, #list, i), 0)
        end
    end
end

test("table.sort of numbers and of strings is Lua's own", function()
    each_case(function(seed)
        local n, range, list = random(random(60)) - 1, choose { 3, 50, 1e6 }, {}
        for i = 1, n do
            list[i] = random(range)
        end
        compare_lists(seed, list, choose(orders))
        compare_lists(seed, list)
        for i = 1, n do
            list[i] = "s" .. list[i]
        end
        compare_lists(seed, list)
    end)
end)

test("table.sort of what is sorted, reversed, or all the same is Lua's own", function()
    for n = 0, 300 do
        local up, down, same = {}, {}, {}
        for i = 1, n do
            up[i], down[i], same[i] = i, n - i, 1
        end
        for _, list in ipairs { up, down, same } do
            for _, less in ipairs(orders) do
                compare_lists(n, list, less)
            end
        end
    end
end)

test("table.sort is a stable order of the same elements", function()
    each_case(function(seed)
        local n, list, seen = random(200), {}, {}
        for i = 1, n do
            list[i] = { key = random(10), at = i }
        end
        table.sort(list, function(a, b)
            return a.key < b.key
        end)
        for i = 1, n do
            local a, b = list[i], list[i + 1]
            seen[a] = true
            if b and not (a.key < b.key or (a.key == b.key and a.at < b.at)) then
                error(("seed %d: elements %d and %d"):format(seed, i, i + 1), 0)
            end
        end
        local count = 0
        for _ in pairs(seen) do
            count = count + 1
        end
        check.eq(count, n)
    end)
end)

test("the errors of table.sort are Lua's own", function()
    local own = original.table.sort

    local function call(fn)
        return function(...)
            local sort = fn
            sort(...)
        end
    end
    for _, args in ipairs {
        { n = 1 },
        { n = 1, "x" },
        { n = 1, 5 },
        { n = 2, { 1, 2 }, 5 },
        { n = 2, { 1, 2 }, {} },
        { n = 2, { 1 }, 5 },
        { n = 1, { 1, "x" } },
        { n = 1, { {}, {} } },
        { n = 1, { 1, {} } },
        { n = 1, { true, false } },
        { n = 2, { 3, 2, 1, 4, 5 }, function()
            error("raised", 0)
        end },
    } do
        compare(0, call(table.sort), call(own), unpack(args, 1, args.n))
    end
end)

-- --- coroutines ---

-- The same program, with one library or the other, tells all that it sees.
local function run_generators(library, seed)
    local told = {}
    local function tell_all(...)
        told[#told + 1] = show(pack(...))
    end

    state = seed % 2147483646 + 1
    local function some()
        local values = { n = random(4) - 1 }
        for i = 1, values.n do
            values[i] = choose { 1, "x", false, 2.5 }
            if random(4) == 1 then
                values[i] = nil
            end
        end
        return unpack(values, 1, values.n)
    end
    local function body(depth)
        return function(...)
            tell_all("in", ...)
            for _ = 1, random(4) do
                local what = random(7)
                if what <= 4 then
                    tell_all("yielded", library.yield(some()))
                elseif what == 5 and depth < 3 then
                    local step = library.wrap(body(depth + 1))
                    tell_all("wrapped", pcall(step, some()))
                    tell_all("again", pcall(step, some()))
                elseif what == 6 then
                    local co = library.create(body(3))
                    tell_all(library.status(co))
                    tell_all("resumed", library.resume(co, some()))
                    tell_all(library.status(co))
                    tell_all("resumed", library.resume(co, some()))
                elseif random(3) == 1 then
                    error("raised", 0)
                end
            end
            return some()
        end
    end
    local co = library.create(body(1))
    for _ = 1, 6 do
        tell_all(library.status(co), library.resume(co, some()))
    end
    return table.concat(told, "\n")
end

test("resume, wrap, yield and status are Lua's own", function()
    local own = original.coroutine

    own.create = own.create or coroutine.create
    each_case(function(seed)
        local want, got = run_generators(own, seed), run_generators(coroutine, seed)
        if want ~= got then
            error(("seed %d\nwant\n%s\n\ngot\n%s"):format(seed, want, got), 0)
        end
    end)
end)

test("the errors of coroutines are Lua's own", function()
    local own = original.coroutine

    for _, name in ipairs { "resume", "wrap", "status" } do
        for _, value in ipairs { 1, "x", true, {} } do
            local function call(fn)
                return function(...)
                    local called = { [name] = fn }
                    called[name](...)
                end
            end
            compare(0, call(coroutine[name]), call(own[name]), value)
        end
    end
    for _, err in ipairs { "text", 5, {}, true } do
        local function raise(wrap)
            return function()
                local step = wrap(function()
                    error(err, 0)
                end)
                step()
            end
        end
        compare(0, raise(coroutine.wrap), raise(own.wrap))
    end
    local function dead(wrap)
        return function()
            local step = wrap(function() end)
            step()
            step()
        end
    end
    compare(0, dead(coroutine.wrap), dead(own.wrap))
end)

-- --- tostring ---

test("tostring is Lua's own", function()
    local plain = { 1, -0.5, 1e100, 2 ^ 53, 1 / 0, "x", "", true, false, print, {}, io.stdout }

    for _, value in ipairs(plain) do
        compare(0, tostring, original.tostring, value)
    end
    compare(0, tostring, original.tostring, nil)
    for _, result in ipairs { "text", 5, 2.5 } do
        compare(0, tostring, original.tostring, setmetatable({}, {
            __tostring = function()
                return result
            end,
        }))
    end
    compare(0, tostring, original.tostring, setmetatable({}, { __name = "a.type" }) and 1)
    compare(0, function()
        return (tostring())
    end, function()
        local tostring = original.tostring
        return (tostring())
    end)
end)
