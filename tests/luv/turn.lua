-- turn.lua - the order in a turn: timers, idle, prepare, check, close.
local uv = require "luv"

local names = {}
local function log(name)
    names[#names + 1] = name
end

local turns = 0
local idle, prepare, check = uv.new_idle(), uv.new_prepare(), uv.new_check()
idle:start(function()
    log "idle"
end)
prepare:start(function()
    log "prepare"
end)
check:start(function()
    log "check"
    turns = turns + 1
    if turns == 3 then
        idle:stop()
        prepare:stop()
        check:stop()
        for _, handle in ipairs { idle, prepare, check } do
            handle:close(function()
                log("closed " .. handle:get_type())
            end)
        end
    end
end)
print("run", uv.run())
print(table.concat(names, ", "))

-- Of two timers that are due the first one can stop the second.
local a, b = uv.new_timer(), uv.new_timer()
a:start(1, 0, function()
    b:stop()
    print "a"
end)
b:start(1, 0, function()
    print "b"
end)
uv.sleep(5)
print("run", uv.run())
local kinds = {}
uv.walk(function(handle)
    if not handle:is_closing() then
        kinds[#kinds + 1] = handle:get_type()
        handle:close()
    end
end)
print(table.concat(kinds, " "))
print("run", uv.run())
