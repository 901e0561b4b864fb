-- signals.lua - a signal that the process sends to itself.
local uv = require "luv"

local count = 0
local signal = uv.new_signal()
signal:start("sigusr1", function(name)
    count = count + 1
    print(name, count)
    if count < 3 then
        uv.kill(uv.os_getpid(), "sigusr1")
    else
        signal:close()
    end
end)
uv.kill(uv.os_getpid(), "sigusr1")
print("run", uv.run())
