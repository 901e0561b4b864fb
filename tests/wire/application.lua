-- application.lua - the same as app.lua through atlas.Application: natively
-- where an Application can say it; what only LASGI can say is mounted.
-- SPDX-License-Identifier: MIT

local atlas = require("atlas")
local wire = require("tests.wire.app")

local Response = atlas.Response
local DATA = os.getenv("WIRE_DATA") or "tests/wire/data"
local ALL = {methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}}

local app = atlas.Application()

local function note(request, text)
    io.stderr:write("wire ", request.query.id or "-", " ", text, "\n")
end

-- As LASGI's face sends it: without a charset.
local function text(body, status, headers)
    headers = headers or {}
    headers["content-type"] = "text/plain"
    return Response(body, nil, status, headers)
end

local function sleep_ms(request)
    atlas.sleep(tonumber(request.query.ms or 0) / 1000)
end

local function any(path, handler)
    app:route(path, handler, ALL)
end

-- Requests: what reaches the application.

any("/plaintext", function()
    return text("Hello, World!")
end)

local FIELDS = {
    "method", "path", "raw_path", "query_string", "http_version", "scheme", "root_path",
}

local function show_scope(request)
    local lines = {}
    for _, name in ipairs(FIELDS) do
        lines[#lines + 1] = name .. ": " .. tostring(request[name])
    end
    for name, value in request.headers:each() do
        lines[#lines + 1] = "header " .. name .. ": " .. value
    end
    return table.concat(lines, "\n") .. "\n"
end

any("/", show_scope)
any("/scope", show_scope)

any("/header", function(request)
    local values = {}
    for i, value in ipairs(request.headers:all(request.query_string)) do
        values[i] = "[" .. value .. "]"
    end
    return table.concat(values)
end)

-- Bodies.

local function read_body(request)
    local body, err = request:body()
    if not body then
        note(request, "receive http.disconnect")
    end
    return body, err
end

any("/echo", function(request)
    local body, err = read_body(request)
    if not body then
        return nil, err
    end
    return Response(body, "application/octet-stream")
end)

any("/length", function(request)
    local total = 0
    for piece in request:stream() do
        total = total + #piece
    end
    return tostring(total)
end)

any("/noread", function()
    return "ok"
end)

any("/late-read", function(request)
    sleep_ms(request)
    return assert(request:body())
end)

-- Responses.

any("/status/{code:int}", function(request, code)
    return text(request.query.body, code, {["content-length"] = request.query.length})
end)

any("/path/{rest:path}", function(request)
    return request.path .. "\n" .. request.raw_path
end)

any("/chunked", function()
    return atlas.stream(function(write)
        write("one,")
        write("two,")
        write("three")
    end, {headers = {["content-type"] = "text/plain"}})
end)

any("/stream", function(request)
    local piece = ("x"):rep(tonumber(request.query.size))
    return atlas.stream(function(write)
        for _ = 1, tonumber(request.query.n) do
            if not write(piece) then
                return
            end
        end
    end, {headers = {["content-type"] = "text/plain"}})
end)

any("/paced", function(request)
    local piece = ("x"):rep(65536)
    return atlas.stream(function(write)
        local began = atlas.now()
        for _ = 1, 512 do
            write(piece)
        end
        note(request, "paced " .. tostring(atlas.now() - began > 0.2))
    end)
end)

any("/head-length", function(request)
    return text(request.method == "HEAD" and "" or "12345", 200, {["content-length"] = 5})
end)

any("/length-stream", function()
    return atlas.stream(function(write)
        write("abc")
        write("def")
    end, {headers = {["content-length"] = "6"}})
end)

any("/wrong-length-short", function()
    return text("abc", 200, {["content-length"] = 10})
end)

any("/wrong-length-long", function()
    return text("abcdefghij", 200, {["content-length"] = 3})
end)

any("/headers", function()
    return Response("headers", nil, 200, {
        {"X-MiXeD", "Case"}, {"set-cookie", "a=1"}, {"x-empty", ""}, {"set-cookie", "b=2"},
        {"x-latin", "caf\233"},
    })
end)

any("/closes", function()
    return text("closing", 200, {Connection = "close"})
end)

any("/date", function()
    return text("dated", 200, {Date = "Thu, 01 Jan 1970 00:00:00 GMT"})
end)

any("/file", function()
    local response = atlas.file(DATA .. "/fox.txt")
    response.headers["content-type"] = "text/plain"
    return response
end)

any("/empty-file", function()
    return atlas.file(DATA .. "/empty.txt")
end)

-- Errors.

any("/raise", function(request)
    error("wire-raise " .. (request.query.id or ""))
end)

any("/raise-table", function()
    error({code = "EWIRE"})
end)

any("/raise-nil", function()
    error()
end)

any("/nothing", function() end)

any("/raise-late", function(request)
    return atlas.stream(function(write)
        write("begun")
        error("wire-raise-late " .. (request.query.id or ""))
    end)
end)

any("/bad-header", function()
    return text("recovered")
end)

-- Clients that leave.

any("/slow", function(request)
    local ok, err = pcall(sleep_ms, request)
    note(request, ok and "slept" or "cancelled " .. tostring(err.code))
    if not ok then
        error(err, 0)
    end
    return "slow"
end)

any("/forever", function(request)
    local piece = ("x"):rep(65536)
    return atlas.stream(function(write)
        local ok, err
        repeat
            ok, err = write(piece)
        until not ok
        note(request, "send " .. tostring(ok) .. " " .. tostring(err.code))
    end)
end)

app:mount("/", wire.app)

app:on_startup(function(state)
    state.started = "yes"
end)

return {app = app}
