-- init.lua - require "atlas": the names that people type most.

-- `original` is Lua's own library as it was before Atlas made it wait:
-- original.coroutine.resume, original.table.sort, original.require.

---@class atlas: atlas.task, atlas.supervise, atlas.scope, atlas.group, atlas.sync, atlas.var, atlas.thread
---@field Application atlas.Application
---@field Route atlas.Route
---@field Request atlas.Request
---@field Response atlas.Response
---@field HTTPError atlas.HTTPError
---@field converter fun(name: string, converter: atlas.Converter)
---@field templates atlas.templates
---@field middleware atlas.middleware
---@field json atlas.json
---@field log atlas.logging
---@field html fun(text: string, status?: integer): atlas.Response
---@field text fun(text: string, status?: integer): atlas.Response
---@field redirect fun(url: string, status?: integer): atlas.Response
---@field file fun(path: string, options?: table): atlas.Response
---@field stream fun(fn: fun(write: function), options?: table): atlas.Response
---@field abort fun(status: integer, message?: string, headers?: table)
---@field original table
local M = { original = require("atlas.patch").original }

for _, module in ipairs {
    "atlas.task", "atlas.supervise", "atlas.scope", "atlas.group", "atlas.sync", "atlas.var",
    "atlas.thread",
} do
    for name, value in pairs(require(module)) do
        M[name] = value
    end
end

-- The framework is loaded when it is first asked for: scripts and LASGI
-- applications do without it.
local framework = {
    Application = { "atlas.application" },
    Route = { "atlas.route" },
    Request = { "atlas.request" },
    Response = { "atlas.response" },
    HTTPError = { "atlas.errors", "HTTPError" },
    converter = { "atlas.application", "converter" },
    templates = { "atlas.templates" },
    middleware = { "atlas.middleware" },
    json = { "atlas.json" },
    log = { "atlas.logging" },
}

for _, name in ipairs { "html", "text", "redirect", "file", "stream", "abort" } do
    framework[name] = { "atlas.response", name }
end

return setmetatable(M, {
    lazy = framework,
    __index = function(_, name)
        local place = framework[name]

        if not place then
            return nil
        end
        local value = require(place[1])
        value = place[2] and value[place[2]] or value
        M[name] = value
        return value
    end,
})
