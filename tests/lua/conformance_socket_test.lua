-- conformance_socket_test.lua - the checks of WebSockets and of HTTP/2 pass with
-- a server that does what LASGI says, and each fails with one that doesn't.
-- SPDX-License-Identifier: MIT
--
-- The server is a few lines at the other end of a socket that is a table: it
-- plays the probe as far as these checks look.

local atlas = require "atlas"
local client = require "atlas.conformance.client"
local conformance = require "atlas.conformance"
local json = require "atlas.json"


client.patience = 1

local reports = {}

-- A socket: what is written goes to self.serve(bytes), which answers by put().
local function new_socket(serve)
    local socket = { out = "", news = atlas.event(), left = false }

    function socket.put(bytes)
        socket.out = socket.out .. bytes
        socket.news:set()
    end
    function socket.read()
        while socket.out == "" do
            if socket.left then
                return nil, { code = "EOF" }
            end
            socket.news:clear()
            socket.news:wait()
        end
        local bytes = socket.out
        socket.out = ""
        return bytes
    end
    function socket.write(_, bytes)
        serve(socket, bytes)
        return true
    end
    function socket.name()
        return "127.0.0.1", 1
    end
    function socket.close()
        if socket.on_leave then
            socket.on_leave()
        end
    end
    socket.reset = socket.close
    return socket
end

local function respond(socket, status, body, ...)
    local lines = { "HTTP/1.1 " .. status .. " x", ... }

    if status ~= 101 then
        lines[#lines + 1] = "content-length: " .. #body
    end
    socket.put(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (status ~= 101 and body or ""))
end

-- WebSockets.

local function to_frame(opcode, data)
    local n = #data

    if n < 126 then
        return string.char(128 + opcode, n) .. data
    elseif n < 65536 then
        return string.char(128 + opcode, 126, math.floor(n / 256), n % 256) .. data
    end
    return string.char(128 + opcode, 127, 0, 0, 0, 0, math.floor(n / 2 ^ 24),
        math.floor(n / 2 ^ 16) % 256, math.floor(n / 256) % 256, n % 256) .. data
end

-- One frame of the client: its opcode, whether it is the last, its data.
local function from_frame(bytes)
    local first, n = bytes:byte(1, 2)
    local at = 3

    n = n - 128
    if n >= 126 then
        local count = n == 126 and 2 or 8
        n = 0
        for i = 3, 2 + count do
            n = n * 256 + bytes:byte(i)
        end
        at = 3 + count
    end
    return first % 16, first >= 128, bytes:sub(at + 4, at + 3 + n)
end

local function echo(socket, headers, lie)
    local report = reports[headers["lasgi-id"] or ""] or { calls = 0 }
    local message = ""

    reports[headers["lasgi-id"] or ""] = report
    report.calls = report.calls + 1 + (lie.extra_calls or 0)
    socket.on_leave = function()
        if not report.over and not lie.never_over then
            report.last, report.code, report.over = "websocket.disconnect", lie.code or 1006, true
        end
    end
    local told = { first = lie.first or "websocket.connect", read = {
        type = "websocket", scheme = lie.scheme or "ws", path = "/caf\195\131\194\169",
        raw_path = "/caf%C3%A9", query_string = "x=%41", state = { a = 1 },
        extensions = { ["websocket.http.response"] = {} },
        subprotocols = json.array {},
    } }
    for name in (headers["sec-websocket-protocol"] or ""):gmatch "%w+" do
        table.insert(told.read.subprotocols, name)
    end
    if lie.no_list then
        told.read.subprotocols = nil
    end
    socket.put(to_frame(1, json.encode(told)))
    return function(bytes)
        local opcode, is_last, data = from_frame(bytes)
        message = (lie.no_fragments and "" or message) .. data
        if opcode == 8 then
            report.last, report.over = "websocket.disconnect", true
            report.code = lie.code or data:byte(1) * 256 + data:byte(2)
            report.reason = data:sub(3)
        elseif #message > (lie.limit or 1048576) then
            socket.put(to_frame(8, "\3\241"))
        elseif is_last then
            socket.put(to_frame(lie.opcode or opcode == 0 and 1 or opcode, message))
            message = ""
        end
    end
end

local programs = {}

function programs.ws_close(socket, headers, lie)
    local code, reason = (headers["lasgi-argument"] or "1000 "):match "^(%d+) (.*)$"

    code = lie.code or tonumber(code)
    socket.put(to_frame(8, string.char(math.floor(code / 256), code % 256) .. reason))
end

function programs.ws_misuse(socket, _, lie)
    socket.put(to_frame(1, json.encode {
        early = lie.early or "raised websocket.send", unknown = "raised websocket.bogus",
        twice = "raised websocket.accept",
    }))
end

local function upgrade(socket, headers, lie)
    local lines = { "x-accept: 1" }

    if lie.needs_origin and not headers.origin then
        return respond(socket, 403, "")
    end
    if headers["lasgi-probe"] == "ws_echo" and headers["lasgi-argument"] and not lie.no_choice then
        lines[#lines + 1] = "sec-websocket-protocol: " .. headers["lasgi-argument"]
    end
    local wants = headers["sec-websocket-extensions"] ~= nil
    if (wants and not lie.no_deflate) or lie.always_deflate then
        lines[#lines + 1] = "sec-websocket-extensions: permessage-deflate"
    end
    respond(socket, 101, "", (table.unpack or unpack)(lines))
    local program = programs[headers["lasgi-probe"]] or echo
    socket.frames = program(socket, headers, lie)
end

-- HTTP/1.1, as far as it leads to the above.
local function serve_one(lie)
    return function(socket, bytes)
        if socket.frames then
            return socket.frames(bytes)
        end
        local headers = {}
        for name, value in bytes:gmatch "\r\n([^:\r\n]+): ([^\r\n]*)" do
            headers[name:lower()] = value
        end
        local probe = headers["lasgi-probe"]
        if bytes:find "^PRI" then
            return respond(socket, 400, "")
        elseif probe == "ws_refuse" then
            respond(socket, lie.refusal or 403, "")
        elseif probe == "ws_refuse_with" then
            respond(socket, lie.refusal or 451, "no", "x-refused: 1")
        elseif headers.upgrade then
            upgrade(socket, headers, lie)
        elseif probe == "report" then
            respond(socket, 200, json.encode(reports[headers["lasgi-id"]] or { missing = true }))
        else
            respond(socket, 200, json.encode { probe = "lasgi", has_tasks = true })
        end
    end
end

-- HTTP/2.

local function h2_frame(kind, flags, stream, payload)
    local n = #payload

    return string.char(0, math.floor(n / 256), n % 256, kind, flags, 0, 0, 0, stream) .. payload
end

local function decode_block(payload)
    local fields, at = {}, 1

    while at <= #payload do
        local n = payload:byte(at + 1)
        local name = payload:sub(at + 2, at + 1 + n)
        at = at + 2 + n
        local m = payload:byte(at)
        fields[#fields + 1] = { name, payload:sub(at + 1, at + m) }
        at = at + 1 + m
    end
    return fields
end

local function answer_stream(socket, fields, lie)
    local headers, cookies, probe = {}, {}, nil

    for _, field in ipairs(fields) do
        if field[1] == "cookie" and not lie.crumbs then
            cookies[#cookies + 1] = field[2]
        elseif field[1] == ":authority" and not lie.no_host then
            headers[#headers + 1] = { "host", field[2] }
        elseif not field[1]:find "^:" or lie.pseudo then
            headers[#headers + 1] = field
        end
        probe = field[1] == "lasgi-probe" and field[2] or probe
    end
    headers[#headers + 1] = #cookies > 0 and { "cookie", table.concat(cookies, "; ") } or nil
    socket.put(h2_frame(1, 4, 1, "\136"))
    if probe == "leave" then
        socket.put(h2_frame(0, 0, 1, "begun"))
        return socket.put(lie.ends and h2_frame(0, 1, 1, "") or h2_frame(3, 0, 1, "\0\0\0\2"))
    end
    socket.put(h2_frame(0, 1, 1, json.encode {
        read = { http_version = lie.version or "2", headers = headers },
    }))
end

local function serve_two(lie)
    local one = serve_one(lie)

    return function(socket, bytes)
        if bytes:find "^PRI" then
            socket.is_two = true
            return socket.put(h2_frame(4, 0, 0, ""))
        elseif not socket.is_two then
            return one(socket, bytes)
        elseif bytes:byte(4) == 1 then
            answer_stream(socket, decode_block(bytes:sub(10)), lie)
        end
    end
end

-- The results of all checks of `file`, or of one, against such a server.
local function try(serve, section, name)
    local connect = client.connect

    client.connect = function(place)
        return client.wrap(new_socket(serve), place)
    end
    local results, message = conformance.run {
        target = "http://127.0.0.1:1",
        filter = name and "^" .. name:gsub("_", " ") .. "$" or section,
    }
    client.connect = connect
    return assert(results, message)
end

local lies = {
    websocket = {
        one_call_a_websocket = { extra_calls = 1 },
        the_scope_of_a_websocket = { scheme = "http" },
        no_subprotocols_are_an_empty_array = { no_list = true },
        no_origin_is_let_through = { needs_origin = true },
        deflate_is_negotiated = { no_deflate = true },
        no_deflate_unless_the_client_offers_it = { always_deflate = true },
        a_message_of_1_MiB_is_taken = { limit = 1048575 },
        a_longer_message_is_1009 = { limit = 2 ^ 30 },
        connect_comes_first = { first = "websocket.receive" },
        text_and_bytes_are_told_apart = { opcode = 2 },
        fragments_are_one_message = { no_fragments = true },
        a_disconnect_has_code_and_reason = { code = 1000 },
        a_client_that_leaves_is_told = { never_over = true },
        accept_chooses_subprotocol_and_headers = { no_choice = true },
        close_has_code_and_reason = { code = 1000 },
        the_default_code_is_1000 = { code = 1001 },
        close_before_acceptance_is_403 = { refusal = 500 },
        any_response_may_refuse = { refusal = 403 },
        misuse_raises = { early = "true" },
    },
    http2 = {
        http_version_is_2 = { version = "1.1" },
        host_is_made_of_authority = { no_host = true },
        cookies_are_joined = { crumbs = true },
        pseudo_headers_are_not_listed = { pseudo = true },
        a_response_that_is_cut_resets_its_stream = { ends = true },
    },
}
local servers = { websocket = serve_one, http2 = serve_two }

-- `name` may be the name of a check in another file too, which fails here.
local function find(results, file, name)
    local sentence

    for _, group in ipairs(require "atlas.conformance.sentences") do
        for _, row in ipairs(group) do
            local checks = " " .. (row.server or "") .. " "
            if checks:find(" " .. file .. "." .. name .. " ", 1, true) then
                sentence = row[1]
            end
        end
    end
    local found
    for _, result in ipairs(results) do
        if result.sentence == sentence and result.name == name:gsub("_", " ") then
            found = result
        end
    end
    return found
end

for file, list in pairs(lies) do
    for name, lie in pairs(list) do
        test(file .. " passes: " .. name, function()
            local result = find(try(servers[file] {}, nil, name), file, name)
            assert(result.ok and not result.skipped, result.message)
        end)
        test(file .. " fails: " .. name, function()
            local result = find(try(servers[file](lie), nil, name), file, name)
            assert(not result.ok, "it passes")
        end)
    end
    test("each check of " .. file .. " has a server that fails it", function()
        for name in pairs(require("atlas.conformance.server." .. file)) do
            assert(list[name], name)
        end
    end)
end

test("a server without WebSockets is not checked for them", function()
    local results = try(function(socket, bytes)
        return serve_one {}(socket, (bytes:gsub("Upgrade: websocket", "x-upgrade: no")))
    end, "^WebSocket scope$")

    assert(#results > 10)
    for _, result in ipairs(results) do
        assert(result.skipped and result.message:find "doesn't offer WebSockets", result.name)
    end
end)
