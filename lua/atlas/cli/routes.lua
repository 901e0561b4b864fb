-- routes.lua - the main task of `atlas routes`: load an application and list
-- its routes.  Called by src/cli/routes.c with MODULE:ATTR; returns the exit
-- status.

local Application = require "atlas.application"
local load = require "atlas.cli.load"

local target = ...

local FAILED, NOT_LOADED = 1, 3

local unpack = table.unpack or unpack

local function fail(status, message)
    io.stderr:write("atlas: ", message, "\n")
    return status
end

-- Where a handler was written: "app/controllers.lua:12".
local function place_of(handler)
    local fn = type(handler) == "function" and handler or debug.getmetatable(handler).__call
    local info = debug.getinfo(fn, "S")

    if info.what == "C" then
        return "[C]"
    end
    return ("%s:%d"):format(info.short_src:gsub("^%./", ""), info.linedefined)
end

-- Append a row for each route of `app`, which is found at `host` (may be nil)
-- below `prefix`; then for those of what is mounted in it.
local function collect(rows, app, host, prefix)
    for _, route in ipairs(app.routes) do
        rows[#rows + 1] = {
            table.concat(route.methods, ","),
            (route.host or host or "") .. prefix .. route.path,
            route.name or "-",
            place_of(route.controller),
        }
    end
    for _, mount in ipairs(app.mounts) do
        local inner, below = mount.host or host, prefix .. mount.path:gsub("/$", "")
        if mount.app then
            collect(rows, mount.app, inner, below)
        else -- a LASGI callable: what it answers only it knows
            rows[#rows + 1] = { "*", (inner or "") .. below .. "/*", "-", place_of(mount.lasgi) }
        end
    end
    return rows
end

-- Print the rows, each column as wide as its widest cell.
local function print_rows(rows)
    local widths = { 0, 0, 0 }

    for _, row in ipairs(rows) do
        for i in ipairs(widths) do
            widths[i] = math.max(widths[i], #row[i])
        end
    end
    local form = ("%%-%ds  %%-%ds  %%-%ds  %%s"):format(unpack(widths))
    for _, row in ipairs(rows) do
        print(form:format(unpack(row)))
    end
end

local function main()
    local app, message = load.app(target)

    if not app then
        return fail(NOT_LOADED, message)
    elseif getmetatable(app) ~= Application then
        return fail(FAILED, ("'%s' is no atlas.Application, which alone has routes"):format(target))
    end
    print_rows(collect({}, app, nil, ""))
    return 0
end

local status = main()
-- What the application's modules have spawned ends here.
require("atlas.task.core").cancel_children()
return status
