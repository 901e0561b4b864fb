-- expect.lua - what a check says: that it holds, fails, or can't be made here.

local M = {}

local skip_meta = {
    __tostring = function(skip)
        return "skipped: " .. skip.reason
    end,
}

--- End the check: it can't be made here.
function M.skip(...)
    error(setmetatable({ reason = string.format(...) }, skip_meta), 0)
end

--- Is the error one that skip() has raised?  Its reason, or nil.
function M.skipped(err)
    return getmetatable(err) == skip_meta and err.reason or nil
end

function M.fail(...)
    error(string.format(...), 0)
end

--- A value as a line, for people.
function M.show(value)
    if type(value) == "string" then
        local text = ("%q"):format(#value > 200 and value:sub(1, 200) .. "..." or value)
        return (text:gsub("\\\n", "\\n"):gsub("%c", function(c)
            return ("\\x%02x"):format(c:byte())
        end))
    elseif type(value) ~= "table" then
        return tostring(value)
    end
    local parts, keys = {}, {}
    for key in pairs(value) do
        keys[#keys + 1] = key
    end
    table.sort(keys, function(a, b)
        return tostring(a) < tostring(b)
    end)
    for i, key in ipairs(keys) do
        parts[i] = tostring(key) .. " = " .. M.show(value[key])
    end
    return "{" .. table.concat(parts, ", ") .. "}"
end

function M.eq(got, want, what)
    if got ~= want then
        M.fail("%s is %s, want %s", what, M.show(got), M.show(want))
    end
end

function M.holds(condition, ...)
    if not condition then
        M.fail(...)
    end
end

--- `text` has `part` in it.
function M.has(text, part, what)
    if type(text) ~= "string" or not text:find(part, 1, true) then
        M.fail("%s is %s, want %s in it", what, M.show(text), M.show(part))
    end
end

--- `text` is what a pattern matches.
function M.matches(text, pattern, what)
    if type(text) ~= "string" or not text:find(pattern) then
        M.fail("%s is %s, want one like %s", what, M.show(text), M.show(pattern))
    end
end

return M
