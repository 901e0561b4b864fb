-- runs.lua - the ways in which an application is called: each once, and what
-- came of it is kept for the checks.

local driver = require "atlas.conformance.application.driver"
local sync = require "atlas.sync"
local task = require "atlas.task"

local M = {}

local EXTENSIONS = {
    "http.response.pathsend", "http.response.informational", "http.response.trailers",
}

local function copy(from)
    local to = {}

    for key, value in pairs(from) do
        to[key] = value
    end
    return to
end

-- A scope as a server makes one; `fields` are set in it.
local function new_scope(state, fields)
    local scope = {
        type = "http",
        lasgi = { version = "1.0", spec_version = "1.0" },
        asgi = { version = "3.0", spec_version = "2.3" },
        http_version = "1.1", method = "GET", scheme = "http", path = "/", raw_path = "/",
        query_string = "", root_path = "",
        headers = { { "host", "lasgi.example" }, { "user-agent", "lasgi-conformance" } },
        client = { "127.0.0.1", 49152 }, server = { "127.0.0.1", 8000 },
        state = copy(state), extensions = {},
    }

    for _, name in ipairs(EXTENSIONS) do
        scope.extensions[name] = {}
    end
    for key, value in pairs(fields or {}) do
        scope[key] = value
    end
    return scope
end

local function with_length(n)
    return {
        { "host", "lasgi.example" }, { "content-type", "application/octet-stream" },
        { "content-length", tostring(n) },
    }
end

local BODY = "0123456789"

-- The runs in which the client stays, and is to get a whole response.
local function add_whole(add, path)
    for _, method in ipairs { "GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS" } do
        add { name = method .. " " .. path, fields = { method = method, path = path } }
    end
    add { name = "GET again", fields = { path = path } }
    add { name = "GET with unknown keys", unknown_key = "unknown", fields = {
        path = path, ["x.unknown"] = { a = 1 },
    } }
    add { name = "GET of a path that can't be", fields = {
        path = "/no/such\255/path \1", raw_path = "/no/such%FF/path%20%01",
    } }
    add { name = "GET with a query", fields = { path = path, query_string = "a=%zz&&=&b" } }
    add { name = "GET by HTTP/1.0", fields = {
        path = path, http_version = "1.0", headers = {},
    } }
    add { name = "GET on a unix socket", fields = {
        path = path, server = { "/run/lasgi.sock" },
    }, no_client = true }
    add { name = "GET without extensions", fields = { path = path, extensions = {} } }
    local post = { method = "POST", path = path, headers = with_length(#BODY) }
    add { name = "POST of no body", body = { "" }, fields = {
        method = "POST", path = path, headers = with_length(0),
    } }
    add { name = "POST in one piece", body = { BODY }, fields = post }
    add { name = "POST in one piece again", body = { BODY }, fields = post }
    local pieces = { "" }
    for c in BODY:gmatch "." do
        pieces[#pieces + 1] = c
    end
    pieces[#pieces + 1] = ""
    add { name = "POST in many pieces", body = pieces, fields = post }
end

-- Those in which the client leaves.
local function add_leaving(add, path)
    local post = { method = "POST", path = path, headers = with_length(100) }

    add { name = "a client that has gone before", gone = true, fields = { path = path } }
    add { name = "a client that leaves inside the body", body = { "some" }, leaves_in_body = true,
        fields = post }
    add { name = "a client that leaves behind the body", leaves_behind_body = true,
        fields = { path = path } }
    add { name = "a client that leaves before the response", leaves_at_send = 0,
        fields = { path = path } }
    add { name = "a client that leaves inside the response", leaves_at_send = 1,
        fields = { path = path } }
end

local Runs = {}
Runs.__index = Runs

--- A run by its name.
function Runs:get(name)
    return self.by_name[name]
end

local function run_one(self, run)
    local scope = new_scope(self.state, run.fields)

    if run.no_client then
        scope.client = nil
    end
    local record = driver.call(self.app, {
        name = run.name, scope = scope, body = run.body, gone = run.gone, gate = run.gate,
        leaves_in_body = run.leaves_in_body, leaves_behind_body = run.leaves_behind_body,
        leaves_at_send = run.leaves_at_send, unknown_key = run.unknown_key,
    }, self.seconds)
    self.by_name[run.name] = record
    return record
end

-- A request whose body's end keeps us waiting, and one that comes meanwhile.
local function run_together(self, path)
    local gate = sync.event()
    local first = task.spawn(run_one, self, {
        name = "a POST that waits for its body", body = { "01234", "56789" }, gate = gate,
        fields = { method = "POST", path = path, headers = with_length(10) },
    })

    task.sleep(0.01)
    self.together = { run_one(self, { name = "a GET meanwhile", fields = { path = path } }) }
    gate:set()
    self.together[2] = first:await()
end

--- Call `app`, whose lifespan has filled in `state`, in every way; no call may
--- take more than `seconds`.
function M.new(app, state, paths, seconds)
    local self = setmetatable({
        app = app, state = state, seconds = seconds, by_name = {}, whole = {}, leaving = {},
    }, Runs)

    for _, path in ipairs(paths) do
        add_whole(function(run)
            self.whole[#self.whole + 1] = run_one(self, run)
        end, path)
        add_leaving(function(run)
            self.leaving[#self.leaving + 1] = run_one(self, run)
        end, path)
        run_together(self, path)
    end
    self.unknown = driver.call(app, {
        name = "a scope of an unknown type", gone = true, scope = new_scope(state, {
            type = "lasgi.unknown",
        }),
    }, seconds)
    return self
end

--- All recordings of requests, in order.
function Runs:all()
    local all = {}

    for _, list in ipairs { self.whole, self.leaving, self.together } do
        for _, record in ipairs(list) do
            all[#all + 1] = record
        end
    end
    return all
end

M.new_scope = new_scope

return M
