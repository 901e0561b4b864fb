-- pairs_test.lua - pairs honours __pairs on both VMs, and is as ever otherwise.
-- SPDX-License-Identifier: MIT

local check = require "check"

local eq = check.eq

test("pairs goes over what __pairs returns", function()
    local object = setmetatable({ hidden = true }, {
        __pairs = function(self)
            return function(list, i)
                if i < #list then
                    return i + 1, list[i + 1]
                end
            end, { "a", "b", self.hidden }, 0
        end,
    })
    local seen = {}

    for i, value in pairs(object) do
        seen[i] = value
    end
    check.list(seen, { "a", "b", true })
end)

test("pairs returns the three values of __pairs", function()
    local object = setmetatable({}, {
        __pairs = function(self)
            return next, self, "key"
        end,
    })

    check.values({ n = 3, next, object, "key" }, pairs(object))
end)

test("pairs passes the object to __pairs", function()
    local object
    object = setmetatable({}, {
        __pairs = function(...)
            check.values({ n = 1, object }, ...)
            return next, {}, nil
        end,
    })

    for _ in pairs(object) do
        error "not reached"
    end
end)

test("__pairs may be any callable value", function()
    local callable = setmetatable({}, {
        __call = function()
            return next, { only = 1 }, nil
        end,
    })

    for key, value in pairs(setmetatable({}, { __pairs = callable })) do
        eq(key, "only")
        eq(value, 1)
    end
end)

test("__pairs is found in a metatable that is locked", function()
    local object = setmetatable({}, {
        __metatable = "locked",
        __pairs = function()
            return next, { inside = true }, nil
        end,
    })

    eq((next(object)), nil)
    for key in pairs(object) do
        eq(key, "inside")
    end
end)

test("an error in __pairs goes out of pairs", function()
    local err = {}

    eq(check.raises(pairs, setmetatable({}, {
        __pairs = function()
            error(err)
        end,
    })), err)
end)

test("pairs of a plain table is next over it", function()
    local plain = { 1, 2, key = 3 }

    check.values({ n = 3, next, plain, nil }, pairs(plain))
end)

test("pairs goes over a plain table as next does", function()
    local plain, keys = { 1, 2, 3, a = 4, b = 5 }, {}

    for key, value in pairs(plain) do
        eq(value, plain[key])
        keys[#keys + 1] = key
    end
    local expected = {}
    for key in next, plain do
        expected[#expected + 1] = key
    end
    check.list(keys, expected)
    eq(#keys, 5)
end)

test("pairs goes over an empty table not once", function()
    for _ in pairs {} do
        error "not reached"
    end
end)

test("a metatable without __pairs changes nothing, nor does __index", function()
    local object = setmetatable({ own = 1 }, { __index = { inherited = 2 } })
    local n = 0

    for key in pairs(object) do
        eq(key, "own")
        n = n + 1
    end
    eq(n, 1)
end)

test("fields may be set to nil within the loop", function()
    local object, n = {}, 0

    for i = 1, 100 do
        object["key" .. i] = i
    end
    for key in pairs(object) do
        object[key] = nil
        n = n + 1
    end
    eq(n, 100)
    eq(next(object), nil)
end)

test("pairs in a loop over nil raises and blames the user's line", function()
    local err = check.raises(function()
        for _ in pairs(nil) do
            error "not reached"
        end
    end)

    check.has(err, check.here(-5) .. ":")
    check.has(err, "table expected, got nil")
end)

test("ipairs is as ever", function()
    local n = 0

    for i, value in ipairs { 5, 6, nil, 8 } do
        eq(value, 4 + i)
        n = n + 1
    end
    eq(n, 2)
end)
