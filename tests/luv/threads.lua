-- threads.lua - a thread with a loop of its own, and async to be told.
local uv = require "luv"

local thread
local async
async = uv.new_async(function(n, text, flag, nothing)
    print("async", n, text, flag, nothing)
    async:close()
end)
thread = uv.new_thread(function(handle, count)
    local its = require "luv"
    local ticks = 0
    local timer = its.new_timer()
    timer:start(1, 1, function()
        ticks = ticks + 1
        if ticks == count then
            timer:close()
        end
    end)
    its.run()
    its.async_send(handle, ticks, "ticks", true, nil)
end, async, 4)
print("run", uv.run())
print("join", thread:join())
print(uv.thread_equal(uv.thread_self(), uv.thread_self()), thread == uv.thread_self())
