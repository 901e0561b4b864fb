--- app.lua - the application that the wire tests talk to, as a LASGI callable.
-- SPDX-License-Identifier: MIT
--
-- Each path shows one sentence of the contract on the wire.  What only the
-- application can see (a cancelled wait, what send() returned once the client
-- had gone) goes to stderr as `wire ID text`, where a case finds it by the id
-- that it sent.

local misuse = require("tests.wire.misuse")

local DATA = os.getenv("WIRE_DATA") or "tests/wire/data"
local TEXT = {"content-type", "text/plain"}

local function start(send, status, headers, more)
    local message = {type = "http.response.start", status = status, headers = headers or {TEXT}}
    for key, value in pairs(more or {}) do
        message[key] = value
    end
    return send(message)
end

local function part(send, body)
    return send({type = "http.response.body", body = body, more_body = true})
end

local function last(send, body)
    return send({type = "http.response.body", body = body})
end

local function answer(send, body, headers, status)
    start(send, status or 200, headers)
    return last(send, body)
end

--- The value of `name` in a query string; escapes are not needed here.
local function argument(scope, name)
    return ("&" .. scope.query_string):match("&" .. name .. "=([^&]*)")
end

local function note(scope, text)
    io.stderr:write("wire ", argument(scope, "id") or "-", " ", text, "\n")
end

--- The whole body, or nil when the client went away before its end.
local function read_all(receive)
    local parts = {}
    repeat
        local message = receive()
        if message.type == "http.disconnect" then
            return nil
        end
        parts[#parts + 1] = message.body
    until not message.more_body
    return table.concat(parts)
end

local function sleep_ms(scope)
    require("atlas").sleep(tonumber(argument(scope, "ms") or 0) / 1000)
end

--- Call send() until it raises; note what the first call and the error said.
local function note_closed_send(scope, send, message)
    local ok, err = send(message)
    note(scope, ("send %s %s"):format(tostring(ok), ok == nil and tostring(err.code) or ""))
    for _ = 1, 2 do
        local passed, raised = pcall(send, message)
        if not passed then
            return note(scope, "send raised " .. tostring(raised.code))
        end
    end
    note(scope, "send never raised")
end

local routes = {}

-- Requests: what reaches the application.

routes["/plaintext"] = function(_, _, send)
    answer(send, "Hello, World!")
end

local SCOPE_FIELDS = {
    "method", "path", "raw_path", "query_string", "http_version", "scheme", "root_path",
}

local function show_scope(scope, _, send)
    local lines = {}
    for _, name in ipairs(SCOPE_FIELDS) do
        lines[#lines + 1] = name .. ": " .. tostring(scope[name])
    end
    for _, pair in ipairs(scope.headers) do
        lines[#lines + 1] = "header " .. pair[1] .. ": " .. pair[2]
    end
    answer(send, table.concat(lines, "\n") .. "\n")
end

routes["/"] = show_scope
routes["*"] = show_scope
routes["/scope"] = show_scope

--- Every value of the header that the query string names, in order.
routes["/header"] = function(scope, _, send)
    local values = {}
    for _, pair in ipairs(scope.headers) do
        if pair[1] == scope.query_string then
            values[#values + 1] = "[" .. pair[2] .. "]"
        end
    end
    answer(send, table.concat(values))
end

--- Types and fixed values of the scope's other fields.
routes["/scope-meta"] = function(scope, _, send)
    answer(send, table.concat({
        scope.type, scope.lasgi.version, scope.lasgi.spec_version,
        scope.asgi.version, scope.asgi.spec_version,
        scope.client[1], type(scope.client[2]), scope.server[1], type(scope.server[2]),
        type(scope.state), tostring(scope.extensions["http.response.pathsend"] ~= nil),
        tostring(scope.extensions.bogus),
    }, " "))
end

local SCOPE_KEYS = {
    "asgi", "client", "extensions", "headers", "http_version", "lasgi", "method", "path",
    "query_string", "raw_path", "root_path", "scheme", "server", "state", "type",
}

--- pairs() yields every key, so that a middleware can copy the scope.
routes["/scope-pairs"] = function(scope, _, send)
    local copy, found = {}, {}
    for key, value in pairs(scope) do
        copy[key] = value
    end
    for _, key in ipairs(SCOPE_KEYS) do
        found[#found + 1] = copy[key] ~= nil and key or nil
    end
    answer(send, table.concat(found, " "))
end

--- What is set in the scope is what is read.
routes["/scope-set"] = function(scope, _, send)
    scope.path = "/changed"
    scope.method = "CHANGED"
    scope.mine = "added"
    local seen = {}
    for key, value in pairs(scope) do
        seen[key] = value
    end
    answer(send, table.concat({scope.path, scope.method, scope.mine, seen.path, seen.mine}, " "))
end

--- The lifespan's state is there; what a request sets stays its own.
routes["/state"] = function(scope, _, send)
    local before = tostring(scope.state.mine)
    scope.state.mine = "set"
    answer(send, ("started=%s before=%s after=%s"):format(
        tostring(scope.state.started), before, scope.state.mine))
end

-- Bodies: receive().

routes["/echo"] = function(scope, receive, send)
    local body = read_all(receive)
    if body then
        return answer(send, body, {{"content-type", "application/octet-stream"}})
    end
    note(scope, "receive http.disconnect")
    note_closed_send(scope, send, {type = "http.response.start", status = 200, headers = {}})
end

routes["/length"] = function(_, receive, send)
    local body = read_all(receive)
    if body then
        answer(send, tostring(#body))
    end
end

routes["/noread"] = function(_, _, send)
    answer(send, "ok")
end

--- Takes one piece of the body and answers.
routes["/part-read"] = function(_, receive, send)
    answer(send, receive().type)
end

--- Is every message as the contract says?
routes["/messages"] = function(_, receive, send)
    local total, message = 0
    repeat
        message = receive()
        if message.type ~= "http.request" or type(message.body) ~= "string"
            or type(message.more_body) ~= "boolean" then
            return answer(send, "bad message of type " .. tostring(message.type))
        end
        total = total + #message.body
    until not message.more_body
    answer(send, "good messages, " .. total .. " bytes")
end

--- Sleeps first, so that the body arrives before it is asked for.
routes["/late-read"] = function(scope, receive, send)
    sleep_ms(scope)
    answer(send, read_all(receive) or "disconnect")
end

--- Starts its response, then reads the body.
routes["/start-read"] = function(scope, receive, send)
    start(send, 200)
    part(send, "started,")
    local body = read_all(receive)
    if body then
        return last(send, body)
    end
    note(scope, "receive http.disconnect")
    note_closed_send(scope, send, {type = "http.response.body", body = "x", more_body = true})
end

-- Responses: send().

local ANYWHERE = {}

ANYWHERE["/status/"] = function(scope, _, send, rest)
    local length = argument(scope, "length")
    local headers = {TEXT, length and {"content-length", length} or nil}
    answer(send, argument(scope, "body") or "", headers, tonumber(rest))
end

ANYWHERE["/misuse/"] = function(_, _, send, rest)
    misuse.answer(rest, send)
end

--- The path as the application sees it, then as it was on the wire.
ANYWHERE["/path/"] = function(scope, _, send)
    answer(send, scope.path .. "\n" .. scope.raw_path)
end

routes["/chunked"] = function(_, _, send)
    start(send, 200)
    part(send, "one,")
    part(send, "two,")
    last(send, "three")
end

--- An empty piece is not the end of a chunked body.
routes["/empty-parts"] = function(_, _, send)
    start(send, 200)
    part(send, "")
    part(send, "a")
    part(send, "")
    part(send, nil)
    part(send, "b")
    last(send, nil)
end

routes["/send-result"] = function(_, _, send)
    local results = {tostring(start(send, 200)), tostring(part(send, "results:"))}
    last(send, table.concat(results, ","))
end

routes["/stream"] = function(scope, _, send)
    local piece = ("x"):rep(tonumber(argument(scope, "size")))
    start(send, 200)
    for _ = 1, tonumber(argument(scope, "n")) do
        if not part(send, piece) then
            return
        end
    end
    last(send, "")
end

--- Does send() wait for a client that reads late?  More than any socket buffers.
routes["/paced"] = function(scope, _, send)
    local atlas = require("atlas")
    local piece = ("x"):rep(65536)
    local began = atlas.now()
    start(send, 200)
    for _ = 1, 512 do
        part(send, piece)
    end
    note(scope, "paced " .. tostring(atlas.now() - began > 0.2))
    last(send, "")
end

routes["/head-length"] = function(scope, _, send)
    answer(send, scope.method == "HEAD" and "" or "12345", {TEXT, {"content-length", "5"}})
end

routes["/length-stream"] = function(_, _, send)
    start(send, 200, {TEXT, {"content-length", "6"}})
    part(send, "abc")
    last(send, "def")
end

routes["/wrong-length-short"] = function(_, _, send)
    answer(send, "abc", {TEXT, {"content-length", "10"}})
end

routes["/wrong-length-long"] = function(_, _, send)
    answer(send, "abcdefghij", {TEXT, {"content-length", "3"}})
end

routes["/cut-length-short"] = function(scope, _, send)
    start(send, 200, {TEXT, {"content-length", "10"}})
    part(send, "abc")
    local ok, err = pcall(last, send, "")
    note(scope, "short raised " .. tostring(not ok))
    error(err, 0)
end

routes["/cut-length-long"] = function(scope, _, send)
    start(send, 200, {TEXT, {"content-length", "5"}})
    part(send, "abc")
    local ok, err = pcall(last, send, "defgh")
    note(scope, "long raised " .. tostring(not ok))
    error(err, 0)
end

routes["/headers"] = function(_, _, send)
    answer(send, "headers", {
        {"X-MiXeD", "Case"}, {"set-cookie", "a=1"}, {"x-empty", ""}, {"set-cookie", "b=2"},
        {"x-latin", "caf\233"},
    })
end

--- Hop-by-hop fields are the server's: dropped, though a wish to close is heard.
routes["/closes"] = function(_, _, send)
    answer(send, "closing", {TEXT, {"Connection", "close"}})
end

routes["/hop-by-hop"] = function(_, _, send)
    answer(send, "dropped", {
        {"transfer-encoding", "gzip"}, {"keep-alive", "timeout=5"}, {"upgrade", "foo"},
        {"x-end", "to-end"},
    })
end

routes["/date"] = function(_, _, send)
    answer(send, "dated", {TEXT, {"Date", "Thu, 01 Jan 1970 00:00:00 GMT"}})
end

routes["/unknown-key"] = function(_, _, send)
    start(send, 200, nil, {bogus = true, more_bogus = {}})
    send({type = "http.response.body", body = "ignored", bogus = 1})
end

routes["/no-headers"] = function(_, _, send)
    send({type = "http.response.start", status = 200})
    send({type = "http.response.body"})
end

routes["/trailers"] = function(scope, _, send)
    start(send, 200, {TEXT, {"trailer", "x-sum"}}, {trailers = true})
    part(send, "with ")
    last(send, "trailers")
    if argument(scope, "two") then
        send({type = "http.response.trailers", headers = {{"x-sum", "1"}}, more_trailers = true})
        send({type = "http.response.trailers", headers = {{"x-more", "2"}}})
    else
        send({type = "http.response.trailers", headers = {{"x-sum", "1"}}})
    end
end

routes["/trailers-forgotten"] = function(_, _, send)
    start(send, 200, {TEXT}, {trailers = true})
    last(send, "body")
end

routes["/early"] = function(scope, _, send)
    for i = 1, tonumber(argument(scope, "n") or 1) do
        send({
            type = "http.response.informational", status = 103,
            headers = {{"link", ("</%d.css>; rel=preload"):format(i)}},
        })
    end
    answer(send, "late")
end

local function send_file(name)
    return function(_, _, send)
        start(send, 200)
        send({type = "http.response.pathsend", path = DATA .. "/" .. name})
    end
end

routes["/file"] = send_file("fox.txt")
routes["/empty-file"] = send_file("empty.txt")
routes["/missing-file"] = send_file("missing.txt")
routes["/directory"] = send_file("")

--- A missing file raises, and the application may still answer otherwise.
routes["/missing-caught"] = function(_, _, send)
    start(send, 200)
    local passed, ok = pcall(send, {type = "http.response.pathsend", path = DATA .. "/missing"})
    pcall(start, send, 200) -- where the failure has taken the first one away
    last(send, (not passed or ok == nil) and "caught" or "passed")
end

routes["/file-then-body"] = function(scope, _, send)
    start(send, 200)
    send({type = "http.response.pathsend", path = DATA .. "/fox.txt"})
    note(scope, "body raised " .. tostring(not pcall(last, send, "more")))
end

-- Errors.

routes["/raise"] = function(scope)
    error("wire-raise " .. (argument(scope, "id") or ""))
end

routes["/raise-table"] = function()
    error({code = "EWIRE"})
end

routes["/raise-nil"] = function()
    error()
end

routes["/start-raise"] = function(_, _, send)
    start(send, 200, {{"x-lost", "1"}})
    error("wire-start-raise")
end

routes["/raise-late"] = function(scope, _, send)
    start(send, 200)
    part(send, "begun")
    error("wire-raise-late " .. (argument(scope, "id") or ""))
end

routes["/raise-after"] = function(scope, _, send)
    answer(send, "done")
    error("wire-raise-after " .. (argument(scope, "id") or ""))
end

routes["/nothing"] = function()
end

routes["/start-only"] = function(_, _, send)
    start(send, 200, {{"x-lost", "1"}})
end

routes["/unfinished"] = function(_, _, send)
    start(send, 200)
    part(send, "begun")
end

routes["/bad-header"] = function(_, _, send)
    local ok = pcall(start, send, 200, {{"x-bad", "a\r\nx-injected: 1"}})
    answer(send, ok and "passed" or "recovered")
end

-- Clients that leave.

routes["/slow"] = function(scope, _, send)
    local ok, err = pcall(sleep_ms, scope)
    note(scope, ok and "slept" or "cancelled " .. tostring(err.code))
    if not ok then
        error(err, 0)
    end
    answer(send, "slow")
end

--- Waits in receive() until the client leaves, then tries to go on.
routes["/hold"] = function(scope, receive, send)
    local body = read_all(receive)
    note(scope, "holding " .. tostring(body and #body))
    note(scope, "receive " .. receive().type .. " " .. receive().type)
    note_closed_send(scope, send, {type = "http.response.start", status = 200, headers = {}})
    local ok, err = pcall(sleep_ms, scope)
    note(scope, ok and "slept" or "cancelled " .. tostring(err.code))
    if not ok then
        error(err, 0)
    end
end

routes["/forever"] = function(scope, _, send)
    local message = {type = "http.response.body", body = ("x"):rep(65536), more_body = true}
    start(send, 200)
    local ok, err
    repeat
        ok, err = send(message)
    until not ok
    note(scope, "send " .. tostring(ok) .. " " .. tostring(err.code))
end

--- Once the response is complete, every receive() says so at once.
routes["/after"] = function(scope, receive, send)
    answer(send, "complete")
    note(scope, "after " .. receive().type .. " " .. receive().type)
    note(scope, "send raised " .. tostring(not pcall(last, send, "more")))
end

-- Tasks.

routes["/two-receive"] = function(_, receive, send)
    local atlas = require("atlas")
    read_all(receive)
    atlas.spawn(receive)
    atlas.sleep(0.01) -- the child waits in receive() now
    local ok = pcall(receive)
    answer(send, ok and "passed" or "second raised")
end

routes["/spawned-send"] = function(_, receive, send)
    local atlas = require("atlas")
    start(send, 200)
    atlas.spawn(function()
        last(send, read_all(receive))
    end):await()
end

local function lifespan(scope, receive, send)
    while true do
        local message = receive()
        if message.type == "lifespan.startup" then
            scope.state.started = "yes"
            send({type = "lifespan.startup.complete"})
        else
            return send({type = "lifespan.shutdown.complete"})
        end
    end
end

local function app(scope, receive, send)
    if scope.type == "lifespan" then
        return lifespan(scope, receive, send)
    end
    local handler = routes[scope.path]
    if handler then
        return handler(scope, receive, send)
    end
    for prefix, other in pairs(ANYWHERE) do
        if scope.path:sub(1, #prefix) == prefix then
            return other(scope, receive, send, scope.path:sub(#prefix + 1))
        end
    end
    answer(send, "no such path: " .. scope.path, nil, 404)
end

return {app = app}
