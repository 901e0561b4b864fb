-- direct.lua - an Application that is called with a LASGI scope: by LASGI
-- middleware around it, by a test, by hand.

local core = require "atlas.application.core"
local keep_trace = require("atlas.scope.core").keep_trace
local middleware = require "atlas.middleware"
local requests = require "atlas.request"
local response = require "atlas.response"

local error, ipairs, tostring, type = error, ipairs, tostring, type
local xpcall = xpcall

local M = {}

-- --- lifespan ---

-- The applications below `app`, itself first, each one once.
local function all_apps(app, list, seen)
    if not seen[app] then
        seen[app] = true
        list[#list + 1] = app
        for _, inner in ipairs(app.mounts) do
            if inner.app then
                all_apps(inner.app, list, seen)
            end
        end
    end
    return list
end

local function start(app, state)
    for _, one in ipairs(all_apps(app, {}, {})) do
        for _, fn in ipairs(one.startup) do
            fn(state)
        end
    end
end

-- In reverse; what fails doesn't keep the others from running.
local function stop(app, state)
    local apps, failures = all_apps(app, {}, {}), {}

    for i = #apps, 1, -1 do
        local hooks = apps[i].shutdown
        for k = #hooks, 1, -1 do
            local ok, err = xpcall(hooks[k], debug.traceback, state)
            if not ok then
                failures[#failures + 1] = tostring(err)
            end
        end
    end
    if #failures > 0 then
        error(table.concat(failures, "\n"), 0)
    end
end

--- Answer a lifespan scope.
---@param app atlas.Application
function M.lifespan(app, scope, receive, send)
    local state = scope.state or {}

    for _, kind in ipairs { "startup", "shutdown" } do
        receive()
        local ok, err
        if kind == "startup" then
            ok, err = xpcall(start, debug.traceback, app, state)
        else
            ok, err = pcall(stop, app, state)
        end
        if not ok then
            send { type = "lifespan." .. kind .. ".failed", message = tostring(err) }
            return
        end
        send { type = "lifespan." .. kind .. ".complete" }
    end
end

-- --- requests ---

local function check_scope(scope)
    for _, key in ipairs { "method", "path" } do
        if type(scope[key]) ~= "string" then
            error(("scope.%s: a string expected, got %s"):format(key, type(scope[key])), 4)
        end
    end
end

-- The request that a scope means.  Middleware may have set its fields: what
-- counts is `path`, of which `raw_path` only tells how it was written.
local function to_request(app, scope, receive)
    check_scope(scope)
    local request = core.direct(app.core, scope.method, core.raw_path(scope.path, scope.raw_path),
        scope.query_string or "", scope.headers or {}, scope.root_path or "")
    local client = scope.client

    requests.receivers[request] = receive
    request.scope = scope
    request.state = scope.state or {}
    request.client = client
        and { client[1], client[2], host = client[1], port = client[2] }
    if scope.http_version then
        request.http_version = scope.http_version
    end
    if scope.scheme and scope.scheme ~= "http" then
        request.scheme = scope.scheme
        request.url = request.url:gsub("^http", scope.scheme, 1)
    end
    return request
end

--- Answer an http scope.
---@param app atlas.Application
function M.http(app, scope, receive, send)
    local request = to_request(app, scope, receive)
    local ok, result = xpcall(core.entry(request), keep_trace, request)

    if not ok then
        local err = result
        result = middleware.handle_error(request, err)
        if not result then
            error(err, 0)
        end
    end
    return response.deliver(result, send, scope.extensions, core.serving())
end

return M
