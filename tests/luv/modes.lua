-- modes.lua - run in its modes, stop, and coroutines by hand.
local uv = require "luv"

local timer = uv.new_timer()
timer:start(1, 1, function()
    print("mode", uv.loop_mode())
    timer:stop()
end)
print("once", uv.run "once")
print("once", uv.run "once")
print("nowait", uv.run "nowait")

timer:start(1, 1, function()
    uv.stop()
end)
print("stopped", uv.run())
print("closing", select(3, uv.loop_close()))
timer:close()
print("mode", uv.loop_mode())

-- What a coroutine asks for comes back into it.
local function stat(name)
    local co = coroutine.running()
    uv.fs_stat(name, function(err, result)
        assert(coroutine.resume(co, err, result))
    end)
    return coroutine.yield()
end
local function sleep(ms)
    local co, clock = coroutine.running(), uv.new_timer()
    clock:start(ms, 0, function()
        clock:close()
        assert(coroutine.resume(co))
    end)
    coroutine.yield()
end
coroutine.wrap(function()
    for i = 1, 3 do
        sleep(i)
        local err, result = stat "/"
        print(i, err, result.type)
    end
end)()
print("run", uv.run())
print("closed", uv.loop_close())
