-- pipes.lua - a server on a unix socket, datagrams, and a pair of sockets.
local uv = require "luv"

local folder = assert(uv.fs_mkdtemp(uv.os_tmpdir() .. "/luv-XXXXXX"))
local path = folder .. "/socket"
local server = uv.new_pipe(false)
assert(server:bind(path))
server:listen(8, function()
    local client = uv.new_pipe(false)
    server:accept(client)
    client:write("welcome", function()
        client:close()
        server:close()
    end)
end)
local pipe = uv.new_pipe(false)
pipe:connect(path, function(err)
    assert(not err, err)
    pipe:read_start(function(_, chunk)
        print("pipe", chunk)
        if not chunk then
            pipe:close()
        end
    end)
end)
print("run", uv.run())
uv.fs_rmdir(folder)

local receiver, sender = uv.new_udp(), uv.new_udp()
receiver:bind("127.0.0.1", 0)
receiver:recv_start(function(err, data, from)
    if data then
        print("udp", err, data, from.ip)
        receiver:close()
        sender:close()
    end
end)
sender:send("datagram", "127.0.0.1", receiver:getsockname().port, function(err)
    print("sent", err)
end)
print("run", uv.run())
