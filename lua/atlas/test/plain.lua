-- plain.lua - the report for people: a line a test, and all about failures.

local diff = require "atlas.test.diff"

local M = {}
M.__index = M

local COLORS = { passed = 32, failed = 31, pending = 33, faint = 2 }
local WORDS = { passed = "ok  ", failed = "FAIL", pending = "wait" }

--- A reporter; `colors`: does a terminal show it?
function M.new(options, colors)
    return setmetatable({ options = options, colors = colors }, M)
end

function M:paint(color, text)
    if not self.colors then
        return text
    end
    return ("\27[%dm%s\27[0m"):format(COLORS[color], text)
end

function M:start() end

--- "1.2 ms", "3.4 s"
function M.duration(seconds)
    if seconds < 0.001 then
        return ("%.0f us"):format(seconds * 1e6)
    elseif seconds < 1 then
        return ("%.1f ms"):format(seconds * 1e3)
    end
    return ("%.1f s"):format(seconds)
end

--- All that is known of a failure, as lines.
function M.describe(failure)
    local text = diff.explain(failure.message)

    if failure.what then
        text = "in " .. failure.what .. ": " .. text
    end
    if failure.trace then
        text = text .. "\nstack traceback:\n" .. failure.trace
    end
    if failure.dump then
        text = text .. "\ntasks:\n" .. failure.dump:gsub("\n$", "")
    end
    return text
end

local function indent(text)
    return "     " .. text:gsub("\n", "\n     ")
end

-- "+ " and "- " lines of a difference, in colour.
function M:paint_diff(text)
    if not self.colors then
        return text
    end
    text = text:gsub("(\n%s*)(%- [^\n]*)", function(space, line)
        return space .. self:paint("failed", line)
    end)
    return (text:gsub("(\n%s*)(%+ [^\n]*)", function(space, line)
        return space .. self:paint("passed", line)
    end))
end

local function place(result)
    return result.line and ("%s:%d"):format(result.path, result.line) or result.path
end

--- A test has ended.
function M:test(result)
    if result.status == "passed" and self.options.quiet then
        return
    end
    local about = M.duration(result.took)
    if result.status == "pending" then
        about = result.reason
    elseif result.passed and result.passed > 0 then
        about = ("%s, %g s on its clock"):format(about, result.passed)
    end
    if result.status == "failed" then
        about = ("%s, %s"):format(place(result), about)
    end
    print(("%s %s %s"):format(self:paint(result.status, WORDS[result.status]), result.name,
        self:paint("faint", "(" .. about .. ")")))
    for _, failure in ipairs(result.failures) do
        print(indent(self:paint_diff(M.describe(failure))))
    end
    if result.replay then
        print(self:paint("faint", indent("again: " .. result.replay)))
    end
    io.stdout:flush()
end

--- One of many rounds begins.
function M:round(number, seed)
    print(self:paint("faint", ("round %d, seed %d"):format(number, seed)))
end

function M:finish(session, seconds)
    if session.options.shuffle then
        print(("order of seed %d"):format(session.seed))
    end
    print(self:paint("faint", M.duration(seconds)))
    print(session:count())
end

return M
