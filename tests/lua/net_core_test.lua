-- net_core_test.lua - sockets: connect, read, write, close; and who is cancelled.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local net = require "atlas.net.core"
local server_core = require "atlas.server.core"

local eq = check.eq

-- A server to talk to: echoes a body, or leaves it unread until it is told.
local release, served = atlas.event(), atlas.event()
local server, port, path

local function app(scope, receive, send)
    if scope.path == "/slow" then
        release:wait()
    end
    local parts = {}
    repeat
        local message = receive()
        parts[#parts + 1] = message.body
    until not message.more_body
    if send { type = "http.response.start", status = 200 } then
        send { type = "http.response.body", body = table.concat(parts) }
    end
    served:set()
end

setup(function()
    server = server_core.new(app, {}, {})
    port = tonumber(assert(server:listen("127.0.0.1", 0, 16)):match ":(%d+)$")
    path = os.tmpname()
    os.remove(path)
    assert(server:listen_unix(path, 16))
end)

teardown(function()
    server:abort()
    server:drain(1, true)
    os.remove(path)
end)

local function connect()
    local socket = net.socket()

    assert(socket:connect("127.0.0.1", port))
    return socket
end

local REQUEST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

local function read_all(socket, max)
    local parts = {}
    while true do
        local bytes, err = socket:read(max)
        if not bytes then
            return table.concat(parts), err
        end
        assert(#bytes >= 1 and #bytes <= (max or 65536))
        parts[#parts + 1] = bytes
    end
end

test("what is written is answered, and the end is EOF each time", function()
    local socket = connect()

    eq(socket:write(REQUEST), true)
    local text, err = read_all(socket)
    assert(text:find "hello$", text)
    eq(err.code, "EOF")
    eq(select(2, socket:read()).code, "EOF")
    socket:close()
end)

test("a read takes no more than it may, and loses nothing", function()
    local socket = connect()

    socket:write(REQUEST)
    assert(read_all(socket, 1):find "^HTTP/1.1 200 .*hello$")
    socket:close()
end)

test("a unix socket is connected by its path", function()
    local socket = net.socket()

    eq(socket:connect(path), true)
    socket:write(REQUEST)
    assert(read_all(socket):find "hello$")
    socket:close()
end)

test("localhost and IPv6 addresses are hosts, names are not", function()
    local socket = net.socket()
    eq(socket:connect("localhost", port), true)
    socket:close()
    local err = select(2, net.socket():connect("example.org", port))
    eq(err.code, "EINVAL")
    err = select(2, net.socket():connect("127.0.0.1", 0))
    eq(err.code, "EINVAL")
end)

test("nobody who listens is nil and an error", function()
    local _, err = net.socket():connect("127.0.0.1", 1)
    eq(err.code, "ECONNREFUSED")
    _, err = net.socket():connect "/nonexistent/socket"
    eq(err.code, "ENOENT")
    _, err = net.socket():connect(("x"):rep(200))
    eq(err.code, "ENAMETOOLONG")
end)

test("a socket that is not connected, or closed, says so", function()
    local socket = net.socket()

    eq(select(2, socket:read()).code, "ENOTCONN")
    eq(select(2, socket:write "x").code, "ENOTCONN")
    eq(tostring(socket), "atlas.net.Socket (not connected)")
    socket:close()
    eq(select(2, socket:read()).code, "ECLOSED")
    assert(not pcall(socket.connect, socket, "127.0.0.1", port))
    socket = connect()
    eq(tostring(socket), "atlas.net.Socket (open)")
    assert(not pcall(socket.connect, socket, "127.0.0.1", port))
    socket:close()
    socket:close()
    eq(select(2, socket:write "x").code, "ECLOSED")
    eq(select(2, socket:name()).code, "ECLOSED")
    eq(tostring(socket), "atlas.net.Socket (closed)")
end)

test("arguments that are wrong raise and name it", function()
    local socket = connect()

    for _, call in ipairs {
        { "read", "x" }, { "read", 0 }, { "write" }, { "write", {} },
    } do
        local ok, err = pcall(socket[call[1]], socket, call[2])
        assert(not ok and tostring(err):find(call[1], 1, true), tostring(err))
    end
    local ok, err = pcall(socket.connect, net.socket(), "127.0.0.1", 65536)
    assert(not ok and err:find "port", err)
    assert(not pcall(socket.read, {}))
    socket:close()
end)

test("a read that is cancelled has taken nothing", function()
    local socket = connect()
    local reader = atlas.spawn(socket.read, socket)

    atlas.sleep(0)
    reader:cancel()
    reader:pawait()
    socket:write(REQUEST)
    assert(read_all(socket):find "^HTTP/1.1 200 .*hello$")
    socket:close()
end)

test("a write that waits is cancelled, which closes the socket", function()
    release:clear()
    served:clear()
    local socket = connect()

    socket:write "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 16000000\r\n\r\n"
    local other = atlas.spawn(socket.read, socket)
    local in_time = atlas.move_on(0.05, socket.write, socket, ("x"):rep(16000000))
    eq(in_time, false)
    eq(select(2, socket:write "x").code, "ECLOSED")
    eq(select(2, other:await()).code, "ECLOSED")
    release:set()
    served:wait()
    atlas.sleep(0.01) -- the server's end is closed
end)

test("an attempt to connect is cancelled, which closes the socket", function()
    local socket = net.socket()
    local dialler = atlas.spawn(socket.connect, socket, "127.0.0.1", port)

    atlas.spawn(function()
        dialler:cancel() -- in the same turn: it can't be connected yet
    end)
    eq(dialler:pawait(), false)
    eq(select(2, socket:read()).code, "ECLOSED")
    socket:close()
end)

test("who waits when it is closed is told", function()
    local socket = connect()
    local reader = atlas.spawn(socket.read, socket)

    atlas.sleep(0)
    socket:close()
    eq(select(2, reader:await()).code, "ECLOSED")
end)

test("a second reader raises", function()
    local socket = connect()
    local reader = atlas.spawn(socket.read, socket)

    atlas.sleep(0)
    local ok, err = pcall(socket.read, socket)
    assert(not ok and err:find "another task reads already", err)
    socket:close()
    reader:await()
end)

test("much is written while the other side reads, and nothing is lost", function()
    local socket = connect()
    local body = ("0123456789abcdef"):rep(500000)

    socket:write(("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n")
        :format(#body))
    eq(socket:write(body), true)
    local text = read_all(socket)
    eq(text:sub(-#body) == body, true)
    socket:close()
end)

test("shutdown sends FIN, and reading goes on", function()
    local socket = connect()

    socket:write "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    socket:shutdown()
    eq(select(2, socket:write "x").code, "EPIPE")
    local _, err = read_all(socket)
    eq(err.code, "EOF")
    socket:close()
end)

test("its own address", function()
    local socket = connect()
    local host, own = socket:name()

    eq(host, "127.0.0.1")
    assert(own > 0 and own ~= port)
    socket:reset()
end)

test("where no task may wait nothing is started", function()
    local socket = connect()
    local ok, err = pcall(atlas.original.table.sort, { 1, 2 }, function()
        return socket:read()
    end)

    assert(not ok and tostring(err):find "cannot wait here", tostring(err))
    socket:write(REQUEST)
    assert(read_all(socket):find "hello$")
    socket:close()
end)

test("sockets that nobody keeps are closed when they are collected", function()
    local before = require("atlas.task.core").counts().blocks

    for _ = 1, 20 do
        connect()
    end
    for _ = 1, 3 do
        collectgarbage()
        atlas.sleep(0.01)
    end
    local left = require("atlas.task.core").counts().blocks - before
    assert(left <= 20, left .. " blocks are left")
end)

test("one that is collected while a task waits in it does no harm", function()
    local task = atlas.spawn(function()
        connect():read()
    end)

    atlas.sleep(0.01)
    collectgarbage()
    collectgarbage()
    task:cancel()
    task:pawait()
end)
