-- timers.lua - timers: once, repeated, again, stopped, without a reference.
local uv = require "luv"

local once = uv.new_timer()
once:start(20, 0, function()
    print "once"
    once:close()
end)
print("run", uv.run())

local count = 0
local ticker = uv.new_timer()
ticker:start(1, 1, function()
    count = count + 1
    if count == 5 then
        print("ticks", count, ticker:get_repeat())
        ticker:stop()
        ticker:close(function()
            print("closed", ticker:is_closing())
        end)
    end
end)

print("run", uv.run())

local forever = uv.new_timer()
forever:start(1000000, 0, print)
forever:unref()

-- A timeout that each sign of life puts off.
local idle = uv.new_timer()
local left = 3
idle:start(5, 5, function()
    left = left - 1
    if left > 0 then
        print("again", left)
        idle:again()
    else
        idle:close()
    end
end)

print("alive", uv.loop_alive())
print("run", uv.run())
forever:close()
print("run", uv.run())
