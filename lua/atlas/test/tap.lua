-- tap.lua - the report for programs: the Test Anything Protocol, version 13.

local plain = require "atlas.test.plain"

local M = {}
M.__index = M

--- A reporter.
function M.new()
    return setmetatable({ count = 0 }, M)
end

function M:start()
    print "TAP version 13"
end

-- What would end a description is escaped.
local function escape(name)
    return (name:gsub("[\\#]", "\\%0"):gsub("[%c]", " "))
end

--- A test has ended.
function M:test(result)
    self.count = self.count + 1
    local line = ("%s %d - %s"):format(result.status == "failed" and "not ok" or "ok",
        self.count, escape(result.name))
    if result.status == "pending" then
        line = line .. " # TODO " .. escape(result.reason)
    end
    print(line)
    if result.took > 0 then
        print(("# took %.6f s"):format(result.took))
    end
    for _, failure in ipairs(result.failures) do
        print("# " .. plain.describe(failure):gsub("\n", "\n# "))
    end
    if result.replay then
        print("# again: " .. result.replay)
    end
    io.stdout:flush()
end

function M:round(number, seed)
    print(("# round %d, seed %d"):format(number, seed))
end

function M:finish(session)
    print(("1..%d"):format(self.count))
    print("# " .. session:count())
end

return M
