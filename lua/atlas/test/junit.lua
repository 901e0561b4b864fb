-- junit.lua - the report for servers that build: a file of JUnit's XML, made
-- beside what another reporter prints.

local plain = require "atlas.test.plain"

local M = {}
M.__index = M

--- A reporter that writes to `path` at the end, and tells `inner` all.
function M.new(path, inner)
    return setmetatable({ path = path, inner = inner, results = {} }, M)
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
    ["\n"] = "&#10;" }

-- Text for an attribute; XML has no place for other control characters.
local function escape(text)
    return (text:gsub('[&<>"\n]', ENTITIES):gsub("[%z\1-\8\11-\31]", "?"))
end

function M:start()
    self.inner:start()
end

--- A test has ended.
function M:test(result)
    self.results[#self.results + 1] = result
    self.inner:test(result)
end

function M:round(number, seed)
    self.inner:round(number, seed)
end

local function write_result(file, result)
    file:write(('  <testcase classname="%s" name="%s" time="%.6f"'):format(
        escape(result.file or result.path), escape(result.name), result.took))
    if result.status == "passed" then
        file:write("/>\n")
        return
    end
    file:write ">\n"
    if result.status == "pending" then
        file:write(('    <skipped message="%s"/>\n'):format(escape(result.reason)))
    end
    for _, failure in ipairs(result.failures) do
        local head = failure.message:match "^[^\n]*"
        file:write(('    <failure message="%s">%s</failure>\n'):format(
            escape(head), escape(plain.describe(failure))))
    end
    file:write "  </testcase>\n"
end

function M:finish(session, seconds)
    local file, message = io.open(self.path, "w")

    if file then
        file:write '<?xml version="1.0" encoding="UTF-8"?>\n'
        file:write(('<testsuite name="atlas test" tests="%d" failures="%d" skipped="%d" '
            .. 'time="%.6f">\n'):format(#self.results, session.failed, session.pending, seconds))
        for _, result in ipairs(self.results) do
            write_result(file, result)
        end
        file:write "</testsuite>\n"
        file:close()
    else
        io.stderr:write("atlas: ", message, "\n")
        session.report_failed = true
    end
    self.inner:finish(session, seconds)
end

return M
