-- check.lua - do the annotations tell of what there is, and of all of it?
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local M = {}

-- Modules that no user requires.
local internal = {
    ["atlas.boot"] = true,
    ["atlas.direct"] = true,
    ["atlas.errors"] = true, -- its classes are in `require "atlas"`
    ["atlas.lasgi"] = true,
    ["atlas.lifespan"] = true,
    ["atlas.mount"] = true,
    ["atlas.multi"] = true, -- C makes its objects
    ["atlas.patch"] = true,
    ["atlas.patch.argument"] = true,
    ["atlas.patch.c"] = true,
    ["atlas.patch.coroutine"] = true,
    ["atlas.patch.gsub"] = true,
    ["atlas.patch.modules"] = true,
    ["atlas.patch.sort"] = true,
    ["atlas.patch.text"] = true,
    ["atlas.urls"] = true,
    ["atlas.worker"] = true,
}

-- The tables of those classes that aren't the __index of their objects; but
-- for request.lua these are what the module returns.
local tables = {
    ["atlas.Application"] = atlas.Application,
    ["atlas.Request"] = atlas.Request.methods,
    ["atlas.Response"] = atlas.Response,
    ["atlas.Route"] = atlas.Route,
    ["atlas.Router"] = require "atlas.router",
}

-- A request that is not of any server; it has all that one may have.
local function make_request()
    local app, request = atlas.Application(), nil

    app:get("/", function(it)
        request = it
        return ""
    end)
    app({
        type = "http",
        method = "GET",
        path = "/",
        query_string = "a=1",
        headers = { { "host", "a" }, { "cookie", "a=1" } },
    }, atlas.checkpoint, atlas.checkpoint)
    return request
end

-- An object of each class that has methods or fields, by the class's name.
local samples = {
    ["atlas.Application"] = atlas.Application,
    ["atlas.Broadcast"] = atlas.broadcast,
    ["atlas.Cancelled"] = function()
        return require("atlas.errors").Cancelled.new "reason"
    end,
    ["atlas.Channel"] = atlas.channel,
    ["atlas.Converter"] = function()
        return { pattern = "%d+" }
    end,
    ["atlas.ConformanceOptions"] = function()
        return { target = atlas.checkpoint }
    end,
    ["atlas.ConformanceResult"] = function()
        return require("atlas.conformance").run({ target = atlas.checkpoint })[1]
    end,
    ["atlas.CookieOptions"] = function()
        return {}
    end,
    ["atlas.Error"] = function()
        local ch = atlas.channel()
        ch:close()
        return select(2, ch:recv())
    end,
    ["atlas.Event"] = atlas.event,
    ["atlas.Group"] = function()
        return atlas.group(function(g)
            return g
        end)
    end,
    ["atlas.GroupError"] = function()
        local _, err = pcall(atlas.group, function(g)
            g:spawn(error, "one", 0)
            g:spawn(error, "two", 0)
        end, { on_error = "collect" })
        return err
    end,
    ["atlas.HTTPError"] = function()
        return atlas.HTTPError(404)
    end,
    ["atlas.Headers"] = function()
        return make_request().headers
    end,
    ["atlas.JsonError"] = function()
        return select(2, require("atlas.json").decode "[1,")
    end,
    ["atlas.Limiter"] = function()
        return atlas.limiter { rate = 1 }
    end,
    ["atlas.Lock"] = atlas.lock,
    ["atlas.LogOptions"] = function()
        return {}
    end,
    ["atlas.Logger"] = function()
        return atlas.log.get_logger "name"
    end,
    ["atlas.Multi"] = function()
        return make_request().query
    end,
    ["atlas.Request"] = make_request,
    ["atlas.Response"] = atlas.text,
    ["atlas.Route"] = function()
        return atlas.Route("/", print)
    end,
    ["atlas.RouteOptions"] = function()
        return {}
    end,
    ["atlas.Router"] = function()
        return require "atlas.router" {}
    end,
    ["atlas.Semaphore"] = function()
        return atlas.semaphore(1)
    end,
    ["atlas.Singleflight"] = atlas.singleflight,
    ["atlas.Task"] = atlas.current,
    ["atlas.Var"] = atlas.var,
    ["atlas.TaskCancelled"] = function()
        return require("atlas.errors").TaskCancelled.new "reason"
    end,
    ["atlas.Timeout"] = function()
        return select(2, atlas.move_on(0, atlas.sleep, 1))
    end,
}

local problems

local function complain(where, ...)
    local place = where.file and ("%s:%d"):format(where.file, where.line or 1) or where.name
    problems[#problems + 1] = place .. ": " .. string.format(...)
end

local function is_public(name)
    return type(name) == "string" and not name:find "^_"
end

-- Of the functions in C those that wait have a Lua function around them; of
-- those in Lua nobody can tell.
local function check_async(entry, fn)
    local info = type(fn) == "function" and debug.getinfo(fn, "S")

    if not info then
        return
    elseif info.what == "C" and entry.async then
        complain(entry, "%s is @async, but never waits", entry.name)
    elseif info.source:find "/boot%.lua$" and not entry.async then
        complain(entry, "%s waits, but isn't @async", entry.name)
    end
end

local function check_types(all, entry, list)
    for _, item in ipairs(list) do
        for name in item.type:gmatch "atlas%.[%w_]+" do
            if not all.classes[name] then
                complain(entry, "there is no class %s", name)
            end
        end
    end
end

-- The arguments, their annotations, and some words on what it does.
local function check_entry(all, entry)
    local known, annotated = {}, {}

    if entry.private then
        return
    end
    for name in (entry.args or ""):gmatch "[%w_.]+" do
        known[name] = true
    end
    for _, param in ipairs(entry.params) do
        annotated[param.name] = true
        if entry.args and not known[param.name] then
            complain(entry, "%s has no argument '%s'", entry.name, param.name)
        end
    end
    for name in pairs(known) do
        if not annotated[name] then
            complain(entry, "argument '%s' of %s has no @param", name, entry.name)
        end
    end
    if #entry.text == 0 and not (entry.returns[1] and entry.returns[1].text ~= "") then
        complain(entry, "%s is not described", entry.name)
    end
    check_types(all, entry, entry.params)
    check_types(all, entry, entry.returns)
end

-- Compare a class's annotated functions with the table that really holds them.
local function check_table(all, class, real)
    local annotated = {}

    for _, field in ipairs(class.fields) do
        annotated[field.name:gsub("%?$", "")] = true
    end
    for _, entry in ipairs(class.calls) do
        check_entry(all, entry)
    end
    for _, entry in ipairs(class.functions) do
        annotated[entry.name] = true
        if real[entry.name] == nil then
            complain(entry, "there is no %s in %s", entry.name, class.name)
        end
        check_entry(all, entry)
        check_async(entry, real[entry.name])
    end
    for name, value in pairs(real) do
        local is_class = type(value) == "table" and all.classes["atlas." .. name]
        if is_public(name) and not annotated[name] and not is_class then
            complain(class, "%s.%s has no annotation", class.name, tostring(name))
        end
    end
end

-- What is set in an object at once, or found through its class.
local function check_fields(class, object)
    local static = type(atlas) == "table" and atlas[class.name:match "[%w_]+$"]

    for _, field in ipairs(class.fields) do
        local name, optional = field.name:gsub("%?$", "")
        local found = name:find "^%[" or object[name] ~= nil
            or type(static) == "table" and static[name] ~= nil
        if not found and optional == 0 and not field.type:find "%?$" then
            complain(class, "%s has no field '%s'", class.name, field.name)
        end
    end
end

-- Where the functions of a class are: in a table of its own, in each of its
-- objects, or where only the function __index knows.
local function get_table(class, object)
    local meta = debug.getmetatable(object)
    local index = meta and meta.__index

    if tables[class.name] or type(index) == "table" then
        return tables[class.name] or index
    elseif type(object) == "table" then
        return object
    end
    return setmetatable({}, { __index = object })
end

local function check_class(all, class)
    local make = samples[class.name]

    check_types(all, class, class.fields)
    if not make then
        complain(class, "no object of %s is made in tools/reference/check.lua", class.name)
        return
    end
    local object = make()
    check_fields(class, object)
    if #class.functions > 0 or type(object) == "userdata" then
        check_table(all, class, get_table(class, object))
    end
end

-- Is it a module that is a class, such as atlas.route, which has annotations?
local function is_class_module(all, name)
    local value = require(name)

    for class in pairs(all.classes) do
        if tables[class] and (tables[class] == value or tables[class] == value.methods) then
            return true
        end
    end
    return false
end

-- Each module and each type has annotations at all.
local function check_completeness(all)
    for name in pairs(package.preload) do
        local is_ours = name:find "^atlas%." and not name:find "%.core$"
            and not name:find "^atlas%.cli%." and not name:find "^atlas%.test%."
            and not name:find "^atlas%.conformance%."
            and not internal[name]
        if is_ours and not all.classes[name] and not is_class_module(all, name) then
            complain({ name = name }, "the module has no ---@class %s", name)
        end
    end
    for name in pairs(debug.getregistry()) do
        if type(name) == "string" and name:find "^atlas%.%u%w*$" and not all.classes[name] then
            complain({ name = name }, "the type has no ---@class")
        end
    end
    local documented = {}
    for _, class in ipairs(all.order) do
        for _, entry in ipairs(class.functions) do
            documented[entry.name] = documented[entry.name] or class.is_module or entry.static
        end
    end
    for _, field in ipairs(all.classes.atlas.fields) do
        documented[field.name] = true
    end
    for _, names in ipairs { atlas, debug.getmetatable(atlas).lazy } do
        for name in pairs(names) do
            if is_public(name) and not documented[name] and not all.classes["atlas." .. name] then
                complain({ name = "atlas" }, "atlas.%s has no annotation", name)
            end
        end
    end
end

--- What is wrong with the annotations, a line each.
function M.find_problems(all)
    problems = {}
    for _, class in ipairs(all.order) do
        if class.name == "atlas" then
            check_fields(class, atlas)
        elseif class.is_module then
            check_types(all, class, class.fields)
            check_fields(class, require(class.name))
            check_table(all, class, require(class.name))
        else
            check_class(all, class)
        end
    end
    check_completeness(all)
    table.sort(problems)
    return problems
end

return M
