-- conformance_server_test.lua - atlas.conformance finds what is wrong with a
-- server: for each check a server that fails it.
-- SPDX-License-Identifier: MIT
--
-- The wrong servers are Atlas's own with something between it and the probe (a
-- middleware that lies) or between it and the client (bytes that are changed).

local atlas = require "atlas"
local check = require "check"
local client = require "atlas.conformance.client"
local conformance = require "atlas.conformance"
local lifespan = require "atlas.lifespan"
local server_core = require "atlas.server.core"

local unpack = table.unpack or unpack

client.patience = 3 -- seconds; what never comes shall not take long

-- Lies: each makes of the probe another application.

local function on_http(fn)
    return function(app)
        return function(scope, receive, send)
            if scope.type ~= "http" then
                return app(scope, receive, send)
            end
            return fn(app, scope, receive, send)
        end
    end
end

-- The scope is changed by `fn`.
local function scope_lie(fn)
    return on_http(function(app, scope, receive, send)
        fn(scope)
        return app(scope, receive, send)
    end)
end

local function set(key, value)
    return scope_lie(function(scope)
        scope[key] = value
    end)
end

-- What receive() gives is changed by `fn(message, count)`.
local function receive_lie(fn)
    return on_http(function(app, scope, receive, send)
        local count = 0
        return app(scope, function()
            count = count + 1
            return fn(receive(), count, scope)
        end, send)
    end)
end

-- What is sent goes to `fn(send, message, scope)`.
local function send_lie(fn)
    return on_http(function(app, scope, receive, send)
        return app(scope, receive, function(message)
            return fn(send, message, scope)
        end)
    end)
end

-- Errors that send raises are kept quiet.
local swallow = send_lie(function(send, message)
    pcall(send, message)
    return true
end)

local function without(kind)
    return send_lie(function(send, message)
        return message.type == kind or send(message)
    end)
end

-- The application runs, and then `fn(send, passed)` completes its response.
local function complete(fn)
    return on_http(function(app, scope, receive, send)
        local passed = pcall(app, scope, receive, send)
        pcall(fn, send, passed)
    end)
end

local function complete_with_200(send)
    send { type = "http.response.start", status = 200, headers = {} }
    send { type = "http.response.body", body = "fine" }
end

local function change_message(kind, fn)
    return send_lie(function(send, message)
        if message.type == kind then
            local copy = {}
            for key, value in pairs(message) do
                copy[key] = value
            end
            message = fn(copy) or copy
        end
        return send(message)
    end)
end

local function drop_header(name)
    return change_message("http.response.start", function(message)
        local kept = {}
        for _, pair in ipairs(message.headers or {}) do
            if pair[1] ~= name then
                kept[#kept + 1] = pair
            end
        end
        message.headers = kept
    end)
end

-- All requests behind each other.
local function one_by_one(app)
    local lock = atlas.lock()

    return on_http(function(_, ...)
        return lock:with(app, ...)
    end)(app)
end

local function twice(app)
    return on_http(function(_, scope, receive, send)
        app(scope, receive, send)
        pcall(app, scope, function()
            return { type = "http.request", body = "", more_body = false }
        end, function()
            return true
        end)
    end)(app)
end

-- A scope of which `fn(scope)` makes the metatable.
local function proxy(fn)
    return on_http(function(app, scope, receive, send)
        return app(setmetatable({}, fn(scope)), receive, send)
    end)
end

-- The lifespan is changed: fn(app, scope, receive, send).
local function lifespan_lie(fn)
    return function(app)
        return function(scope, receive, send)
            if scope.type == "lifespan" then
                return fn(app, scope, receive, send)
            end
            return app(scope, receive, send)
        end
    end
end

local swallow_in_lifespan = lifespan_lie(function(app, scope, receive, send)
    return app(scope, receive, function(message)
        pcall(send, message)
        return true
    end)
end)

local forever_a_request = receive_lie(function(message)
    if message.type == "http.disconnect" then
        return { type = "http.request", body = "", more_body = false }
    end
    return message
end)

local function forgets_after_one_disconnect()
    local told = setmetatable({}, { __mode = "k" })

    return receive_lie(function(message, _, scope)
        if message.type == "http.disconnect" then
            if told[scope] then
                return { type = "http.request", body = "", more_body = false }
            end
            told[scope] = true
        end
        return message
    end)
end

local drop_last_byte = receive_lie(function(message)
    if message.body then
        message.body = message.body:sub(1, -2)
    end
    return message
end)

local reads_all_at_once = on_http(function(app, scope, receive, send)
    local messages, message = {}

    scope.extensions["atlas.max_body"](2 ^ 40)
    repeat
        message = receive()
        messages[#messages + 1] = message
    until not message.more_body
    return app(scope, function()
        return table.remove(messages, 1) or receive()
    end, send)
end)

local one_receiver = on_http(function(app, scope, receive, send)
    local busy = false

    return app(scope, function()
        if busy then
            return { type = "http.disconnect" }
        end
        busy = true
        local message = receive()
        busy = false
        return message
    end, send)
end)

local never_waits_in_receive = on_http(function(app, scope, receive, send)
    local over = false

    return app(scope, function()
        if over then
            return { type = "http.disconnect" }
        end
        local message = receive()
        over = not message.more_body
        return message
    end, send)
end)

local always_true = send_lie(function(send, message)
    send(message)
    return true
end)

local never_raises = send_lie(function(send, message)
    local passed, ok, err = pcall(send, message)
    if passed then
        return ok, err
    end
    return nil, ok
end)

local shared_state = {}

local function in_a_shield(app)
    return on_http(function(_, ...)
        return atlas.shield(app, ...)
    end)(app)
end

-- Bytes on the way: `to` changes what the client sends, `from` what it gets.

local function wire(from, to)
    return { from = from, to = to }
end

local function status(from, to)
    return wire(function(bytes)
        return (bytes:gsub("^HTTP/1%.1 " .. from, "HTTP/1.1 " .. to))
    end)
end

local function body_behind(code)
    return wire(function(bytes)
        return (bytes:gsub("^(HTTP/1%.1 " .. code .. ".-\r\n\r\n)", "%1this is the body"))
    end)
end

local function head_line(line)
    return wire(function(bytes)
        return (bytes:gsub("^(HTTP/1%.1 %d+[^\r]*\r\n)", "%1" .. line .. "\r\n", 1))
    end)
end

-- For each check a server that fails it.
local lies = {
    ["scope.one_call_a_request"] = twice,
    ["scope.several_requests_of_a_connection_are_several_calls"] = twice,
    ["scope.a_request_that_waits_keeps_nobody_waiting"] = one_by_one,
    ["scope.spawned_tasks_may_receive_and_send"] = on_http(function(app, scope, receive, send)
        local owner = atlas.current()
        return app(scope, function()
            assert(atlas.current() == owner, "another task")
            return receive()
        end, send)
    end),
    ["scope.headers_are_pairs_in_order"] = scope_lie(function(scope)
        table.sort(scope.headers, function(a, b)
            return a[1] < b[1]
        end)
    end),
    ["scope.every_field_can_be_read_and_listed"] = proxy(function(scope)
        return { __index = scope, __newindex = scope }
    end),
    ["scope.what_is_set_is_what_is_read"] = proxy(function(scope)
        return { __index = scope, __newindex = function() end, __pairs = function()
            return pairs(scope)
        end }
    end),
    ["scope.type_is_http"] = set("type", "websocket"),
    ["scope.the_version_of_lasgi"] = set("lasgi", { version = "2.0", spec_version = "1.0" }),
    ["scope.the_version_of_asgi"] = set("asgi", { version = "3.0", spec_version = "2.1" }),
    ["scope.http_version"] = set("http_version", "1.1"),
    ["scope.methods"] = scope_lie(function(scope)
        scope.method = scope.method:lower()
    end),
    ["scope.scheme_is_http"] = set("scheme", "https"),
    ["scope.path_is_decoded_once"] = scope_lie(function(scope)
        scope.path = scope.raw_path
    end),
    ["scope.bad_escapes_never_reach_the_application"] = wire(nil, function(bytes)
        return (bytes:gsub("^GET /[%%a]%S*", "GET /fine"))
    end),
    ["scope.raw_path_is_as_on_the_wire"] = scope_lie(function(scope)
        scope.raw_path = scope.path
    end),
    ["scope.raw_path_of_an_absolute_form"] = scope_lie(function(scope)
        scope.raw_path = "http://127.0.0.1" .. scope.raw_path
    end),
    ["scope.raw_path_of_the_asterisk_form"] = scope_lie(function(scope)
        scope.raw_path = scope.raw_path:gsub("%*", "/")
    end),
    ["scope.query_string_is_not_decoded"] = scope_lie(function(scope)
        scope.query_string = scope.query_string:gsub("%%41", "A")
    end),
    ["scope.root_path_is_empty_at_the_root"] = set("root_path", "/"),
    ["scope.client_is_the_peer"] = set("client", { "127.0.0.1", 1 }),
    ["scope.server_is_the_listener"] = set("server", { "127.0.0.1", 1 }),
    ["scope.requests_see_the_lifespans_state"] = set("state", {}),
    ["scope.what_a_request_sets_in_its_state_stays_its_own"] = set("state", shared_state),
    ["scope.values_in_the_state_are_shared"] = scope_lie(function(scope)
        local copy = {}
        for key, value in pairs(scope.state.probe_lifespan) do
            copy[key] = value
        end
        scope.state.probe_lifespan = copy
    end),
    ["scope.extensions_are_a_table"] = set("extensions", "none"),

    ["receive.a_body_of_no_bytes"] = receive_lie(function(message)
        message.more_body = message.more_body or nil
        return message
    end),
    ["receive.a_body_in_one_piece"] = drop_last_byte,
    ["receive.a_body_in_many_pieces"] = drop_last_byte,
    ["receive.a_body_comes_byte_for_byte"] = receive_lie(function(message)
        message.body = message.body and message.body:gsub("\n", " ")
        return message
    end),
    ["receive.nothing_is_read_that_nobody_asks_for"] = reads_all_at_once,
    ["receive.a_body_that_nobody_reads_is_drained_or_the_connection_closes"] = wire(nil,
        function(bytes)
            return (bytes:gsub("hello\r\n\r\n$", "hello\r\n"))
        end),
    ["receive.a_client_that_leaves_is_told"] = forever_a_request,
    ["receive.a_client_that_leaves_inside_the_body_is_told"] = forever_a_request,
    ["receive.a_complete_response_is_a_disconnect"] = forever_a_request,
    ["receive.every_later_receive_tells_it_again"] = forgets_after_one_disconnect(),
    ["receive.two_tasks_in_receive"] = one_receiver,
    ["receive.behind_the_last_piece_receive_waits"] = never_waits_in_receive,
    ["receive.a_malformed_body_is_400"] = status(400, 500),
    ["receive.a_body_that_is_too_large_is_413"] = status(413, 500),
    ["receive.a_body_that_is_too_slow_is_408"] = status(408, 500),
    ["receive.a_client_that_has_gone_is_nil_and_ECLOSED"] = always_true,
    ["receive.to_go_on_sending_raises_it"] = never_raises,
    ["receive.other_checkpoints_of_a_GET_raise"] = in_a_shield,
    ["receive.a_GET_hears_it_from_receive_and_send"] = receive_lie(function(message)
        if message.type == "http.disconnect" then
            error(setmetatable({}, atlas.Cancelled.meta), 0)
        end
        return message
    end),
    ["receive.other_methods_run_on"] = receive_lie(function(message)
        if message.type == "http.disconnect" then
            atlas.current():cancel()
        end
        return message
    end),
    ["receive.send_waits_for_a_slow_client"] = send_lie(function(send, message)
        return message.more_body or send(message)
    end),

    ["send.send_returns_true"] = send_lie(function(send, message)
        send(message)
    end),
    ["send.unknown_types_raise"] = swallow,
    ["send.messages_out_of_order_raise"] = swallow,
    ["send.bad_statuses_raise"] = swallow,
    ["send.bad_headers_raise"] = swallow,
    ["send.bad_bodies_raise"] = swallow,
    ["send.bad_paths_raise"] = swallow,
    ["send.bad_informational_statuses_raise"] = swallow,
    ["send.names_that_are_no_token_raise"] = swallow,
    ["send.values_with_CR_LF_or_NUL_raise"] = send_lie(function(send, message)
        local passed, err = pcall(send, message)
        return passed or error("something is wrong: " .. type(err))
    end),
    ["send.nothing_is_left_of_a_start_that_raises"] = change_message("http.response.start",
        function(message)
            message.headers = { { "x-bad", "1" }, unpack(message.headers) }
        end),
    ["send.unknown_keys_are_ignored"] = send_lie(function(send, message)
        assert(not message.bogus)
        return send(message)
    end),
    ["send.another_request_is_served_between_two_sends"] = one_by_one,
    ["send.status_headers_and_body_go_out"] = drop_header "set-cookie",
    ["send.headers_and_body_may_be_left_out"] = send_lie(function(send, message)
        assert(message.type ~= "http.response.start" or message.headers)
        return send(message)
    end),
    ["send.all_statuses_go_out"] = change_message("http.response.start", function(message)
        message.status = message.status == 999 and 500 or message.status
    end),
    ["send.the_response_ends_with_the_last_message"] = change_message("http.response.body",
        function(message)
            message.body = message.body ~= "three" and message.body or ""
        end),
    ["send.nothing_can_be_sent_behind_it"] = swallow,
    ["send.trailers_go_out"] = change_message("http.response.trailers", function(message)
        message.headers = {}
    end),
    ["send.informational_responses_go_out"] = without "http.response.informational",
    ["send.a_file_is_sent"] = change_message("http.response.pathsend", function()
        return { type = "http.response.body", body = "something else" }
    end),
    ["send.a_file_has_its_length"] = send_lie(function(send, message)
        if message.type ~= "http.response.pathsend" then
            return send(message)
        end
        send { type = "http.response.body", body = "the file's ", more_body = true }
        return send { type = "http.response.body", body = "own bytes" }
    end),
    ["send.a_missing_file_is_a_clean_500"] = send_lie(function(send, message)
        local passed, err = pcall(send, message)
        if not passed and message.type == "http.response.pathsend" then
            return send { type = "http.response.body" }
        end
        return passed or error(err, 0)
    end),
    ["send.an_error_before_the_start_is_500"] = complete(complete_with_200),
    ["send.an_error_inside_the_body_cuts_the_response"] = complete(function(send)
        send { type = "http.response.body" }
    end),
    ["send.an_error_behind_the_response_changes_nothing"] = on_http(
        function(app, scope, receive, send)
            local messages = {}
            app(scope, receive, function(message)
                messages[#messages + 1] = message
                return true
            end)
            for _, message in ipairs(messages) do
                send(message)
            end
        end),
    ["send.an_error_behind_the_start_is_a_clean_500"] = send_lie(function(send, message)
        send(message)
        return message.type ~= "http.response.start"
            or send { type = "http.response.body", body = "", more_body = true }
    end),
    ["send.to_return_without_a_response_is_500"] = complete(complete_with_200),
    ["send.to_return_inside_the_body_cuts_the_response"] = complete(function(send)
        send { type = "http.response.body" }
    end),
    ["send.date_is_added"] = wire(function(bytes)
        return (bytes:gsub("\r\n[Dd]ate: ", "\r\nx-date: "))
    end),
    ["send.one_message_gets_a_length"] = send_lie(function(send, message)
        if message.type == "http.response.body" and not message.more_body then
            send { type = "http.response.body", body = message.body, more_body = true }
            return send { type = "http.response.body" }
        end
        return send(message)
    end),
    ["send.the_applications_own_length_is_kept"] = drop_header "content-length",
    ["send.several_messages_are_chunked"] = on_http(function(app, scope, receive, send)
        local parts = {}
        return app(scope, receive, function(message)
            if message.type ~= "http.response.body" then
                return send(message)
            end
            parts[#parts + 1] = message.body
            return message.more_body
                or send { type = "http.response.body", body = table.concat(parts) }
        end)
    end),
    ["send.no_body_for_HEAD"] = wire(function(bytes)
        return (bytes:gsub("^(HTTP/1%.1 200.*content%-length: 9\r\n.*\r\n)$", "%1one piece"))
    end),
    ["send.no_body_for_1xx"] = body_behind(103),
    ["send.no_body_for_204"] = body_behind(204),
    ["send.no_body_for_304"] = body_behind(304),
    ["send.a_body_that_is_too_long_raises"] = drop_header "content-length",
    ["send.a_body_that_is_too_short_raises"] = drop_header "content-length",
    ["send.a_wrong_length_found_in_time_is_500"] = drop_header "content-length",
    ["send.hop_by_hop_headers_are_dropped"] = head_line "upgrade: probe",

    ["lifespan.one_call_for_the_lifespan"] = lifespan_lie(function(app, scope, receive, send)
        pcall(app, { type = "lifespan", state = {} }, function()
            return { type = "lifespan.startup" }
        end, error)
        return app(scope, receive, send)
    end),
    ["lifespan.lifespan_has_a_state"] = lifespan_lie(function(app, scope, receive, send)
        local state = scope.state
        return app(setmetatable({ type = "lifespan" }, { __index = function(_, key)
            -- Once: what the probe describes has none; where it puts it, there is one.
            if key == "state" then
                local first = state
                state = scope.state
                return first
            end
        end }), receive, send)
    end),
    ["lifespan.start_up_comes_first"] = lifespan_lie(function(app, scope, receive, send)
        return app(scope, function()
            receive()
            return { type = "lifespan.start" }
        end, send)
    end),
    ["lifespan.unknown_types_raise"] = swallow_in_lifespan,
    ["lifespan.messages_out_of_order_raise"] = swallow_in_lifespan,
}

-- A server of `app` on a port of its own; what stops it.
local function serve(app)
    local state = {}
    local life = lifespan.open(app, state)

    assert(life:start())
    local server = server_core.new(app, state, { body_timeout = 0.5 })
    local url = assert(server:listen("127.0.0.1", 0, 16))
    return url, function()
        server:abort()
        server:drain(1, true)
        life:stop(1)
    end
end

local function between(socket, lie)
    return {
        read = function(_, max)
            local bytes, err = socket:read(max)
            return bytes and lie.from and lie.from(bytes) or bytes, err
        end,
        write = function(_, bytes)
            return socket:write(lie.to and lie.to(bytes) or bytes)
        end,
        close = function()
            socket:close()
        end,
        reset = function()
            socket:reset()
        end,
        name = function()
            return socket:name()
        end,
    }
end

-- The probe as a server finds it that has just started.
local function new_probe()
    package.loaded["atlas.conformance.probe"] = nil
    return require("atlas.conformance.probe").app
end

-- The results of the check `name` when the server lies.
local function try(name, lie)
    local app = new_probe()
    app = type(lie) == "function" and lie(app) or app
    local url, stop = serve(app)
    local wrap = client.wrap

    if type(lie) == "table" then
        client.wrap = function(socket, place)
            return wrap(between(socket, lie), place)
        end
    end
    local words = name:gsub("^.*%.", ""):gsub("_", " ")
    local results, message = conformance.run { target = url, filter = "^" .. words .. "$",
        patience = 3 }
    client.wrap = wrap
    stop()
    assert(results, message)
    return results
end

atlas.log.configure { stream = "stderr", level = "critical" }

for name, lie in pairs(lies) do
    test("a server fails: " .. name, function()
        local found, texts = false, {}
        for _, result in ipairs(try(name, lie)) do
            found = found or not result.ok
            texts[#texts + 1] = tostring(result.message)
        end
        assert(found, "it passes: " .. table.concat(texts, ", "))
    end)
end

test("each check of a server has one that fails it, but for what Atlas doesn't offer", function()
    for _, file in ipairs { "scope", "receive", "send", "lifespan" } do
        for name in pairs(require("atlas.conformance.server." .. file)) do
            assert(lies[file .. "." .. name], file .. "." .. name)
        end
    end
end)

test("each check is in the table of sentences, and there are no others", function()
    local used = {}

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            for name in (row.server or ""):gmatch "%S+" do
                local file, fn = name:match "^(%w+)%.([%w_]+)$"
                assert(require("atlas.conformance.server." .. file)[fn], name)
                used[name] = true
            end
        end
    end
    for _, file in ipairs { "scope", "receive", "send", "lifespan", "websocket", "http2" } do
        for name in pairs(require("atlas.conformance.server." .. file)) do
            assert(used[file .. "." .. name], name)
        end
    end
end)

-- The contract's text: without what is no sentence, in one line.
local function read_contract()
    local file = assert(io.open "../../docs/design/lasgi.md")
    local text = file:read "*a"

    file:close()
    text = ("\n" .. text):gsub("\n## Middleware.*", "\n"):gsub("\n```.-\n```", "\n")
    text = text:gsub("\n#[^\n]*", "\n"):gsub("\n|%-[^\n]*", "\n"):gsub("\n| ", "\n")
    return (text:gsub(" |\n", "\n"):gsub(" | ", " "):gsub("\n%- ", "\n"):gsub("%s+", " "))
end

test("the table of sentences is the contract, whole and in order", function()
    local rest = read_contract()

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            local from, to = rest:find(row[1], 1, true)
            assert(from, "not in the contract, or not in this place: " .. row[1])
            local skipped = rest:sub(1, from - 1)
            assert(not skipped:find "%w", "not in the table: " .. skipped)
            rest = rest:sub(to + 1)
        end
    end
    assert(not rest:find "%w", "not in the table: " .. rest)
end)

test("each sentence has a check, or says why not, or obliges nobody", function()
    local oblige_nobody = 0

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            if not (row.app or row.server or row.server_why) then
                oblige_nobody = oblige_nobody + 1
            end
        end
    end
    check.eq(oblige_nobody, 4) -- what LASGI is, where it runs, "may", the head of a table
end)

test("Atlas's own server passes", function()
    local url, stop = serve(new_probe())
    local failed = {}

    for _, result in ipairs(assert(conformance.run { target = url, patience = 3 })) do
        if not result.ok then
            failed[#failed + 1] = result.name .. ": " .. result.message
        end
    end
    stop()
    assert(#failed == 0, table.concat(failed, "; "))
end)

test("what serves something else is told how to serve the probe", function()
    local url, stop = serve(function(scope, _, send)
        if scope.type == "http" then
            send { type = "http.response.start", status = 200 }
            send { type = "http.response.body", body = "Hello!" }
        end
    end)
    local results, message = conformance.run { target = url }

    stop()
    assert(not results)
    assert(message:find("atlas serve atlas.conformance.probe:app", 1, true), message)
end)
