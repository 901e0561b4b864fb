-- conformance_app_test.lua - atlas.conformance finds what is wrong with an
-- application: for each check one that fails it, and good ones that don't.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local conformance = require "atlas.conformance"

local eq = check.eq

local START = { type = "http.response.start", status = 200, headers = {} }

local function copy(from, with)
    local to = {}

    for key, value in pairs(from) do
        to[key] = value
    end
    for key, value in pairs(with or {}) do
        to[key] = value
    end
    return to
end

-- An application whose HTTP part is `fn`.
local function http(fn)
    return function(scope, receive, send)
        if scope.type == "http" then
            return fn(scope, receive, send)
        end
    end
end

local function answer(send, body, status, headers)
    send(copy(START, { status = status or 200, headers = headers or {} }))
    return send { type = "http.response.body", body = body or "" }
end

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

-- One that sends these messages.
local function sends(...)
    local messages = { ... }

    return http(function(_, _, send)
        for _, message in ipairs(messages) do
            send(message)
        end
    end)
end

local function with_headers(...)
    return sends(copy(START, { headers = { ... } }), { type = "http.response.body" })
end

-- One whose lifespan is `fn`.
local function lifespan(fn)
    return function(scope, receive, send)
        if scope.type == "lifespan" then
            return fn(receive, send)
        elseif scope.type == "http" then
            answer(send)
        end
    end
end

local function websocket(fn)
    return function(scope, receive, send)
        if scope.type == "websocket" then
            return fn(receive, send, scope)
        elseif scope.type == "http" then
            answer(send)
        end
    end
end

-- For each check an application that fails it.
local broken = {
    two_requests_at_a_time = (function()
        local lock = atlas.lock()
        return http(function(_, receive, send)
            lock:with(function()
                if read_all(receive) then
                    answer(send)
                end
            end)
        end)
    end)(),
    every_request_gets_a_whole_response = sends(START),
    messages_are_tables = sends("http.response.start"),
    bodies_are_strings = sends(START, { type = "http.response.body", body = { "x" } }),
    flags_are_booleans = sends(START, { type = "http.response.body", more_body = "no" }),
    headers_are_pairs = with_headers({ "x-one" }),
    names_are_lower_case = with_headers({ "Content-Type", "text/plain" }),
    names_are_tokens = with_headers({ "x bad", "1" }),
    values_are_lines = with_headers({ "x-bad", "a\r\nb" }),
    unknown_keys_change_nothing = http(function(scope, _, send)
        for key in pairs(scope) do
            if key == "x.unknown" then
                return answer(send, "", 500)
            end
        end
        answer(send)
    end),
    types_are_known = sends(START, { type = "http.response.bogus" }),
    messages_in_order = sends({ type = "http.response.body" }),
    a_scope_of_an_unknown_type_ends = function(scope, _, send)
        if scope.type == "http" then
            return answer(send)
        elseif scope.type ~= "lifespan" and scope.type ~= "websocket" then
            atlas.sleep(100)
        end
    end,
    old_clients_get_a_response = http(function(scope, _, send)
        assert(scope.http_version == "1.1")
        answer(send)
    end),
    methods_it_does_not_serve_get_a_response = http(function(scope, _, send)
        assert(scope.method == "GET" or scope.method == "HEAD")
        answer(send)
    end),
    a_path_may_have_any_bytes = http(function(scope, _, send)
        assert(not scope.path:find "[\128-\255]")
        answer(send)
    end),
    a_query_may_be_anything = http(function(scope, _, send)
        assert(not scope.query_string:find "%%zz")
        answer(send)
    end),
    a_client_may_have_no_address = http(function(scope, _, send)
        answer(send, scope.client[1])
    end),
    nothing_depends_on_extensions = http(function(scope, _, send)
        assert(scope.extensions["http.response.pathsend"])
        answer(send)
    end),
    pieces_are_put_together = http(function(_, receive, send)
        answer(send, receive().body)
    end),
    a_body_may_have_no_bytes = http(function(scope, receive, send)
        local body = read_all(receive)
        assert(scope.method ~= "POST" or body ~= "")
        answer(send)
    end),
    it_ends_when_the_client_has_gone = http(function(_, receive, send)
        if not read_all(receive) then
            atlas.sleep(100)
        end
        answer(send)
    end),
    stops_receiving = http(function(_, receive, send)
        answer(send)
        for _ = 1, 30 do
            receive()
        end
    end),
    one_receive_at_a_time = http(function(_, receive, send)
        read_all(receive)
        local other = atlas.spawn(receive)
        atlas.sleep(0)
        pcall(receive)
        answer(send)
        other:await()
    end),
    stops_sending = http(function(_, _, send)
        local _, ok = pcall(send, START)
        for _ = 1, ok and 0 or 30 do
            pcall(send, { type = "http.response.body", body = "x", more_body = true })
        end
        send { type = "http.response.body" }
    end),
    statuses_are_integers = sends(copy(START, { status = 200.5 })),
    nothing_behind_the_end = sends(START, { type = "http.response.body" },
        { type = "http.response.body", body = "more" }),
    trailers_that_were_announced = sends(START, { type = "http.response.body" },
        { type = "http.response.trailers", headers = {} }),
    paths_are_absolute = sends(START, { type = "http.response.pathsend", path = "file" }),
    extensions_that_are_offered = sends(
        { type = "http.response.informational", status = 103 }, START,
        { type = "http.response.body" }),
    HEAD_gets_a_response = http(function(scope, _, send)
        if scope.method ~= "HEAD" then
            answer(send)
        end
    end),
    lengths_agree = sends(copy(START, { headers = { { "content-length", "5" } } }),
        { type = "http.response.body", body = "too long" }),
    websocket_ends_with_the_client = websocket(function(receive, send)
        receive()
        send { type = "websocket.accept" }
        atlas.sleep(100)
    end),
    websocket_messages_in_order = websocket(function(receive, send)
        receive()
        send { type = "websocket.send", text = "too early" }
    end),
    websocket_messages_are_well_formed = websocket(function(receive, send)
        receive()
        send { type = "websocket.accept" }
        send { type = "websocket.send", text = "either", bytes = "or" }
    end),
    start_up_is_answered = lifespan(function(receive)
        receive()
    end),
    a_failure_has_a_message = lifespan(function(receive, send)
        receive()
        send { type = "lifespan.startup.failed", message = { "no" } }
    end),
    shutdown_is_answered = lifespan(function(receive, send)
        receive()
        send { type = "lifespan.startup.complete" }
        receive()
    end),
}

-- The results that have failed, by the check's name.
local function failures(app, options)
    local failed, results = {}, conformance.run(copy({ target = app, timeout = 0.2 }, options))

    for _, result in ipairs(results) do
        assert(result.sentence ~= "" and result.section ~= "" and result.name ~= "")
        if not result.ok then
            assert(result.message, "a failure says what is wrong")
            failed[#failed + 1] = result.name
            failed[result.name] = result.message
        end
    end
    return failed
end

local function words(name)
    return (name:gsub("_", " "))
end

for name, app in pairs(broken) do
    test("an application fails: " .. words(name), function()
        local failed = failures(app)
        assert(failed[words(name)], "only these failed: " .. table.concat(failed, ", "))
    end)
end

test("each check of an application has one that fails it", function()
    for name in pairs(require "atlas.conformance.application.checks") do
        assert(broken[name], name)
    end
end)

test("each check is in the table of sentences, and there are no others", function()
    local checks, used = require "atlas.conformance.application.checks", {}

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            for name in (row.app or ""):gmatch "%S+" do
                assert(checks[name], name)
                used[name] = true
            end
        end
    end
    for name in pairs(checks) do
        assert(used[name], name)
    end
end)

-- Good ones.

local function passes(app)
    local failed = failures(app, { timeout = 5 })

    assert(#failed == 0, table.concat(failed, ", "))
end

test("an application that reads its body passes", function()
    passes(http(function(_, receive, send)
        local body = read_all(receive)
        if body then
            answer(send, body, 200, { { "content-type", "application/octet-stream" } })
        end
    end))
end)

test("an Application passes, its middleware too", function()
    local app = atlas.Application()

    app:get("/", function()
        return "Hello!"
    end)
    app:post("/", function(request)
        return request:body()
    end)
    passes(app)
end)

test("an application with all extensions, a lifespan and WebSockets passes", function()
    local function serve(scope, send)
        if scope.extensions["http.response.informational"] then
            send { type = "http.response.informational", status = 103, headers = {} }
        end
        local trailers = scope.extensions["http.response.trailers"] ~= nil
        send(copy(START, { trailers = trailers }))
        send { type = "http.response.body", body = "x", more_body = true }
        send { type = "http.response.body" }
        if trailers then
            send { type = "http.response.trailers", headers = { { "x-sum", "1" } } }
        end
    end

    passes(function(scope, receive, send)
        if scope.type == "lifespan" then
            for _, phase in ipairs { "startup", "shutdown" } do
                receive()
                send { type = "lifespan." .. phase .. ".complete" }
            end
        elseif scope.type == "websocket" then
            receive()
            send { type = "websocket.accept", subprotocol = scope.subprotocols[1] }
            repeat
                local message = receive()
                if message.type == "websocket.receive" then
                    send { type = "websocket.send", text = message.text, bytes = message.bytes }
                end
            until message.type == "websocket.disconnect"
        elseif scope.type == "http" then
            serve(scope, send)
        end
    end)
end)

test("one that takes no lifespan does without", function()
    passes(http(function(_, _, send)
        answer(send)
    end))
    passes(function(scope, _, send)
        assert(scope.type == "http", "it knows only HTTP")
        answer(send)
    end)
end)

test("the probe itself passes", function()
    passes(require("atlas.conformance.probe").app)
end)

test("a filter leaves out the other checks, and the state is the lifespan's", function()
    local seen
    local results = conformance.run {
        filter = "^names are tokens$",
        target = function(scope, receive, send)
            if scope.type == "lifespan" then
                receive()
                scope.state.mine = "set"
                send { type = "lifespan.startup.complete" }
                receive()
                send { type = "lifespan.shutdown.complete" }
            elseif scope.type == "http" then
                seen = scope.state.mine
                answer(send)
            end
        end,
    }

    eq(#results, 1)
    eq(results[1].name, "names are tokens")
    eq(seen, "set")
end)

test("a failure names the run and the line of the application", function()
    local failed = failures(broken.statuses_are_integers)

    assert(failed["statuses are integers"]:find(
        "^GET /: http%.response%.start: status is 200%.5.*conformance_app_test%.lua:%d+"),
        failed["statuses are integers"])
end)

test("what can't be checked is nil and a message", function()
    local results, message = conformance.run { target = "no_such_module:app" }

    eq(results, nil)
    assert(message:find "no_such_module", message)
    results, message = conformance.run { target = "ftp://127.0.0.1" }
    eq(results, nil)
    assert(message:find "http://HOST:PORT", message)
    results, message = conformance.run { target = "http://127.0.0.1:1" }
    eq(results, nil)
    assert(message:find "can't connect", message)
end)
