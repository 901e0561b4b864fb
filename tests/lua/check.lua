-- check.lua - what the Lua tests say of values; `atlas test` runs them.
-- SPDX-License-Identifier: MIT

local M = {}

--- The running VM: some of the tests are about what only one of them can do.
M.is_luajit = rawget(_G, "jit") ~= nil

local function show(value)
    if type(value) == "string" then
        return ("%q"):format(value)
    end
    return tostring(value)
end

-- Blames the line that called the check.
local function fail(...)
    error(("%s"):format(string.format(...)), 3)
end

--- Both are the same: NaN isn't, tables and errors are compared by identity.
function M.eq(got, want)
    if got ~= want then
        fail("got %s, want %s", show(got), show(want))
    end
end

--- The values that follow the list are those of the list, nils included.
---@param want table  a list with n, the number of values
function M.values(want, ...)
    local n = select("#", ...)

    if n ~= want.n then
        fail("got %d values, want %d", n, want.n)
    end
    for i = 1, n do
        local got = select(i, ...)
        if got ~= want[i] then
            fail("value %d is %s, want %s", i, show(got), show(want[i]))
        end
    end
end

--- Two lists hold the same, in the same order.
function M.list(got, want)
    local line = "got {%s}, want {%s}"
    local a, b = {}, {}

    for i = 1, #got do
        a[i] = show(got[i])
    end
    for i = 1, #want do
        b[i] = show(want[i])
    end
    a, b = table.concat(a, ", "), table.concat(b, ", ")
    if a ~= b then
        fail(line, a, b)
    end
end

function M.ok(value, text)
    if not value then
        fail("%s", text or ("got " .. show(value)))
    end
end

--- `text` holds `part`, as it is.
function M.has(text, part)
    if not tostring(text):find(part, 1, true) then
        fail("%s is not in\n%s", show(part), tostring(text))
    end
end

function M.lacks(text, part)
    if tostring(text):find(part, 1, true) then
        fail("%s is in\n%s", show(part), tostring(text))
    end
end

--- `fn(...)` raises; the error is returned.
function M.raises(fn, ...)
    local ok, err = pcall(fn, ...)

    if ok then
        fail("nothing was raised")
    end
    return err
end

--- "FILE_test.lua:LINE" of the caller, `offset` lines further on.
function M.here(offset)
    local info = debug.getinfo(2, "Sl")

    return ("%s:%d"):format(info.short_src:match "[%w_]+%.lua$", info.currentline + (offset or 0))
end

--- for name, value in the order of the names, so that tests always run in one.
function M.each(map)
    local names, i = {}, 0

    for name in pairs(map) do
        names[#names + 1] = name
    end
    table.sort(names)
    return function()
        i = i + 1
        return names[i], map[names[i]]
    end
end

return M
