-- conformance.lua - does an application, or a server, keep LASGI?

local expect = require "atlas.conformance.expect"
local scope = require "atlas.scope"

--- Is it LASGI? Checks an application, or a server that runs, against every
--- sentence of the [contract](../design/lasgi.md). `atlas test --lasgi` is this
--- module at the command line.
---@class atlas.conformance
local M = {}

--- What came of one check, and the sentence that it proves.
---@class atlas.ConformanceResult
---@field section string  of the contract, "HTTP scope"
---@field sentence string  as the contract has it
---@field name string  the check: "path is decoded once"
---@field ok boolean  true also if it was skipped
---@field skipped boolean?  it couldn't be made; `message` tells why
---@field message string?  what is wrong, or why it was skipped

--- What is checked, and how.
---@class atlas.ConformanceOptions
---@field target any  an application: something that can be called, or "MODULE:ATTR"; or the URL
--- of a server that serves the probe, "http://HOST:PORT" or "unix:PATH"
---@field filter (string|string[])?  a pattern, or several: only checks whose section, name or
--- sentence one matches
---@field paths string[]?  what an application is asked for; "/"
---@field timeout number?  seconds that an application may take for one request; 5
---@field patience number?  seconds to wait for a server to give up on a body that is slow; without
--- it that isn't tried

local CHECK_LIMIT = 60 -- seconds for one check of a server

local function words(text)
    return (text:gsub("^.*%.", ""):gsub("_", " "))
end

-- A row of the table that has checks for `side`, or a reason why not.
local function results_of(row, section, side)
    local list = {}

    for name in (row[side] or ""):gmatch "%S+" do
        list[#list + 1] = { section = section, sentence = row[1], name = words(name), check = name }
    end
    if side == "server" and row.server_why then
        list[#list + 1] = {
            section = section, sentence = row[1], name = "seen from outside", why = row.server_why,
        }
    end
    return list
end

-- Does the result match one of the patterns?
local function matches(result, filter)
    local patterns = type(filter) == "table" and filter or { filter }

    for _, pattern in ipairs(patterns) do
        if result.section:find(pattern) or result.name:find(pattern)
            or result.sentence:find(pattern) then
            return true
        end
    end
    return #patterns == 0
end

-- All checks of a side, in the order of the contract.
local function list_checks(side, filter)
    local list = {}

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            for _, result in ipairs(results_of(row, group.section, side)) do
                if matches(result, filter) then
                    list[#list + 1] = result
                end
            end
        end
    end
    return list
end

-- Make a check, which raises if it fails or is skipped.
local function make(result, check, context)
    local passed, err = scope.move_on(CHECK_LIMIT, function()
        local ok, raised = pcall(check, context)
        return ok or { raised = raised }
    end)

    result.check = nil
    if not passed then
        result.ok, result.message = false, ("it takes more than %d s"):format(CHECK_LIMIT)
        return
    end
    local raised = type(err) == "table" and err.raised
    local reason = raised and expect.skipped(raised)
    result.ok = not raised or reason ~= nil
    result.skipped = reason and true or nil
    result.message = reason or raised and tostring(raised) or nil
end

local function skip(result, why)
    result.ok, result.skipped, result.message, result.why = true, true, why, nil
end

local function check_server(url, options)
    local context, message = require("atlas.conformance.server.context").new(url, options.patience)
    if not context then
        return nil, message
    end
    message = context:greet()
    if message then
        return nil, message
    end
    local list = list_checks("server", options.filter)
    for _, result in ipairs(list) do
        if result.why then
            skip(result, result.why)
        else
            local file, name = result.check:match "^(%w+)%.([%w_]+)$"
            make(result, require("atlas.conformance.server." .. file)[name], context)
            context:close_all()
        end
    end
    return list
end

local function check_application(app, options)
    local seconds, paths = options.timeout or 5, options.paths or { "/" }
    local life = require("atlas.conformance.application.lifespan").start(app, seconds)
    local checks = require "atlas.conformance.application.checks"
    local context = {
        paths = paths, lifespan = life,
        runs = require("atlas.conformance.application.runs").new(app, life.state, paths, seconds),
        websocket = require("atlas.conformance.application.websocket").call(
            app, life.state, paths[1], seconds),
    }

    life:stop()
    local list = list_checks("app", options.filter)
    for _, result in ipairs(list) do
        make(result, checks[result.check], context)
    end
    return list
end

--- Check an application in process, by a strict server; or a server from
--- outside, over sockets, by what the probe that it serves reports
--- (`atlas serve atlas.conformance.probe:app`).
---
--- ```lua
--- local conformance = require "atlas.conformance"
---
--- local function app(scope, _, send)
---     if scope.type ~= "http" then return end
---     send { type = "http.response.start", status = 200 }
---     send { type = "http.response.body", body = "Hello!", more_body = "no" }
--- end
---
--- for _, result in ipairs(conformance.run { target = app, filter = "Keys and types" }) do
---     print(result.name, result.ok and "ok" or result.message:match "^(.-) %(")
--- end
--- ```
--- ```text
--- bodies are strings	ok
--- flags are booleans	GET /: http.response.body: more_body is a string
--- ```
---@async
---@param options atlas.ConformanceOptions
---@return atlas.ConformanceResult[]? results  in the order of the contract
---@return string? message  why nothing could be checked
function M.run(options)
    local target = options.target

    if type(target) ~= "string" then
        return check_application(target, options)
    elseif target:find "^%a+://" or target:find "^unix:" then
        return check_server(target, options)
    end
    local app, message = require("atlas.cli.load").app(target)
    if not app then
        return nil, message
    end
    return check_application(app, options)
end

return M
