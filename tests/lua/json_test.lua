-- json_test.lua - JSON: what is taken, what is refused, and how it is written.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local json = require "atlas.json"

local eq, has = check.eq, check.has
local encode, decode = json.encode, json.decode

-- --- decoding ---

for i, case in ipairs(require "json_cases") do
    local text = case.text

    if case.want then
        test(("case %d: %q is taken"):format(i, text), function()
            local value, err = decode(text)
            eq(err, nil)
            eq(assert(encode(value)), case.want)
            -- What is written is read as the same again, and in any setting.
            eq(assert(encode((decode(case.want)))), case.want)
            eq(assert(encode(assert(decode("[" .. text .. "]")))), "[" .. case.want .. "]")
            eq(assert(encode(assert(decode(" {\"k\" :" .. text .. " } ")))),
                '{"k":' .. case.want .. "}")
        end)
    else
        test(("case %d: %q is refused"):format(i, text), function()
            local value, err = decode(text)
            eq(value, nil)
            eq(err.code, "EINVALID")
            eq(err.line .. ":" .. err.column, case.line .. ":" .. case.column)
            has(err.message, ("line %d, column %d: "):format(case.line, case.column))
            has(err.message, case.message)
            eq(tostring(err), err.message)
        end)
    end
end

test("a text without its last bytes is refused, wherever it is cut", function()
    local whole = '{"a":[1,-2.5e-3,"x\\u00fc\\ud83d\\ude00\\n€",true,false,null,{}],"b":{"c":[]}}'

    assert(decode(whole))
    for n = 0, #whole - 1 do
        local value, err = decode(whole:sub(1, n))
        eq(value, nil)
        eq(err.code, "EINVALID")
        check.ok(err.offset <= n + 1)
    end
end)

test("the offset of an error is where string.sub finds it", function()
    local text = '{"ä": [1,\n\t"€", nope]}'
    local _, err = decode(text)

    eq(text:sub(err.offset, err.offset + 3), "nope")
    eq(err.line, 2)
    eq(err.column, 7)
end)

test("types", function()
    local value = decode '{"n":1.5,"s":"x","t":true,"f":false,"z":null,"a":[1],"o":{}}'

    eq(value.n, 1.5)
    eq(value.s, "x")
    eq(value.t, true)
    eq(value.f, false)
    eq(value.z, json.null)
    eq(value.a[1], 1)
    eq(next(value.o), nil)
    eq(getmetatable(value), nil)
    eq(getmetatable(value.o), nil)
end)

test("integers are integers where the VM has them, others never", function()
    local kind = math.type or function()
        return "number"
    end
    local integer, float = kind(1), kind(1.5)

    for _, text in ipairs { "0", "1", "-1", "12345678901", "9007199254740992" } do
        eq(kind(decode(text)), integer)
        eq(kind(decode("[" .. text .. " ]")[1]), integer)
        eq(kind(decode("[" .. text .. "]")[1]), integer)
    end
    for _, text in ipairs { "0.0", "1e0", "-0", "1.0", "1E5" } do
        eq(kind(decode(text)), float)
    end
end)

test("integers up to what the VM holds exactly are exact", function()
    for _, text in ipairs { "9007199254740993", "-9007199254740993", "9223372036854775807",
        "-9223372036854775808" } do
        local value, err = decode(text)
        if check.is_luajit then
            eq(value, nil)
            has(err.message, "the integer " .. text .. " is too large to be exact")
        else
            eq(math.type(value), "integer")
            eq(("%d"):format(value), text)
            eq(encode(value), text)
        end
    end
end)

test("integers that would be inexact: as strings, rounded, or refused", function()
    local text = '[123456789012345678901234567890, -18446744073709551616]'
    local list = assert(decode(text, { integers = "string" }))

    eq(list[1], "123456789012345678901234567890")
    eq(list[2], "-18446744073709551616")
    list = assert(decode(text, { integers = "round" }))
    eq(list[1], 1.2345678901234568e29)
    eq(list[2], -18446744073709551616.0)
    eq(decode(text, { integers = "error" }), nil)
    eq(decode(("9"):rep(400), { integers = "round" }), nil)
    eq(decode(("9"):rep(400), { integers = "string" }), ("9"):rep(400))
    eq(decode("12", { integers = "string" }), 12)
    eq(decode("1e30", { integers = "string" }), 1e30)
end)

test("keys that are repeated can be refused", function()
    local unique = { unique_keys = true }
    local many = {}

    eq(assert(decode('{"a":1,"b":{"a":2,"c":[{"a":3},{"a":4}]},"c":5}', unique)).c, 5)
    for text, offset in pairs {
        ['{"a":1,"a":1}'] = 8,
        ['{"a":1,"b":2,"a":3}'] = 14,
        ['{"a":1,"\\u0061":2}'] = 8,
        ['{"\\u0061":1,"a":2}'] = 13,
        ['{"a":1,"b":{"a":2},"a":3}'] = 20,
        ['[{"a":1},{"b":[{"b":{}, "b":1}]}]'] = 25,
        ['{"":1,"":2}'] = 7,
    } do
        local _, err = decode(text, unique)
        eq(err and err.offset, offset)
        has(err.message, "the key is repeated")
    end
    for i = 1, 3000 do
        many[i] = ('"key %d":%d'):format(i, i)
    end
    assert(decode("{" .. table.concat(many, ",") .. "}", unique))
    for _, i in ipairs { 1, 50, 999, 1000, 1001, 2999 } do
        many[3000] = ('"key %d":0'):format(i)
        local _, err = decode("{" .. table.concat(many, ",") .. "}", unique)
        has(err, "the key is repeated")
    end
end)

-- Objects whose keys come back in other objects, in other orders and inside
-- each other: what is remembered about keys must not mix them up.
test("many objects with the same and other keys, in any order", function()
    local state = 7
    local function random(n)
        state = (state * 16807) % 2147483647
        return state % n + 1
    end
    local function make(depth)
        local parts, want = {}, {}
        for _ = 1, random(12) do
            local key = "k" .. random(depth > 2 and 9 or 90) .. ("x"):rep(random(12))
            local value = random(100)
            local text = tostring(value)
            if depth < 4 and random(3) == 1 then
                text, value = make(depth + 1)
            end
            parts[#parts + 1] = ('"%s":%s'):format(key, text)
            want[key] = value
        end
        return "{" .. table.concat(parts, ",") .. "}", want
    end
    local function same(a, b)
        for k, v in pairs(a) do
            if type(v) == "table" then
                same(v, b[k])
            else
                eq(v, b[k])
            end
        end
        for k in pairs(b) do
            check.ok(a[k] ~= nil)
        end
    end
    for _ = 1, 200 do
        local texts, wants = {}, {}
        for i = 1, 5 do
            texts[i], wants[i] = make(1)
        end
        same(assert(decode("[" .. table.concat(texts, ",") .. "]")), wants)
    end
end)

test("arrays and objects of every size", function()
    for _, n in ipairs { 0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 127, 255, 256, 257, 511, 999, 1000, 1001,
        1024, 2999, 3001, 10000 } do
        local list, pairs_ = {}, {}
        for i = 1, n do
            list[i] = tostring(i)
            pairs_[i] = ('"%05d":%d'):format(i, i)
        end
        local text = "[" .. table.concat(list, ",") .. "]"
        local value = assert(decode(text))
        eq(#value, n)
        eq(value[n], n > 0 and n or nil)
        eq(assert(encode(value)), text)
        text = "{" .. table.concat(pairs_, ",") .. "}"
        value = assert(decode(text))
        eq(assert(encode(value)), text)
    end
end)

test("large arrays and objects inside each other", function()
    local text = '[' .. ('1,'):rep(900) .. '{"a":[' .. ('2,'):rep(900) .. '[' .. ('3,'):rep(900)
        .. '[' .. ('4,'):rep(2000) .. '{"b":[' .. ('[{"c":[5]}],'):rep(300) .. '6]}]]]}]'

    eq(assert(encode(assert(decode(text)))), text)
end)

test("depth: 128 levels, or as many as are allowed", function()
    local function nest(n, open, close)
        return open:rep(n) .. close:rep(n)
    end

    for _, pair in ipairs { { "[", "]" }, { '{"a":[', "]}" } } do
        local step = #pair[1] == 1 and 1 or 2
        eq(encode(assert(decode(nest(128 / step, pair[1], pair[2])))),
            nest(128 / step, pair[1], pair[2]))
        local _, err = decode(nest(128 / step + 1, pair[1], pair[2]))
        eq(err.code, "ETOOBIG")
        has(err, "more than 128 levels")
        local text = nest(1000 / step, pair[1], pair[2])
        local value = assert(decode(text, { max_depth = 1000 }))
        eq(assert(encode(value, { max_depth = 1000 })), text)
        eq(select(2, encode(value)).code, "ETOOBIG")
        eq(select(2, encode(value, { max_depth = 999 })).code, "ETOOBIG")
    end
    eq(select(2, decode(("["):rep(100000))).code, "ETOOBIG")
    eq(select(2, decode(('{"":'):rep(100000))).code, "ETOOBIG")
end)

test("depth may be used to the full with much in each level", function()
    local text = ('[' .. ("1,"):rep(30)):rep(1000) .. ("]"):rep(1000)
    local _, err = decode((text:gsub(",]", "]")), { max_depth = 1000, max_values = 10000 })

    eq(err.code, "ETOOBIG")
    text = ('[' .. ("1,"):rep(30)):rep(999) .. "[]" .. ("]"):rep(999)
    eq(encode(assert(decode(text, { max_depth = 1000 })), { max_depth = 1000 }), text)
    text = ('{"a":1,"b":2,"c":3,"d":4,"e":'):rep(999) .. "{}" .. ("}"):rep(999)
    eq(encode(assert(decode(text, { max_depth = 1000 })), { max_depth = 1000 }), text)
end)

test("in a coroutine whose stack is nearly full, an error at worst", function()
    local text = ('[' .. ("1,"):rep(30)):rep(90) .. "[]" .. ("]"):rep(90)
    local value = assert(decode(text))
    local function deeper(n)
        if n == 0 then
            return encode(assert(decode(text))) == text and encode(value) == text
        end
        local ok = deeper(n - 1)
        return ok
    end
    for _, n in ipairs { 10, 1000, 5000, 6000, 7000, 10000, 15000 } do
        local co = coroutine.create(deeper)
        local resumed, result = coroutine.resume(co, n)
        check.ok(not resumed or result == true, result)
        if not resumed then
            has(result, "overflow")
        end
    end
    eq(encode(assert(decode(text))), text)
end)

test("limits of size and number", function()
    eq(#assert(decode("[1,2,3]", { max_values = 4 })), 3)
    local _, err = decode("[1,2,3]", { max_values = 3 })
    eq(err.code, "ETOOBIG")
    eq(err.offset, 6)
    has(err, "more than 3 values")
    eq(#assert(decode("[1,2,3]", { max_bytes = 7 })), 3)
    _, err = decode("[1,2,3]", { max_bytes = 6 })
    eq(err.code, "ETOOBIG")
    has(err, "more than 6 bytes")
    eq(select(2, decode("[" .. ("1,"):rep(1000000) .. "1]")).code, "ETOOBIG")
end)

-- --- encoding ---

test("the same value has the same text, however its tables came about", function()
    local a, b = {}, {}

    for i = 1, 300 do
        a["key" .. i] = i
        b["key" .. 301 - i] = 301 - i
    end
    for i = 1, 500 do
        b["other" .. i] = true
    end
    for i = 1, 500 do
        b["other" .. i] = nil
    end
    eq(encode(a), encode(b))
    eq(encode { z = 1, a = { y = 1, b = 2 } }, '{"a":{"b":2,"y":1},"z":1}')
end)

test("keys are sorted by their bytes, few or many of them", function()
    for _, n in ipairs { 2, 10, 24, 25, 100, 256, 257, 1000 } do
        local t, names = {}, {}
        for i = 1, n do
            local prefix = i % 3 == 0 and "prefix that is long " or ""
            local name = prefix .. i * 7919 % 1000
            if t[name] == nil then
                names[#names + 1] = name
            end
            t[name] = i
        end
        table.sort(names)
        local last = 0
        local text = assert(encode(t))
        for _, name in ipairs(names) do
            local at = text:find('"' .. name .. '":', 1, true)
            check.ok(at > last)
            last = at
        end
    end
end)

test("numbers are the shortest that read back the same", function()
    for _, case in ipairs {
        { 0.1, "0.1" }, { 1 / 3, "0.3333333333333333" }, { 100, "100" }, { -2.5, "-2.5" },
        { 1e15, "1000000000000000" }, { 2 ^ 53, "9007199254740992" }, { 1e21, "1e21" },
        { 2 ^ 60, "1.152921504606847e18" }, { 5e-324, "5e-324" }, { 1e-5, "1e-5" },
        { 123456.789, "123456.789" }, { 0.1 + 0.2, "0.30000000000000004" },
    } do
        eq(encode(case[1]), case[2])
        eq(encode { case[1] }, "[" .. case[2] .. "]")
    end
    eq(encode(-0.0), "-0")
    eq(1 / decode "-0", -math.huge)
    eq(encode { 3.0, -7.0 }, "[3,-7]")
end)

test("what no JSON number is", function()
    for text, value in pairs { NaN = 0 / 0, infinity = math.huge } do
        has(select(2, encode(value)), text .. " is no JSON number")
        has(select(2, encode { a = { value } }), "at .a[1]: " .. text .. " is no JSON number")
    end
    eq(encode(-math.huge), nil)
end)

test("strings are escaped as little as may be", function()
    local all = {}

    for i = 0, 127 do
        all[i + 1] = string.char(i)
    end
    local text = assert(encode(table.concat(all)))
    eq(text:sub(1, 71), [["\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e]])
    has(text, [[ !\"#]])
    has(text, [=[[\\]]=])
    has(text, "./0")
    has(text, "~\127")
    eq(decode(text), table.concat(all))
end)

-- Escapes and characters at each place of the words that are scanned.
test("strings of every length with something special at every place", function()
    for length = 1, 20 do
        for place = 1, length do
            for _, special in ipairs { '"', "\\", "\n", "\1", "é", "€", "😀", "\127" } do
                local value = ("x"):rep(place - 1) .. special .. ("y"):rep(length - place)
                local text = assert(encode(value))
                eq(decode(text), value)
                eq(encode { [value] = value }, "{" .. text .. ":" .. text .. "}")
                eq(assert(decode("{" .. text .. ":" .. text .. "}"))[value], value)
            end
        end
    end
end)

test("invalid UTF-8 is refused, at every place", function()
    for length = 1, 20 do
        for place = 1, length do
            for _, bad in ipairs { "\128", "\192\128", "\226\130", "\237\160\128", "\245" } do
                local value = ("x"):rep(place - 1) .. bad .. ("y"):rep(length - place)
                local text, err = encode { value }
                eq(text, nil)
                has(err, "at [1]: invalid UTF-8 in a string")
                eq(encode { [value] = 1 }, nil)
                eq(decode('"' .. value .. '"'), nil)
            end
        end
    end
end)

test("long strings", function()
    for _, part in ipairs { "x", "\1", "é", '"', "x\n", "abcdefg€", "\240\159\152\128" } do
        for _, n in ipairs { 100, 1000, 20000 } do
            local value = part:rep(n)
            eq(decode(assert(encode(value))), value)
        end
    end
end)

test("tables that are neither arrays nor objects", function()
    local holes = { 1, 2 }
    holes[4] = 4
    for text, value in pairs {
        ["an array with holes: 3 values, the last one at 4"] = holes,
        ["an array with holes: 1 values, the last one at 1000"] = { [1000] = 1 },
        ["key that is a string"] = { 1, 2, x = 3 },
        ["key that is a boolean"] = { [true] = 1 },
        ["key that is a table"] = { a = 1, [{}] = 2 },
        ["the key 1.5"] = { [1.5] = 1 },
        ["the key 0"] = { [0] = 1 },
        ["the key -1"] = { [-1] = 1 },
        ["the key inf"] = { [math.huge] = 1 },
        ["the key 1e300"] = { [1e300] = 1 },
    } do
        local got, err = encode(value)
        eq(got, nil)
        eq(err.code, "EINVALID")
        has(err, text)
        has(select(2, encode { a = { {}, value } }), "at .a[2]: ")
    end
    eq(encode { x = 1, [1] = 2 }, nil)
    eq(encode { 1, 2, 3, nil, 5 }, nil)
end)

test("arrays whose values the VM keeps in any order", function()
    for _, n in ipairs { 1, 2, 3, 5, 17, 100 } do
        local t, want = {}, {}
        for i = n, 1, -1 do
            t[i] = i
            want[i] = tostring(i)
        end
        eq(encode(t), "[" .. table.concat(want, ",") .. "]")
    end
    local t = { 1, 2, 3 }
    t[5], t[6] = 5, 6
    eq(encode(t), nil)
    t[4] = 4
    eq(encode(t), "[1,2,3,4,5,6]")
    t.x = 1
    eq(encode(t), nil)
    t.x = nil
    eq(encode(t), "[1,2,3,4,5,6]")
end)

test("values that have no text are named by their path", function()
    local function odd(value)
        return select(2, encode { items = { 1, 2, { price = value } } })
    end

    has(odd(print), "at .items[3].price: a function is no JSON value")
    has(odd(coroutine.create(print)), "at .items[3].price: a thread is no JSON value")
    has(odd(io.stdout), "at .items[3].price: a userdata is no JSON value")
    has(select(2, encode(print)), "a function is no JSON value")
    has(select(2, encode { ["a b"] = { [""] = { ["1x"] = print } } }), 'at ["a b"][""]["1x"]: ')
    has(select(2, encode { ["a\n\255"] = 1 }), 'at ["a??"]: invalid UTF-8')
    has(select(2, encode { [("long"):rep(1000)] = print }), "lo...: a function")
    local t = {}
    for i = 1, 300 do
        t["key" .. i] = i
    end
    t.key77 = { print }
    has(select(2, encode(t)), "at .key77[1]: ")
end)

test("a table inside itself is refused", function()
    local a, b = {}, {}

    a.self = a
    has(select(2, encode(a)), "at .self: the table contains itself")
    b[1], b[2] = 1, { x = { b } }
    has(select(2, encode(b)), "at [2].x[1]: the table contains itself")
    eq(select(2, encode(b)).code, "EINVALID")
    local shared = { 1 }
    eq(encode { shared, shared, { shared } }, "[[1],[1],[[1]]]")
end)

test("what would be far larger than its tables ends at the limit", function()
    local t = { "some text" }

    for _ = 1, 100 do
        t = { t, t }
    end
    local text, err = encode(t)
    eq(text, nil)
    eq(err.code, "ETOOBIG")
    has(err, "more than 67108864 bytes")
    eq(select(2, encode(("x"):rep(100), { max_bytes = 101 })).code, "ETOOBIG")
    eq(#assert(encode(("x"):rep(100), { max_bytes = 102 })), 102)
end)

test("a text is the same, whatever text came before", function()
    eq(encode { 1 }, "[1]")
    assert(encode(("x"):rep(300000)))
    eq(encode { 1 }, "[1]")
    encode { 1, 2, 0 / 0 }
    eq(encode { a = 1 }, '{"a":1}')
end)

-- --- null and arrays ---

test("null", function()
    eq(tostring(json.null), "null")
    eq(encode(json.null), "null")
    eq(encode { json.null, a = nil }, "[null]")
    eq(encode(nil), "null")
    eq(decode "null", json.null)
    eq(decode "[null]"[1] == json.null, true)
    eq(type(json.null), "userdata")
    check.raises(function()
        json.null.x = 1
    end)
end)

test("other modules' null is null", function()
    local ok, cjson = pcall(require, "cjson")
    local null = ok and cjson.null or nil

    eq(encode { a = { null == nil and json.null or null } }, '{"a":[null]}')
end)

test("empty arrays stay arrays, empty objects objects", function()
    for _, text in ipairs { "[]", "{}", "[[],{}]", '{"a":[],"b":{}}', "[[[]],[{}]]" } do
        eq(encode(decode(text)), text)
    end
    eq(encode {}, "{}")
    eq(encode(json.array()), "[]")
    eq(encode(json.array {}), "[]")
    eq(encode { list = json.array() }, '{"list":[]}')
end)

test("an array stays one when its last value is taken out", function()
    local list = decode "[1]"

    list[1] = nil
    eq(encode(list), "[]")
    list[1], list[2] = "a", "b"
    eq(encode(list), '["a","b"]')
    list.x = 1
    eq(encode(list), nil)
    list = json.array()
    list.x = 1
    has(select(2, encode(list)), "an array with a key that is a string")
end)

test("array() marks the table that it is given", function()
    local t = { 1, 2 }

    eq(json.is_array(t), false)
    eq(json.array(t), t)
    eq(json.is_array(t), true)
    eq(json.array(t), t)
    eq(json.is_array(decode "[]"), true)
    eq(json.is_array(decode "[1]"), true)
    eq(json.is_array(decode "{}"), false)
    eq(json.is_array(json.null), false)
    eq(json.is_array(nil), false)
    has(check.raises(json.array, setmetatable({}, {})), "the table has a metatable")
    has(check.raises(json.array, 1), "table expected, got number")
    eq(encode(setmetatable(decode "[1]", nil)), "[1]")
end)

-- --- __tojson and other metamethods ---

local function with(hook)
    return setmetatable({}, { __tojson = hook })
end

test("__tojson gives the value that is written", function()
    local point = setmetatable({ x = 1, y = 2 }, {
        __tojson = function(p)
            return { p.x, p.y }
        end,
    })

    eq(encode(point), "[1,2]")
    eq(encode { at = point, list = { point, point } }, '{"at":[1,2],"list":[[1,2],[1,2]]}')
    eq(encode(with(function() return "text" end)), '"text"')
    eq(encode(with(function() return nil end)), "null")
    eq(encode(with(function() end)), "null")
    eq(encode(with(function() return json.array() end)), "[]")
    eq(encode(with(function() return point end)), "[1,2]")
    eq(encode { with(function() return point, 2, 3 end), 4 }, "[[1,2],4]")
end)

test("what __tojson returns may be refused, at its place", function()
    has(select(2, encode { a = with(function() return { b = print } end) }),
        "at .a.b: a function is no JSON value")
    local endless
    endless = with(function() return endless end)
    eq(select(2, encode(endless)).code, "ETOOBIG")
    endless = with(function() return { endless } end)
    has(select(2, encode(endless)), "more than 128 levels of tables")
    local inside = {}
    inside[1] = with(function() return inside end)
    has(select(2, encode(inside)), "at [1]: the table contains itself")
end)

test("what __tojson raises goes through, and the next call works", function()
    local err = setmetatable({}, { __tostring = function() return "on purpose" end })

    for _ = 1, 100 do
        eq(check.raises(encode, { "x", { with(function() error(err) end) } }), err)
        eq(encode { 1, { a = 2 } }, '[1,{"a":2}]')
    end
    has(check.raises(encode, with "no function"), "call")
end)

test("__tojson may encode and decode itself", function()
    local nested = with(function()
        return { text = encode { "inner", decode '["\\u0041"]' }, list = { 1, 2 } }
    end)

    eq(encode { nested, "after", nested },
        '[{"list":[1,2],"text":"[\\"inner\\",[\\"A\\"]]"},"after",'
        .. '{"list":[1,2],"text":"[\\"inner\\",[\\"A\\"]]"}]')
    local failing = with(function()
        pcall(encode, { with(error) })
        return encode { with(function() return "deep" end) }
    end)
    eq(encode { failing, failing }, '["[\\"deep\\"]","[\\"deep\\"]"]')
end)

test("__tojson cannot wait, and says so", function()
    local err = check.raises(encode, with(function()
        atlas.sleep(0.001)
    end))

    has(err, "'sleep' cannot wait here")
    check.ok(not pcall(encode, with(coroutine.yield)))
    eq(encode { 1 }, "[1]")
end)

test("tables that __tojson changes meanwhile are no danger", function()
    local object, list, many = {}, {}, {}
    local function clear(t)
        return function()
            for k in pairs(t) do
                if k ~= "a" then
                    t[k] = nil
                end
            end
            for i = 1, 1000 do
                t["new" .. i] = {}
            end
            collectgarbage()
            collectgarbage()
            return "gone"
        end
    end

    object.a = with(clear(object))
    for i = 1, 20 do
        object["b" .. i] = { ("text " .. i):rep(3) }
    end
    local text = assert(encode(object))
    has(text, '"a":"gone","b1":["text 1text 1text 1"]')
    for i = 1, 10 do
        list[i] = { i }
    end
    list[3] = with(function()
        for i = 1, 10 do
            list[i] = nil
        end
        collectgarbage()
    end)
    pcall(encode, list) -- a text, an error: whatever it is, nothing breaks
    many.a = with(clear(many))
    for i = 1, 600 do
        many["b" .. i] = { ("text " .. i):rep(3) }
    end
    has(assert(encode(many)), '"a":"gone","b1":null')
    eq(encode { 1 }, "[1]")
end)

test("tables are read without their other metamethods", function()
    local t = setmetatable({ a = 1 }, {
        __index = function() error "not called" end,
        __pairs = function() error "not called" end,
        __len = function() error "not called" end,
    })

    eq(encode(t), '{"a":1}')
    eq(encode { t, t }, '[{"a":1},{"a":1}]')
end)

-- --- arguments ---

test("wrong arguments raise", function()
    has(check.raises(decode), "bad argument #1 to 'decode' (string expected, got no value)")
    has(check.raises(decode, nil), "string expected, got nil")
    has(check.raises(decode, 12), "string expected, got number")
    has(check.raises(decode, {}), "string expected, got table")
    has(check.raises(encode), "bad argument #1 to 'encode' (value expected)")
    has(check.raises(decode, "1", 1), "table expected, got number")
    has(check.raises(encode, 1, "x"), "table expected, got string")
    has(check.raises(decode, "1", { depth = 1 }), "decode has no option 'depth'")
    has(check.raises(encode, 1, { integers = "string" }), "encode has no option 'integers'")
    has(check.raises(encode, 1, { 1 }), "options are named")
    for _, bad in ipairs { 0, -1, 1.5, 1001, "5", 0 / 0, math.huge } do
        local text = "max_depth is an integer from 1 to 1000"
        has(check.raises(decode, "1", { max_depth = bad }), text)
        has(check.raises(encode, 1, { max_depth = bad }), text)
    end
    has(check.raises(decode, "1", { max_bytes = 0 }), "max_bytes is an integer from 1")
    has(check.raises(decode, "1", { max_values = 2 ^ 40 }), "max_values is an integer from 1")
    has(check.raises(decode, "1", { integers = "float" }), "'error', 'string' or 'round'")
    has(check.raises(decode, "1", { integers = true }), "'error', 'string' or 'round'")
    has(check.raises(decode, "1", { unique_keys = 1 }), "unique_keys is true or false")
    eq(decode("1", {}), 1)
    eq(decode("1", nil), 1)
end)

test("an error object is raised by assert", function()
    local err = check.raises(function()
        assert(decode "[1,")
    end)

    eq(err.code, "EINVALID")
    eq(tostring(err), "line 1, column 4: a value expected, got the end")
end)

-- --- strings that were made to collide ---

-- LuaJIT hashes the bytes at both ends, in the middle and around the first
-- quarter of a string; these differ in others only.
local function colliding(n)
    local list = {}

    for i = 1, n do
        list[i] = ("head%07d%s%07d%s"):format(i, ("m"):rep(30), i, ("t"):rep(16))
    end
    return list
end

local function spread(n)
    local list = {}

    for i = 1, n do
        list[i] = ("%07d%s%07d"):format(i, ("m"):rep(50), i)
    end
    return list
end

-- Seconds of the processor, the least of some runs.
local function cost(text)
    local least = math.huge

    for _ = 1, 3 do
        collectgarbage()
        local start = os.clock()
        assert(decode(text))
        least = math.min(least, os.clock() - start)
    end
    return least
end

-- Quadratic behaviour would be a factor of some hundreds.
test("strings that collide in a sparse hash cost about what others do", function()
    local n = 40000

    for _, form in ipairs { { '["', '","', '"]' }, { '{"', '":1,"', '":1}' } } do
        local function make(list)
            return form[1] .. table.concat(list, form[2]) .. form[3]
        end
        local usual = cost(make(spread(n)))
        local hostile = cost(make(colliding(n)))
        check.ok(hostile < 25 * usual + 0.05,
            ("%.3f s instead of %.3f s"):format(hostile, usual))
    end
end)
