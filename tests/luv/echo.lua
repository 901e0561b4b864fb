-- echo.lua - a TCP server that says what it hears, and clients of it.
local uv = require "luv"

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(128, function(err)
    assert(not err, err)
    local client = uv.new_tcp()
    assert(server:accept(client))
    client:nodelay(true)
    client:read_start(function(read_err, chunk)
        assert(not read_err, read_err)
        if chunk then
            client:write(chunk)
        else
            client:shutdown(function()
                client:close()
            end)
        end
    end)
end))

local address = server:getsockname()
print(address.family, address.ip)

local function say(texts, done)
    local heard = {}
    local tcp = uv.new_tcp()
    tcp:connect(address.ip, address.port, function(err)
        assert(not err, err)
        tcp:read_start(function(read_err, chunk)
            assert(not read_err, read_err)
            if chunk then
                heard[#heard + 1] = chunk
            else
                tcp:close(function()
                    done(table.concat(heard))
                end)
            end
        end)
        for _, text in ipairs(texts) do
            tcp:write(text)
        end
        tcp:shutdown()
    end)
end

say({ "one ", "two ", "three" }, function(first)
    print(first)
    say({ ("x"):rep(300000) }, function(second)
        print(#second)
        server:close()
    end)
end)

print("run", uv.run())

-- Nobody listens there any more.
local late = uv.new_tcp()
late:connect(address.ip, address.port, function(err)
    print(err)
    late:close()
end)
print("run", uv.run())
