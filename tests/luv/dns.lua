-- dns.lua - names and addresses of this machine.
local uv = require "luv"

uv.getaddrinfo("127.0.0.1", "80", { socktype = "stream", family = "inet" }, function(err, list)
    print(err, #list, list[1].addr, list[1].port, list[1].family, list[1].socktype)
    uv.getaddrinfo("localhost", nil, { family = "inet", socktype = "stream" }, function(_, own)
        print(own[1].addr)
        uv.getnameinfo({ ip = "127.0.0.1", port = 80 }, function(name_err, host, service)
            print(name_err, type(host), type(service))
        end)
    end)
end)
print("run", uv.run())

uv.getaddrinfo("no-such-name.invalid", nil, nil, function(err, list)
    print(type(err), list)
end)
print("run", uv.run())
