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

-- What is in the place of text[first..last], for which `repl` has given `value`.
local function checked(text, first, last, value)
    if not value then
        return sub(text, first, last)
    end
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" then
        error(("invalid replacement value (a %s)"):format(kind), 3)
    end
    return value
end

local function call_with(repl, _, _, _, ...)
    return (repl(...))
end

-- All patterns have the same number of captures in each match: up to two are
-- passed by name, which is faster.
local function replace(repl, captures, s, pattern, start, first, last, a, b)
    local value

    if captures == 0 then
        a = sub(s, first, last)
    end
    if type(repl) ~= "function" then
        value = repl[a]
    elseif captures <= 1 then
        value = repl(a)
    elseif captures == 2 then
        value = repl(a, b)
    else
        value = call_with(repl, true, find(s, pattern, start))
    end
    return checked(s, first, last, value)
end

-- pcall, since errors are then without a line of this file.
local function count_captures(...)
    return select("#", ...) - 3
end

local function substitute(s, pattern, repl, limit)
    local parts, n, size = {}, 0, 0
    local start, kept, past = 1, 1, nil -- where to search; what isn't in `parts` yet
    local anchored = byte(pattern) == CARET
    local captures

    while n < limit and start <= #s + 1 do
        local ok, first, last, a, b = pcall(find, s, pattern, start)

        if not ok then
            error(first, 2)
        elseif not first then
            break
        elseif last >= first or first ~= past then
            captures = captures or count_captures(pcall(find, s, pattern, start))
            local value = replace(repl, captures, s, pattern, start, first, last, a, b)
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
        argument.type_error(4, "gsub", "number", limit, 2)
    elseif math.type and number % 1 ~= 0 then
        argument.error(4, "gsub", "number has no integer representation", 2)
    end
    return number
end

local function check(s, pattern, repl, limit)
    local of = type(s)

    if of ~= "string" and of ~= "number" then
        argument.type_error(1, "gsub", "string", s, 1)
    end
    of = type(pattern)
    if of ~= "string" and of ~= "number" then
        argument.type_error(2, "gsub", "string", pattern, 1)
    end
    limit = limit ~= nil and check_limit(limit) or nil
    of = type(repl)
    if of ~= "string" and of ~= "number" and of ~= "table" and of ~= "function" then
        if not math.type then -- LuaJIT doesn't say what it got
            argument.error(3, "gsub", "string/function/table expected", 1)
        end
        argument.type_error(3, "gsub", "string/function/table", repl, 1)
    end
    return limit
end

local function is_lazy(repl)
    local meta = getmetatable(repl)

    return meta and rawget(meta, "__index")
end

-- find() takes a pattern of plain characters as it is, and ")" for one of them:
-- gsub's own raises.
local function is_faulty(pattern)
    return find(pattern, ")", 1, true) and not find(pattern, "[%^$*+?.(%[%%%-]")
end

-- Is it Lua code that `repl` calls?  A table needs only the first capture, and
-- find() all of them: if it raises, only gsub's own knows whether that matters.
local function may_wait(s, pattern, repl)
    local kind = type(repl)

    if kind == "function" then
        return true
    end
    return kind == "table" and is_lazy(repl) and pcall(find, s, pattern)
end

return function(s, pattern, repl, limit)
    if may_wait(s, pattern, repl) then
        limit = check(s, pattern, repl, limit)
        pattern = pattern .. ""
        if not is_faulty(pattern) then
            return substitute(s .. "", pattern, repl, limit or huge)
        end
    end
    local ok, text, n = pcall(original_gsub, s, pattern, repl, limit)
    if not ok then
        check(s, pattern, repl, limit)
        error(text, 2) -- without a line, since C has called it
    end
    return text, n
end
