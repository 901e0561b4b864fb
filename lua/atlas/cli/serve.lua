-- serve.lua - the main task of `atlas serve`: load, start, listen, drain.
-- Called by src/cli/serve.c with the options of the command line and of the
-- environment (lists by name), the kinds of settings, the target and a function
-- that waits for a signal to stop.  Returns the exit status.

local group = require "atlas.group"
local lifespan = require "atlas.lifespan"
local load = require "atlas.cli.load"
local logging = require "atlas.logging"
local server_core = require "atlas.server.core"
local task = require "atlas.task"
local task_core = require "atlas.task.core"
local thread_core = require "atlas.thread.core"

local arguments, environment, kinds, target, wait_stop = ...

local FAILED, NOT_LOADED = 1, 3

local function fail(status, message)
    io.stderr:write("atlas: ", message, "\n")
    return status
end

local repeatable = { host = true, unix = true, log_level = true }

-- Why a setting of the configuration module can't be taken, or nil.
local function what_is_wrong(setting, kind, may_be_list)
    if setting == nil or (may_be_list and type(setting) == "table") then
        return nil
    elseif type(setting) ~= kind then
        return ("must be a %s, not a %s"):format(kind, type(setting))
    elseif kind == "number" and not (setting >= 0 and setting < 2 ^ 53) then -- luacheck: ignore 581
        return "must not be negative"
    end
end

-- Options, then the environment, then the configuration module.
local function load_settings()
    local config = {}
    local name = (arguments.config or environment.config or {})[1]

    if name then
        local value, message = load.module(name)
        if message then
            return nil, message
        end
        if type(value) ~= "table" then
            local text = "configuration module '%s' returns a %s, not a table"
            return nil, text:format(name, type(value))
        end
        for key, kind in pairs(kinds) do
            local wrong = what_is_wrong(value[key], kind, repeatable[key])
            if wrong then
                return nil, ("configuration module '%s': '%s' %s"):format(name, key, wrong)
            end
        end
        config = value
        local merged = require "atlas.config"
        for key, setting in pairs(value) do
            merged[key] = setting
        end
    end
    return setmetatable({}, {
        __index = function(_, key)
            local list = arguments[key] or environment[key]
            if list then
                return list[#list]
            end
            return config[key]
        end,
        __call = function(_, key) -- all values of an option that may be repeated
            local value = arguments[key] or environment[key] or config[key]
            return type(value) == "table" and value or { value }
        end,
    })
end

local function open_log(settings)
    local ok, err = logging.configure {
        stream = "stdout",
        file = settings.log_file,
        format = settings.log_format,
        full = settings.log_full,
        buffer = settings.log_buffer,
        level = settings "log_level",
    }
    if not ok and type(err) == "table" then
        return nil, "cannot open the log file " .. tostring(err)
    end
    return ok, err
end

-- Listen on all addresses; returns their URLs, or nil and a message.
local function listen(server, settings)
    local urls, backlog = {}, settings.backlog_connections or 128
    local sockets = settings "unix"
    local hosts = settings "host"

    for _, path in ipairs(sockets) do
        local url, err = server:listen_unix(path, backlog)
        if not url then
            return nil, "cannot listen on " .. tostring(err)
        end
        urls[#urls + 1] = url
    end
    if #hosts == 0 and #sockets == 0 then
        hosts = { "127.0.0.1" }
    end
    for _, host in ipairs(hosts) do
        local url, err = server:listen(host, settings.port or 8000, backlog)
        if not url then
            return nil, "cannot listen on " .. tostring(err)
        end
        urls[#urls + 1] = url
    end
    return urls
end

-- Wait until the tasks that nobody owns (requests, detached ones) have ended;
-- behind `seconds` cancel those that are left and give them one more.
local function drain_tasks(seconds)
    local function wait_until(deadline)
        while task_core.others() > 0 and task.now() < deadline do
            task.sleep(0.005)
        end
    end

    wait_until(task.now() + seconds)
    task_core.cancel_others()
    wait_until(task.now() + 1)
end

-- Connections first, then what goes on without one, then the application;
-- together no longer than the setting allows, and a second for the last.
local function stop(server, life, settings, signal)
    local deadline = task.now() + (settings.drain or 30)

    local function left()
        return math.max(0, deadline - task.now())
    end

    -- A terminal's Ctrl-C is somebody who waits; a supervisor's SIGTERM comes
    -- while clients may have a request on the wire.
    local drained = server:drain(left(), signal == "SIGINT")
    drain_tasks(left())
    if not drained then
        server:abort()
        server:drain(1, true)
    end
    thread_core.grace(left()) -- for calls that nobody waits for any more
    return life:stop(math.max(1, left()))
end

-- The application's start-up, which a signal may end.
local function start(app, state)
    local life = lifespan.open(app, state)
    local first, ok, message = group.race {
        function()
            return life:start()
        end,
        wait_stop,
    }
    if first == 2 then
        life:abandon()
        return nil, nil, ok
    elseif not ok then
        life:abandon()
        return nil, message
    end
    return life
end

local function main()
    local settings, message = load_settings()
    if not settings then
        return fail(NOT_LOADED, message)
    end
    local app, opened
    opened, message = open_log(settings)
    if not opened then
        return fail(NOT_LOADED, message)
    end
    thread_core.configure(settings.threads, settings.thread_memory)
    app, message = load.app(target)
    if not app then
        return fail(NOT_LOADED, message)
    end
    local state = {}
    local life
    local stopped
    life, message, stopped = start(app, state)
    if stopped then
        io.stderr:write("atlas: stopped by ", stopped, " while starting\n")
        return 0
    elseif not life then
        return fail(NOT_LOADED, "the application has not started: " .. tostring(message))
    end
    local server = server_core.new(app, state, settings)
    local urls
    server_core.watch(settings.block_ms) -- from here on others wait
    urls, message = listen(server, settings)
    if not urls then
        server:drain(0, true)
        life:stop(settings.drain or 30)
        return fail(NOT_LOADED, message)
    end
    print("Serving on " .. table.concat(urls, " "))
    io.stdout:flush()
    local ok
    ok, message = stop(server, life, settings, wait_stop())
    if not ok then
        return fail(FAILED, "the application's shutdown failed: " .. tostring(message))
    end
    return 0
end

local status = main()
-- What the application's modules have spawned ends with the server.
require("atlas.task.core").cancel_children()
return status
