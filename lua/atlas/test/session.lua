-- session.lua - one run of tests: its options, what came of it, who reports.

local M = {}
M.__index = M

--- A run with these options and this seed, which tells `reporter`.
function M.new(options, reporter, seed)
    return setmetatable({
        options = options,
        reporter = reporter,
        seed = seed,
        passed = 0,
        failed = 0,
        pending = 0,
        load_failed = false,
        stop = false,
    }, M)
end

-- "" quoted for a shell.
local function quote(text)
    if text ~= "" and not text:find "[^%w_./:=-]" then
        return text
    end
    return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- The command that runs this test again, in the same order of tasks.
local function replay(self, test)
    local words = { "atlas test --seed " .. ("%d"):format(self.seed) }

    if self.options.clock == "virtual" then
        words[#words + 1] = "--clock virtual"
    end
    words[#words + 1] = "--name " .. quote(test.full_name)
    words[#words + 1] = quote(test.file or test.path)
    return table.concat(words, " ")
end

local function fail(self, result)
    self.failed = self.failed + 1
    result.status = "failed"
    if self.options["fail-fast"] then
        self.stop = true
    end
end

--- A test has ended.
function M:ended(test, state)
    local result = {
        name = test.full_name,
        path = test.path,
        line = test.line,
        file = self.file,
        took = state.took or 0,
        failures = state.failures,
    }

    if test.options.clock == "virtual" then
        result.passed = state.passed
    end
    if #state.failures > 0 then
        fail(self, result)
        test.file = self.file
        result.replay = replay(self, test)
    elseif state.pending then
        self.pending = self.pending + 1
        result.status, result.reason = "pending", state.pending
    else
        self.passed = self.passed + 1
        result.status = "passed"
    end
    self.reporter:test(result)
end

--- Something around tests has failed: a block's body, its setup or teardown.
function M:broken(block, failure)
    local name = block.full_name ~= "" and block.full_name or block.path
    local result = {
        name = failure.what and name .. ": " .. failure.what or name,
        path = block.path,
        line = block.line,
        file = self.file,
        took = 0,
        failures = { failure },
    }

    fail(self, result)
    self.reporter:test(result)
end

--- A file could not be loaded.
function M:not_loaded(path, message)
    self.load_failed = true
    self:broken({ full_name = path, path = path }, { message = message })
end

--- A check of atlas.conformance has ended: it counts as a test.
function M:checked(target, check)
    local result = {
        name = check.section .. ": " .. check.name,
        path = target,
        file = target,
        took = 0,
        failures = {},
        status = "passed",
    }

    if check.skipped then
        self.pending = self.pending + 1
        result.status, result.reason = "pending", check.message
    elseif check.ok then
        self.passed = self.passed + 1
    else
        result.failures[1] = { message = ("LASGI: %s\n%s"):format(check.sentence, check.message) }
        fail(self, result)
    end
    self.reporter:test(result)
end

--- --list has found a test.
function M:listed(test)
    self.passed = self.passed + 1
    print(("%s:%d: %s"):format(test.path, test.line, test.full_name))
end

--- "N passed, N failed", and what is pending.
function M:count()
    local text = ("%d passed, %d failed"):format(self.passed, self.failed)

    return self.pending > 0 and ("%s, %d pending"):format(text, self.pending) or text
end

return M
