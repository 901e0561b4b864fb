-- test.lua - the main task of `atlas test`.  Called by src/cli/test.c with the
-- options, of which paths is a list; returns the exit status.

local options = ...

local asserts = require "atlas.test.asserts"
local core = require "atlas.test.core"
local files = require "atlas.test.files"
local runner = require "atlas.test.runner"
local session = require "atlas.test.session"
local vocabulary = require "atlas.test"

local FAILED, NOT_LOADED = 1, 3

local function complain(message)
    io.stderr:write("atlas: ", message, "\n")
end

local function new_reporter()
    local reporter

    if options.output == "tap" then
        reporter = require("atlas.test.tap").new()
    else
        local colors = core.is_terminal() and os.getenv "NO_COLOR" == nil
        reporter = require("atlas.test.plain").new(options, colors)
    end
    if options.junit then
        reporter = require("atlas.test.junit").new(options.junit, reporter)
    end
    return reporter
end

-- The words of tests, as globals.
local function set_globals()
    for name, fn in pairs(vocabulary) do
        if name ~= "is_virtual" then
            _G[name] = fn
        end
    end
    asserts.install()
end

local function run_files(run, paths)
    if options.shuffle then
        paths = require("atlas.test.select").shuffle(paths, run.seed, "")
    end
    for _, path in ipairs(paths) do
        if run.stop then
            return
        end
        run.file = path
        runner.run_file(run, path)
    end
end

local function run_rounds(run, paths)
    local seed = run.seed

    for round = 1, options["repeat"] do
        if options["repeat"] > 1 and not options.list then
            run.seed = seed + round - 1
            run.reporter:round(round, run.seed)
        end
        run_files(run, paths)
        if run.stop or options.list then
            return
        end
    end
end

local function status_of(run)
    if run.load_failed then
        return NOT_LOADED
    elseif run.failed > 0 or run.report_failed then
        return FAILED
    elseif run.passed + run.pending == 0 then
        complain "no test was found"
        return FAILED
    end
    return 0
end

-- Is it LASGI?  For people there is a report of its own.
local function check_lasgi()
    local run

    if options.output == "tap" or options.junit then
        run = session.new(options, new_reporter(), 0)
        run.started = core.real_now()
    end
    return require("atlas.cli.lasgi").run(options.lasgi, {
        filter = options.filter,
        paths = options.path[1] and options.path,
        patience = options.patience > 0 and options.patience or nil,
    }, run)
end

local function main()
    if options.lasgi then
        return check_lasgi()
    end
    core.frame(require("atlas.task").current())
    local paths, message = files.find(options.paths)

    if not paths then
        complain(message)
        return NOT_LOADED
    end
    set_globals()
    local run = session.new(options, new_reporter(), options.seed)
    local started = core.real_now()
    if options.list then
        run_rounds(run, paths)
        return status_of(run)
    end
    run.reporter:start()
    run_rounds(run, paths)
    run.reporter:finish(run, core.real_now() - started)
    return status_of(run)
end

return main()
