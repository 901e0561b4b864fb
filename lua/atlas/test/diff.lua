-- diff.lua - what is different between two texts, line by line.

local M = {}

local MAX_LINES = 400 -- of either: the table of lengths grows with both

local function split(text)
    local lines = {}

    for line in (text .. "\n"):gmatch "(.-)\n" do
        lines[#lines + 1] = line
    end
    return lines
end

-- lengths[i][j]: of the longest common part of a from i and b from j.
local function measure(a, b)
    local lengths = { [#a + 1] = {} }

    for i = #a, 1, -1 do
        local row, below = {}, lengths[i + 1]
        for j = #b, 1, -1 do
            if a[i] == b[j] then
                row[j] = (below[j + 1] or 0) + 1
            else
                row[j] = math.max(below[j] or 0, row[j + 1] or 0)
            end
        end
        lengths[i] = row
    end
    return lengths
end

--- Lines of both texts: "- " those of `want` alone, "+ " those of `got` alone,
--- "  " what they share; or nil if they are too long.
function M.lines(want, got)
    local a, b = split(want), split(got)

    if #a > MAX_LINES or #b > MAX_LINES then
        return nil
    end
    local lengths, out = measure(a, b), {}
    local i, j = 1, 1
    while i <= #a or j <= #b do
        if i <= #a and j <= #b and a[i] == b[j] then
            out[#out + 1] = "  " .. a[i]
            i, j = i + 1, j + 1
        elseif j > #b or (i <= #a and (lengths[i + 1][j] or 0) >= (lengths[i][j + 1] or 0)) then
            out[#out + 1] = "- " .. a[i]
            i = i + 1
        else
            out[#out + 1] = "+ " .. b[j]
            j = j + 1
        end
    end
    return out
end

local FORM = "^(.-\n?)Passed in:\n(.-)\nExpected:\n(.*)$"

local function is_long(text)
    return text:find("\n", 1, true) ~= nil
end

--- luassert's message with what was passed and expected as one text, if both
--- are of several lines; else the message as it is.
function M.explain(message)
    local head, got, want = message:match(FORM)

    if not head or not is_long(got) or not is_long(want) then
        return message
    end
    local function plain(text) -- luassert marks with * where tables differ
        return (text:gsub("\n(%s*)%*(%[)", "\n%1 %2"):gsub("%(table: [%wx]+%)", "(table)"))
    end
    local lines = M.lines(plain(want), plain(got))
    if not lines then
        return message
    end
    return head .. "Expected (-) and passed in (+):\n" .. table.concat(lines, "\n")
end

return M
