-- lasgi.lua - `atlas test --lasgi`: what the checks of atlas.conformance have
-- found, for people.

local conformance = require "atlas.conformance"
local core = require "atlas.test.core"

local M = {}

local FAILED, USAGE, NOT_LOADED = 1, 2, 3

local function print_result(result)
    if result.skipped then
        print(("  skip  %s: %s"):format(result.name, result.message))
    elseif result.ok then
        print("  ok    " .. result.name)
    else
        print("  FAIL  " .. result.name)
        print("        LASGI: " .. result.sentence)
        print("        " .. result.message:gsub("\n", "\n        "))
    end
end

local function print_all(results)
    local counts = { passed = 0, failed = 0, skipped = 0 }
    local section

    for _, result in ipairs(results) do
        if result.section ~= section then
            section = result.section
            print(section)
        end
        print_result(result)
        local kind = result.skipped and "skipped" or result.ok and "passed" or "failed"
        counts[kind] = counts[kind] + 1
    end
    return counts
end

-- The same through the reporter of a run of tests, for programs.
local function report_all(results, target, run)
    run.reporter:start()
    for _, result in ipairs(results) do
        run:checked(target, result)
    end
    run.reporter:finish(run, core.real_now() - run.started)
    return { passed = run.passed, failed = run.failed, skipped = run.pending }
end

--- Check `target` and print what came of it, or tell the reporter of `run`, if
--- there is one; `options` are those of atlas.conformance.run, of which filter
--- is a list.  Returns the exit status.
function M.run(target, options, run)
    local asked = { target = target }

    for key, value in pairs(options or {}) do
        asked[key] = value
    end
    for _, pattern in ipairs(asked.filter or {}) do
        if not pcall(string.find, "", pattern) then
            io.stderr:write(("atlas: '%s' is no pattern of Lua\n"):format(pattern))
            return USAGE
        end
    end
    local results, message = conformance.run(asked)
    if not results then
        io.stderr:write("atlas: ", message, "\n")
        return NOT_LOADED
    end
    local counts
    if run then
        counts = report_all(results, target, run)
    else
        counts = print_all(results)
        print(("\n%d passed, %d failed, %d skipped"):format(
            counts.passed, counts.failed, counts.skipped))
    end
    if counts.failed > 0 or counts.passed == 0 or (run and run.report_failed) then
        return FAILED
    end
    return 0
end

return M
