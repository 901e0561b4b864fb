-- gsub.lua - string.gsub with a function, or with a table that has __index:
-- matches are found in C, the replacement is called from Lua, and may wait.

local argument = require "atlas.patch.argument"

local error, getmetatable, pcall, rawget, select, tonumber, type =
    error, debug.getmetatable, pcall, rawget, select, tonumber, type
local byte, find, sub = string.byte, string.find, string.sub
local concat = table.concat
local original_gsub = string.gsub
local huge = math.huge
local CARET = byte "^"

-- In Lua 5.4 an empty match right behind the match before it doesn't count.
local counts_empty = select(2, original_gsub("a", ".*", "")) == 2

-- What the match from `first` to `last` becomes.
local function replace(repl, s, first, last, capture, ...)
    local value

    if capture == nil then
        capture = sub(s, first, last)
    end
    if type(repl) == "function" then
        value = repl(capture, ...)
    else
        value = repl[capture]
    end
    if not value then
        return sub(s, first, last)
    end
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" then
        error(("invalid replacement value (a %s)"):format(kind), 5)
    end
    return value
end

-- The match that pcall(find) has found, and what it becomes; nil if it doesn't
-- count because the one before has ended at `past`.
local function match(s, repl, past, ok, first, last, ...)
    if not first then
        return nil
    elseif not ok then
        error(first, 4)
    elseif last < first and first == past then
        return first, last, nil
    end
    return first, last, (replace(repl, s, first, last, ...))
end

local function substitute(s, pattern, repl, limit)
    local parts, n, size = {}, 0, 0
    local start, kept, past = 1, 1, nil -- where to search; what isn't in `parts` yet
    local anchored = byte(pattern) == CARET

    while n < limit and start <= #s + 1 do
        local first, last, value = match(s, repl, past, pcall(find, s, pattern, start))

        if not first then
            break
        elseif value then
            n = n + 1
            if first > kept then
                size = size + 1
                parts[size] = sub(s, kept, first - 1)
            end
            size = size + 1
            parts[size] = value
            kept = last + 1
            past = not counts_empty and kept or nil
        end
        start = last < first and first + 1 or last + 1
        if anchored then
            break
        end
    end
    if n == 0 then
        return s, 0
    end
    parts[size + 1] = sub(s, kept)
    return concat(parts), n
end

-- How many at most; nil: all.
local function check_limit(limit)
    local number = tonumber(limit)

    if not number then
        argument.type_error(4, "gsub", "number", limit, 1)
    elseif math.type and number % 1 ~= 0 then
        argument.error(4, "gsub", "number has no integer representation", 1)
    end
    return number
end

local function check(s, pattern, repl)
    local of = type(s)

    if of ~= "string" and of ~= "number" then
        argument.type_error(1, "gsub", "string", s, 1)
    end
    of = type(pattern)
    if of ~= "string" and of ~= "number" then
        argument.type_error(2, "gsub", "string", pattern, 1)
    end
    of = type(repl)
    if of ~= "string" and of ~= "number" and of ~= "table" and of ~= "function" then
        argument.type_error(3, "gsub", "string/function/table", repl, 1)
    end
end

local function is_lazy(repl)
    local meta = getmetatable(repl)

    return meta and rawget(meta, "__index")
end

return function(s, pattern, repl, limit)
    check(s, pattern, repl)
    local kind = type(repl)

    limit = limit ~= nil and check_limit(limit) or nil
    if kind == "function" or (kind == "table" and is_lazy(repl)) then
        return substitute(s .. "", pattern .. "", repl, limit or huge)
    end
    return original_gsub(s, pattern, repl, limit)
end
