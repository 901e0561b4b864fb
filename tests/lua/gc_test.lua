-- gc_test.lua - the other tests again, while Lua collects all the time.
-- SPDX-License-Identifier: MIT
--
-- A task that runs a full collection in each turn of the loop, when all others
-- are suspended, and a collector that begins its next cycle at once: what C
-- keeps without anchoring it is gone before it is used.

local atlas = require "atlas"

local collector, pause, step

setup(function()
    pause = collectgarbage("setpause", 0)
    step = collectgarbage("setstepmul", 10000)
    collector = atlas.spawn(function()
        while true do
            collectgarbage()
            atlas.checkpoint()
        end
    end)
end)

teardown(function()
    collector:cancel()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
end)

local names = {
    "task", "error", "sleep", "cancel", "callback", "waits", "coroutine", "trace", "argument",
    "pairs", "limits", "group", "scope", "var", "wrap", "complete",
    "held", "interval", "supervise", "tostring",
}
-- These are much work for the collector: gc_sync_test.lua gives them a process
-- of their own.
for _, name in ipairs(... == "sync" and { "sync", "thread" } or names) do
    -- Loaded in its turn: the less there is, the sooner it has been collected.
    insulate(name, function()
        assert(loadfile(name .. "_test.lua"))()
    end)
end
