-- modules.lua - require and dofile in Lua, so that what they run may wait.

local c = require "atlas.patch.c"
local argument = require "atlas.patch.argument"

local error, loadfile, pairs, rawget, type, xpcall =
    error, loadfile, pairs, rawget, type, xpcall
local concat = table.concat
local original_require = require
local package, loaded = package, package.loaded

local M = {}

-- Lua 5.4 passes the loader where it was found and returns that, and has the
-- searchers' messages begin alike.
local is_new = package.searchers ~= nil
local SEARCHERS = is_new and "searchers" or "loaders"
local PREFIX = is_new and "\n\t" or ""

-- By name: what is being loaded, as {name, task, done, awaits, around}.  `done`
-- is an event once somebody waits; `awaits` is what its task waits for;
-- `around` is what the same task was loading when it began.
local loading = {}

-- -> loader, what it is called with; or nil, error.  Searchers are called by C,
-- so that their own errors don't begin with a line of this file.
local function find_loader(name)
    local searchers = package[SEARCHERS]
    local messages, i = {}, 0

    if type(searchers) ~= "table" then
        return nil, ("'package.%s' must be a table"):format(SEARCHERS), true
    end
    while true do
        i = i + 1
        local search = rawget(searchers, i)
        if search == nil then
            local text = "module '%s' not found:%s"
            return nil, text:format(name, concat(messages)), true
        end
        local ok, found, extra = xpcall(search, c.keep_trace, name)
        if not ok then
            return nil, found
        elseif type(found) == "function" then
            return found, extra
        elseif type(found) == "string" or type(found) == "number" then
            messages[#messages + 1] = PREFIX .. found
        end
    end
end

local function current()
    return original_require("atlas.task.core").current()
end

-- What is being loaded by `task`, the innermost.
local function innermost(task)
    local found

    for _, entry in pairs(loading) do
        if entry.task == task and (not found or entry.depth > found.depth) then
            found = entry
        end
    end
    return found
end

-- If waiting for `entry` would never end, the modules of the circle.
local function find_cycle(entry, task)
    local names, at = { entry.name }, entry

    while at and at.task ~= task do
        local inner = innermost(at.task)
        if inner ~= at then
            names[#names + 1] = inner.name
        end
        at = inner.awaits
        names[#names + 1] = at and at.name
    end
    if not at then
        return nil
    end
    local mine = innermost(task)
    local own = {}
    while mine and mine ~= at do
        own[#own + 1] = mine.name
        mine = mine.around
    end
    for i = #own, 1, -1 do
        names[#names + 1] = own[i]
    end
    names[#names + 1] = entry.name
    return concat(names, " -> ")
end

local function has_ended(entry)
    local status = entry.task and entry.task:status()

    return status == "done" or status == "failed" or status == "cancelled"
end

-- Another task, or code around this, loads the module: wait until it has.
local function wait_for(entry, level)
    local task = current()
    local cycle = find_cycle(entry, task)

    if cycle then
        error(
            ("loop or previous error loading module '%s': %s"):format(entry.name, cycle),
            level
        )
    elseif not task then
        error(("module '%s' is being loaded by a task"):format(entry.name), level)
    end
    local mine = innermost(task)
    entry.done = entry.done or original_require("atlas.sync.core").event()
    if mine then
        mine.awaits = entry
    end
    local ok, err = xpcall(entry.done.wait, c.keep_trace, entry.done)
    if mine then
        mine.awaits = nil
    end
    if not ok then
        error(err, 0)
    end
end

local function begin(name)
    local task = current()
    local around = innermost(task)
    local entry = {
        name = name,
        task = task,
        around = around,
        depth = around and around.depth + 1 or 1,
    }

    loading[name] = entry
    return entry
end

local function finish(entry)
    if loading[entry.name] == entry then
        loading[entry.name] = nil
    end
    if entry.done then
        entry.done:set()
    end
end

local function loaded_by(entry, extra, ok, value)
    local name = entry.name

    if ok then
        if value ~= nil then
            loaded[name] = value
        elseif loaded[name] == nil then
            loaded[name] = true
        end
    end
    finish(entry)
    if not ok then
        return error(value, 0)
    elseif is_new then
        return loaded[name], extra
    end
    return loaded[name]
end

function M.require(name)
    if type(name) == "number" then
        name = name .. ""
    elseif type(name) ~= "string" then
        argument.type_error(1, "require", "string", name)
    end
    while true do
        local value, entry = loaded[name], loading[name]
        if value then
            return value
        elseif not entry or has_ended(entry) then
            break
        end
        wait_for(entry, 3)
    end
    local entry = begin(name)
    local loader, extra, blame = find_loader(name)

    if not loader then
        finish(entry)
        error(extra, blame and 2 or 0)
    elseif is_new then
        return loaded_by(entry, extra, xpcall(loader, c.keep_trace, name, extra))
    end
    return loaded_by(entry, extra, xpcall(loader, c.keep_trace, name))
end

function M.dofile(name)
    if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then
        argument.type_error(1, "dofile", "string", name)
    end
    local chunk, err = loadfile(name)

    if not chunk then
        return error(err, 0)
    end
    return chunk()
end

return M
