-- probe.lua - the application that shows what a server does:
-- `atlas serve atlas.conformance.probe:app`.
--
-- A request names a program in the header lasgi-probe, perhaps with an argument
-- in lasgi-argument; the program does something to scope, receive or send, and
-- reports what came of it: in its response, or, where the response is what is
-- tried, in a report that a later request fetches by the id in lasgi-id.
--
-- It is plain Lua, so that any server can load it: what needs a task library
-- uses Atlas's if there is one.  The programs that misuse something stand in
-- misuse.lua, those for WebSockets in probe_websocket.lua.

local M = {}

local has_tasks, atlas = pcall(require, "atlas")

local KEPT_REPORTS = 200 -- then they are forgotten, all at once

local reports, report_count = {}, 0
local programs = {}

-- JSON, in which each byte of a string is a character of its own: what came
-- over the wire need not be UTF-8.

local encode

local function escape(c)
    return ("\\u%04x"):format(c:byte())
end

local function encode_string(s)
    return '"' .. s:gsub('[%c"\\\127-\255]', escape) .. '"'
end

local function encode_table(t)
    local parts = {}

    if #t > 0 then
        for i = 1, #t do
            parts[i] = encode(t[i])
        end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    for key, value in pairs(t) do
        parts[#parts + 1] = encode_string(tostring(key)) .. ":" .. encode(value)
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
    if type(value) == "string" then
        return encode_string(value)
    elseif type(value) == "table" then
        return encode_table(value)
    elseif type(value) == "number" or type(value) == "boolean" then
        return tostring(value)
    end
    return encode_string("<" .. type(value) .. ">")
end

--- Answer with a status, headers and a body in one message.
local function answer(send, body, status, headers)
    send { type = "http.response.start", status = status or 200, headers = headers or {} }
    return send { type = "http.response.body", body = body }
end

local function answer_report(call, report)
    report = report or call.report
    return answer(call.send, encode(report), 200, { { "content-type", "application/json" } })
end

-- What an error says: its code, or its text.
local function text_of(err)
    return type(err) == "table" and err.code or tostring(err)
end

-- send(message) as a word: "true", "nil CODE", "raised TEXT".
local function try_send(send, message)
    local passed, ok, err = pcall(send, message)

    if not passed then
        return "raised " .. tostring(text_of(ok))
    elseif ok then
        return tostring(ok)
    end
    return tostring(ok) .. " " .. tostring(text_of(err))
end

local function read_all(receive)
    local parts, message = {}

    repeat
        message = receive()
        if message.type ~= "http.request" then
            return nil, message
        end
        parts[#parts + 1] = message.body
    until not message.more_body
    return table.concat(parts)
end

local function part(send, body)
    return send { type = "http.response.body", body = body, more_body = true }
end

local function start(send, headers, status)
    return send { type = "http.response.start", status = status or 200, headers = headers or {} }
end

-- Scope.

-- A copy that can be encoded, two levels deep or three.
local function describe(value, depth)
    if type(value) ~= "table" or depth > 3 then
        return value
    end
    local copy = {}
    for key, inner in pairs(value) do
        copy[key] = describe(inner, depth + 1)
    end
    return copy
end

local KEYS = {
    "type", "lasgi", "asgi", "http_version", "method", "scheme", "path", "raw_path",
    "query_string", "root_path", "headers", "client", "server", "state", "extensions",
    "subprotocols",
}

local function describe_scope(scope)
    local read, listed = {}, {}

    for _, key in ipairs(KEYS) do
        read[key] = describe(scope[key], 0)
    end
    for key, value in pairs(scope) do
        listed[tostring(key)] = type(value)
    end
    return { read = read, listed = listed }
end

programs.hello = function(call)
    answer_report(call, { probe = "lasgi", version = 1, has_tasks = has_tasks })
end

programs.scope = function(call)
    answer_report(call, describe_scope(call.scope))
end

--- What is set is what the next layer reads.
programs.set = function(call)
    local scope = call.scope
    local before = scope.path

    scope.path, scope.headers, scope.probe_key = "/set", { { "x-set", "1" } }, "added"
    local listed = {}
    for key, value in pairs(scope) do
        listed[key] = describe(value, 0)
    end
    answer_report(call, {
        before = before, path = scope.path, header = scope.headers[1][1], added = scope.probe_key,
        listed_path = listed.path, listed_added = listed.probe_key,
    })
end

programs.state = function(call)
    local state = call.scope.state
    local lifespan = state.probe_lifespan

    if type(lifespan) == "table" then
        lifespan.requests = (lifespan.requests or 0) + 1
    end
    local report = { lifespan = describe(lifespan, 0), before = state.probe_own }
    state.probe_own = "set by a request"
    report.after = call.scope.state.probe_own
    answer_report(call, report)
end

-- receive().

programs.receive = function(call)
    local messages, bytes, message = {}, 0

    repeat
        message = call.receive()
        messages[#messages + 1] = {
            type = message.type, body = type(message.body), more_body = type(message.more_body),
        }
        bytes = bytes + #(message.body or "")
    until not message.more_body or #messages > 1000
    call.report.messages, call.report.bytes = messages, bytes
    if message.type == "http.disconnect" then
        call.report.sent = try_send(call.send, {
            type = "http.response.start", status = 200, headers = {},
        })
        return
    end
    answer_report(call)
end

programs.echo = function(call)
    local body = read_all(call.receive)

    if body then
        answer(call.send, body)
    end
end

programs.unread = function(call)
    answer(call.send, "unread")
end

--- Takes one piece, then waits in send() for a client that doesn't read, so
--- that nobody asks for the rest.
programs.busy = function(call)
    call.receive()
    start(call.send)
    for _ = 1, 64 do
        if not part(call.send, ("x"):rep(1048576)) then
            return
        end
    end
    call.send { type = "http.response.body" }
end

--- Waits for the client to leave; then, does anything go on?
programs.hold = function(call)
    local message = { type = "http.response.start", status = 200, headers = {} }
    local report = call.report

    read_all(call.receive)
    report.holding = true
    report.first, report.second = call.receive().type, call.receive().type
    report.sends = {}
    for i = 1, 4 do
        report.sends[i] = try_send(call.send, message)
    end
    if has_tasks then
        local ok, err = pcall(atlas.sleep, 0)
        report.checkpoint = ok and "passed" or tostring(text_of(err))
    end
    report.over = true
end

--- After the response is complete.
programs.after = function(call)
    answer(call.send, "complete")
    local report = call.report
    report.first, report.second = call.receive().type, call.receive().type
    report.send = try_send(call.send, { type = "http.response.body", body = "more" })
    report.over = true
end

local function needs_tasks(fn)
    return function(call)
        if has_tasks then
            return fn(call)
        end
        answer_report(call, { no_tasks = true })
    end
end

programs.two = needs_tasks(function(call)
    read_all(call.receive)
    local first = atlas.spawn(call.receive)
    atlas.sleep(0.02) -- it waits in receive() now
    local passed, err = pcall(call.receive)
    call.report.first_waits = first:status()
    call.report.second = passed and "passed" or "raised " .. tostring(err)
    answer_report(call)
    call.report.first = first:await().type
end)

programs.spawned = needs_tasks(function(call)
    atlas.spawn(function()
        answer(call.send, read_all(call.receive))
    end):await()
end)

-- send().

programs.results = function(call)
    local results = { try_send(call.send, {
        type = "http.response.start", status = 200, headers = {},
    }) }

    results[2] = tostring(part(call.send, ""))
    call.send { type = "http.response.body", body = encode(results) }
end

--- Counts what a client that doesn't read has been sent.
programs.paced = function(call)
    local report = call.report
    local sends = {}

    start(call.send)
    report.sent, report.sends = 0, sends
    local result
    repeat
        result = try_send(call.send, {
            type = "http.response.body", body = ("x"):rep(1048576), more_body = true,
        })
        report.sent = report.sent + (result == "true" and 1048576 or 0)
    until result ~= "true" or report.sent >= 268435456
    sends[1] = result
    sends[2] = try_send(call.send, { type = "http.response.body" })
    sends[3] = try_send(call.send, { type = "http.response.body" })
    report.over = true
end

programs.tiny = function(call)
    start(call.send)
    for _ = 1, 50000 do
        if not part(call.send, "x") then
            return
        end
    end
    call.send { type = "http.response.body" }
end

programs.pieces = function(call)
    start(call.send, { { "content-type", "text/plain" } })
    for _, piece in ipairs { "one,", "", "two," } do
        part(call.send, piece)
    end
    part(call.send, nil)
    call.send { type = "http.response.body", body = "three", more_body = false }
end

programs.one = function(call)
    answer(call.send, "one piece", 200, { { "content-type", "text/plain" } })
end

programs.status = function(call)
    answer(call.send, "this is the body", tonumber(call.argument))
end

programs.keys = function(call)
    call.send { type = "http.response.start", status = 200, headers = {}, bogus = true }
    call.send { type = "http.response.body", body = "keys", more_bogus = {} }
end

programs.bare = function(call)
    call.send { type = "http.response.start", status = 200 }
    call.send { type = "http.response.body" }
end

programs.headers = function(call)
    answer(call.send, "headers", 200, {
        { "x-b", "1" }, { "set-cookie", "a=1" }, { "x-a", "2" }, { "set-cookie", "b=2" },
        { "x-latin", "caf\233" },
    })
end

programs.hop = function(call)
    answer(call.send, "hop", 200, {
        { "connection", "x-probe" }, { "transfer-encoding", "gzip" },
        { "keep-alive", "timeout=77" }, { "upgrade", "probe" }, { "x-end", "kept" },
    })
end

--- "LENGTH:PIECE,PIECE": pieces under a content-length that may be wrong.
programs.length = function(call)
    local given, pieces = call.argument:match "^(%d+):(.*)$"
    local last = pieces:match "[^,]*$"

    start(call.send, { { "content-length", given } })
    call.report.sends = {}
    for piece in pieces:gmatch "([^,]*)," do
        part(call.send, piece)
    end
    local passed, err = pcall(call.send, { type = "http.response.body", body = last })
    call.report.last = passed and "passed" or "raised " .. tostring(err)
    if not passed then
        error(err, 0)
    end
end

programs.trailers = function(call)
    call.send {
        type = "http.response.start", status = 200, headers = { { "trailer", "x-sum" } },
        trailers = true,
    }
    part(call.send, "with ")
    call.send { type = "http.response.body", body = "trailers" }
    call.send {
        type = "http.response.trailers", headers = { { "x-sum", "1" } }, more_trailers = true,
    }
    call.send { type = "http.response.trailers", headers = { { "x-more", "2" } } }
end

programs.informational = function(call)
    for i = 1, 2 do
        call.send {
            type = "http.response.informational", status = 103,
            headers = { { "link", ("</%d.css>; rel=preload"):format(i) } },
        }
    end
    answer(call.send, "late")
end

-- A file of ours: what a client names is never sent.
local function make_file(text)
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))

    file:write(text)
    file:close()
    return path
end

programs.pathsend = function(call)
    local path = make_file "the file's own bytes"

    if call.argument == "missing" or call.argument == "caught" then
        os.remove(path)
    end
    start(call.send, { { "x-lost", "1" } })
    local passed, ok = pcall(call.send, { type = "http.response.pathsend", path = path })
    os.remove(path)
    if call.argument == "caught" then
        call.send { type = "http.response.body", body = passed and ok and "passed" or "caught" }
    elseif not passed then
        error(ok, 0)
    end
end

-- Errors, and responses that are never completed.

--- "raise WHERE" or "return WHERE": nothing, held (behind the start), begun,
--- done.
programs.leave = function(call)
    local how, where = call.argument:match "^(%a+) (%a+)$"

    if where == "done" then
        answer(call.send, "done")
    elseif where ~= "nothing" then
        start(call.send, { { "x-lost", "1" } })
    end
    if where == "begun" then
        part(call.send, "begun")
    end
    if how == "raise" then
        error "the probe raises, as it was told"
    elseif how == "table" then
        error { code = "EPROBE" }
    end
end

-- The application.

--- What a later request asks for: the report that has this id.
programs.report = function(call)
    answer_report(call, reports[call.id] or { missing = true })
end

local function keep_report(id)
    if report_count >= KEPT_REPORTS then
        reports, report_count = {}, 0
    end
    report_count = report_count + 1
    local report = reports[id] or { calls = 0 }
    reports[id] = report
    report.calls = report.calls + 1
    return report
end

local function header_of(scope, name)
    for _, pair in ipairs(scope.headers) do
        if pair[1] == name then
            return pair[2]
        end
    end
end

local lifespans = 0

-- The lifespan puts what it has seen into the state, for requests to tell.  It
-- misuses nothing where it is the application that is judged.
local function lifespan(scope, receive, send)
    local is_judged = scope["lasgi.judged"]

    lifespans = lifespans + 1
    local seen = { calls = lifespans, scope = describe_scope(scope) }
    seen.message = describe(receive(), 0)
    if not is_judged then
        seen.wrong_type = try_send(send, { type = "lifespan.bogus" })
        seen.too_early = try_send(send, { type = "lifespan.shutdown.complete" })
    end
    if scope.state then
        scope.state.probe_lifespan = seen
    end
    send { type = "lifespan.startup.complete" }
    if not is_judged then
        seen.again = try_send(send, { type = "lifespan.startup.complete" })
    end
    if receive().type == "lifespan.shutdown" then
        send { type = "lifespan.shutdown.complete" }
    end
end

local function run_program(scope, receive, send)
    local call = {
        scope = scope, receive = receive, send = send,
        id = header_of(scope, "lasgi-id"), argument = header_of(scope, "lasgi-argument"),
    }
    local name = header_of(scope, "lasgi-probe") or "hello"

    if not programs[name] then
        return answer(send, "the probe has no program " .. name, 404)
    end
    call.report = name ~= "report" and call.id and keep_report(call.id) or {}
    return programs[name](call)
end

function M.app(scope, receive, send)
    if scope.type == "lifespan" then
        return lifespan(scope, receive, send)
    elseif scope.type == "http" or scope.type == "websocket" then
        return run_program(scope, receive, send)
    end
    error(("the probe does not know the scope type '%s'"):format(tostring(scope.type)))
end

local tools = {
    answer_report = answer_report, describe_scope = describe_scope, encode = encode,
    start = start, try_send = try_send,
}
require "atlas.conformance.misuse"(programs, tools)
require "atlas.conformance.probe_websocket"(programs, tools)

return M
