-- sort.lua - table.sort as a merge sort in Lua: stable, and a comparator that
-- waits suspends the task.

local argument = require "atlas.patch.argument"

local error, getmetatable, rawget, rawset, type =
    error, debug.getmetatable, rawget, rawset, type
local original_sort = table.sort

local RUN = 4 -- elements that are sorted by insertion
local SMALL = 16 -- a list that is sorted by insertion where bisection says

-- Integers, which a division that both VMs know doesn't give.
local HALF = {}
for i = 1, SMALL do
    HALF[2 * i], HALF[2 * i + 1] = i, i
end

-- Does Lua's own heed __index and __newindex?
local heeds_metamethods = (function()
    local seen = false
    local proxy = setmetatable({}, {
        __len = function()
            return 2
        end,
        __index = function()
            seen = true
            return 3
        end,
        __newindex = function() end,
    })

    pcall(original_sort, proxy)
    return seen
end)()

-- Sort `a` from `first` to `last`, a few elements.
local function insert(a, first, last, less)
    for i = first + 1, last do
        local value, k = a[i], i - 1

        if less(value, a[k]) then
            repeat
                a[k + 1] = a[k]
                k = k - 1
            until k < first or not less(value, a[k])
            a[k + 1] = value
        end
    end
end

-- The same for a whole list: as few calls as there can be.
local function insert_by_bisection(a, n, less)
    for i = 2, n do
        local value, low, high = a[i], 1, i - 1

        if less(value, a[i - 1]) then
            while low < high do
                local middle = HALF[low + high]
                if less(value, a[middle]) then
                    high = middle
                else
                    low = middle + 1
                end
            end
            for k = i, low + 1, -1 do
                a[k] = a[k - 1]
            end
            a[low] = value
        end
    end
end

-- Merge from[first..middle] and from[middle+1..last] into `to`: of two that are
-- equal the left one goes first.
local function merge(from, to, first, middle, last, less)
    local i, j, k = first, middle + 1, first
    local left, right = from[i], from[j]

    while true do
        if less(right, left) then
            to[k] = right
            j = j + 1
            if j > last then
                break
            end
            right = from[j]
        else
            to[k] = left
            i = i + 1
            if i > middle then
                break
            end
            left = from[i]
        end
        k = k + 1
    end
    for rest = i, middle do
        k = k + 1
        to[k] = from[rest]
    end
    for rest = j, last do
        k = k + 1
        to[k] = from[rest]
    end
end

-- Merge the runs of `width` elements in pairs.  A pair that is in order is only
-- copied.
local function merge_runs(from, to, n, width, less)
    for first = 1, n, 2 * width do
        local middle, last = first + width - 1, first + 2 * width - 1

        if last > n then
            last = n
        end
        if middle < last and less(from[middle + 1], from[middle]) then
            merge(from, to, first, middle, last, less)
        else
            for i = first, last do
                to[i] = from[i]
            end
        end
    end
end

-- Sort the list `a`; the result is that, or another list.
local function sort(a, n, less)
    local width, b = RUN, {}

    if n <= SMALL then
        insert_by_bisection(a, n, less)
        return a
    end
    for first = 1, n, RUN do
        local last = first + RUN - 1
        insert(a, first, last > n and n or last, less)
    end
    while width < n do
        merge_runs(a, b, n, width, less)
        a, b = b, a
        width = 2 * width
    end
    return a
end

local function read(t, n)
    local a = {}

    if not heeds_metamethods and getmetatable(t) then
        for i = 1, n do
            a[i] = rawget(t, i)
        end
        return a
    end
    for i = 1, n do
        a[i] = t[i]
    end
    return a
end

local function write(t, n, a)
    if not heeds_metamethods and getmetatable(t) then
        for i = 1, n do
            rawset(t, i, a[i])
        end
        return
    end
    for i = 1, n do
        t[i] = a[i]
    end
end

local function sort_table(t, n, less)
    local a = sort(read(t, n), n, less)

    -- In no order is the last before the first.  Lua's own, too, finds some of
    -- the functions that define none, and in lists of more than three.
    if n > 3 and less(a[n], a[1]) then
        error("invalid order function for sorting", 3)
    end
    write(t, n, a)
end

local function default_less(a, b)
    return a < b
end

-- Is there anything whose `<` could wait?  Of strings and numbers equal ones are
-- the same, so that nobody sees the order of them.
local function has_lt(t, n)
    for i = 1, n do
        local kind = type(t[i])

        if kind == "table" or kind == "userdata" then
            local meta = getmetatable(t[i])
            if meta and rawget(meta, "__lt") then
                return true
            end
        end
    end
    return false
end

local function check_table(t)
    local meta = getmetatable(t)

    if type(t) == "table" then
        return
    elseif heeds_metamethods and meta and meta.__index and meta.__newindex and meta.__len then
        return
    end
    error(("bad argument #1 to 'sort' (table expected, got %s)"):format(type(t)), 3)
end

return function(t, less)
    check_table(t)
    local n = #t

    if less ~= nil and (n > 1 or not heeds_metamethods) and type(less) ~= "function" then
        argument.type_error(2, "sort", "function", less)
    elseif n >= 2 ^ 31 - 1 then
        argument.error(1, "sort", "array too big")
    elseif less == nil and not has_lt(t, n) then
        return original_sort(t)
    end
    sort_table(t, n, less or default_less)
end
