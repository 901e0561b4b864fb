-- websocket.lua - checks of a server that offers WebSockets: frames by hand
-- (RFC 6455).

local client = require "atlas.conformance.client"
local expect = require "atlas.conformance.expect"

local eq, holds = expect.eq, expect.holds

local M = {}

local TEXT, BINARY, CLOSE = 1, 2, 8

-- A masked frame: the key is zero, so that the mask changes nothing (RFC 6455
-- 5.3 asks clients for a random one to protect proxies, of which there is none).
local function frame(opcode, data)
    local length = #data
    local head

    if length < 126 then
        head = string.char(128 + opcode, 128 + length)
    elseif length < 65536 then
        head = string.char(128 + opcode, 128 + 126, math.floor(length / 256), length % 256)
    else
        head = string.char(128 + opcode, 128 + 127, 0, 0, 0, 0,
            math.floor(length / 2 ^ 24), math.floor(length / 2 ^ 16) % 256,
            math.floor(length / 256) % 256, length % 256)
    end
    return head .. "\0\0\0\0" .. data
end

local function need(conn, count)
    while #conn.buffer < count do
        local ok, code = conn:fill()
        holds(ok, "the connection ends inside a frame: %s", code)
    end
end

-- The next frame: its opcode and its data.
local function read_frame(conn)
    need(conn, 2)
    local opcode, length = conn.buffer:byte(1) % 16, conn.buffer:byte(2)
    local at = 3

    holds(length < 128, "the server masks its frames")
    if length >= 126 then
        local bytes = length == 126 and 2 or 8
        need(conn, 2 + bytes)
        length = 0
        for i = 3, 2 + bytes do
            length = length * 256 + conn.buffer:byte(i)
        end
        at = 3 + bytes
    end
    need(conn, at - 1 + length)
    local data = conn.buffer:sub(at, at - 1 + length)
    conn.buffer = conn.buffer:sub(at + length)
    return opcode, data
end

local function read_close(conn)
    local opcode, data = read_frame(conn)

    eq(opcode, CLOSE, "the opcode of the frame")
    if #data < 2 then
        return nil, ""
    end
    return data:byte(1) * 256 + data:byte(2), data:sub(3)
end

local function upgrade(probe, request)
    request = request or {}
    request.probe = probe
    request.headers = request.headers or {}
    for _, pair in ipairs {
        { "Connection", "Upgrade" }, { "Upgrade", "websocket" }, { "Sec-WebSocket-Version", "13" },
        { "Sec-WebSocket-Key", "bGFzZ2kgY29uZm9ybWFuYw==" },
    } do
        table.insert(request.headers, pair)
    end
    return request
end

-- Ask for a WebSocket; the response and the connection.  The check is skipped
-- if the server offers none.
local function open(c, probe, request)
    if c.websocket == nil then
        c.websocket = c:request(upgrade("ws_echo", {
            headers = { { "Origin", "http://" .. c.place.authority } },
        })).status == 101
    end
    if not c.websocket then
        expect.skip "the server doesn't offer WebSockets"
    end
    return c:request(upgrade(probe, request))
end

-- An echoing WebSocket: the connection, the scope that it has, the response.
local function open_echo(c, request)
    local response, conn = open(c, "ws_echo", request)

    eq(response.status, 101, "the status of the answer to the handshake")
    local opcode, data = read_frame(conn)
    eq(opcode, TEXT, "the opcode of the first message")
    return conn, client.decode(data), response
end

local function finished(report)
    return report.over
end

function M.one_call_a_websocket(c)
    local id = c:new_id()
    local conn = open_echo(c, { id = id })

    conn:write(frame(TEXT, "x"))
    read_frame(conn)
    eq(c:report(id).calls, 1, "the number of calls for one connection")
end

function M.the_scope_of_a_websocket(c)
    local _, told = open_echo(c, {
        target = "/caf%C3%A9?x=%41", headers = { { "Sec-WebSocket-Protocol", "one, two" } },
    })
    local read = told.read

    eq(read.type, "websocket", "scope.type")
    eq(read.scheme, "ws", "scope.scheme")
    eq(table.concat(read.subprotocols or {}, " "), "one two", "scope.subprotocols")
    eq(read.method, nil, "scope.method")
    eq(read.path, "/caf\195\169", "scope.path")
    eq(read.raw_path, "/caf%C3%A9", "scope.raw_path")
    eq(read.query_string, "x=%41", "scope.query_string")
    eq(type(read.state), "table", "the type of scope.state")
end

function M.no_subprotocols_are_an_empty_array(c)
    local _, told = open_echo(c)

    eq(type(told.read.subprotocols), "table", "the type of scope.subprotocols")
    eq(#told.read.subprotocols, 0, "the number of subprotocols")
end

function M.no_origin_is_let_through(c)
    open_echo(c)
end

function M.deflate_is_negotiated(c)
    local _, _, response = open_echo(c, {
        headers = { { "Sec-WebSocket-Extensions", "permessage-deflate" } },
    })

    expect.matches(response:header "sec-websocket-extensions", "permessage%-deflate",
        "sec-websocket-extensions")
end

function M.no_deflate_unless_the_client_offers_it(c)
    local _, _, response = open_echo(c)

    eq(response:header "sec-websocket-extensions", nil, "sec-websocket-extensions")
end

function M.a_message_of_1_MiB_is_taken(c)
    local conn = open_echo(c)
    local data = ("x"):rep(1048576)

    conn:write(frame(BINARY, data))
    local _, echoed = read_frame(conn)
    eq(#echoed, #data, "the length of the message, echoed")
end

function M.a_longer_message_is_1009(c)
    local conn = open_echo(c)

    conn:write(frame(BINARY, ("x"):rep(1048577)))
    eq(read_close(conn), 1009, "the code of the close frame")
end

function M.connect_comes_first(c)
    local _, told = open_echo(c)

    eq(told.first, "websocket.connect", "the type of the first message")
end

function M.text_and_bytes_are_told_apart(c)
    local conn = open_echo(c)

    for _, opcode in ipairs { TEXT, BINARY } do
        conn:write(frame(opcode, "caf\195\169"))
        local got, data = read_frame(conn)
        eq(got, opcode, "the opcode of the message, echoed")
        eq(data, "caf\195\169", "the message, echoed")
    end
end

function M.fragments_are_one_message(c)
    local conn = open_echo(c)
    local first, last = frame(TEXT, "one,"), frame(0, "two")

    conn:write(string.char(first:byte(1) - 128) .. first:sub(2))
    conn:write(last)
    local _, data = read_frame(conn)
    eq(data, "one,two", "the message, echoed")
end

function M.a_disconnect_has_code_and_reason(c)
    local id = c:new_id()
    local conn = open_echo(c, { id = id })

    conn:write(frame(CLOSE, "\15\160bye")) -- 4000
    local report = c:report(id, finished, "receive() doesn't tell that the client has closed")
    eq(report.last, "websocket.disconnect", "the type of the last message")
    eq(report.code, 4000, "its code")
    eq(report.reason, "bye", "its reason")
end

function M.a_client_that_leaves_is_told(c)
    local id = c:new_id()
    local conn = open_echo(c, { id = id })

    conn:reset()
    local report = c:report(id, finished, "receive() doesn't tell that the client has gone")
    eq(report.last, "websocket.disconnect", "the type of the last message")
    eq(report.code, 1006, "its code")
end

function M.accept_chooses_subprotocol_and_headers(c)
    local _, _, response = open_echo(c, {
        argument = "two", headers = { { "Sec-WebSocket-Protocol", "one, two" } },
    })

    eq(response:header "sec-websocket-protocol", "two", "sec-websocket-protocol")
    eq(response:header "x-accept", "1", "a header of websocket.accept")
end

function M.close_has_code_and_reason(c)
    local _, conn = open(c, "ws_close", { argument = "4001 enough" })
    local code, reason = read_close(conn)

    eq(code, 4001, "the code of the close frame")
    eq(reason, "enough", "its reason")
end

function M.the_default_code_is_1000(c)
    local _, conn = open(c, "ws_close")

    eq(read_close(conn), 1000, "the code of the close frame")
end

function M.close_before_acceptance_is_403(c)
    eq(open(c, "ws_refuse").status, 403, "the status")
end

function M.any_response_may_refuse(c)
    local _, told = open_echo(c)

    if not told.read.extensions["websocket.http.response"] then
        expect.skip "the server doesn't offer websocket.http.response"
    end
    local response = open(c, "ws_refuse_with")
    eq(response.status, 451, "the status")
    eq(response:header "x-refused", "1", "its header")
    eq(response.body, "no", "its body")
end

function M.misuse_raises(c)
    local _, conn = open(c, "ws_misuse")
    local _, data = read_frame(conn)
    local report = client.decode(data)

    expect.matches(report.early, "^raised .*websocket%.send", "send before acceptance")
    expect.matches(report.unknown, "^raised .*websocket%.bogus", "an unknown type")
    expect.matches(report.twice, "^raised .*websocket%.accept", "a second acceptance")
end

return M
