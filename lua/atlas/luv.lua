-- luv.lua - what `require "luv"` has in the place of luv's own functions.
-- The mechanism is in C (src/bind/luv); here is what calls functions of the
-- user, which C could not be suspended in.

local core = require "atlas.luv.core"

-- To close the state with luv's handles on the loop would crash.
local exit = os.exit

function os.exit(code, close) -- luacheck: ignore 122
    return exit(code, close and core.close())
end

local handles, loop_alive, run = core.handles, core.loop_alive, core.run
local error, type = error, type

--- The functions of luv that are about the loop as a whole. `require "luv"`, or
--- `require "uv"`, is Debian's lua-luv on Atlas's own loop; these take the place
--- of luv's own, whose loop is nobody else's. All others are luv's, and its
--- documentation is theirs.
---
--- A callback of luv's runs as a task: it may wait, and an error in it is logged
--- with its traceback. What it does until it first waits is done within the
--- turn of the loop that calls it, in the order in which libuv calls.
---@class atlas.luv
local M = {}

--- Wait while others run: until nothing of luv's is active any more and no
--- callback runs, or until `stop` ("default"); until a callback has been called
--- ("once"); or for one turn of the loop ("nowait"). Active are requests, and
--- handles that have been started and not `unref`ed, or are being closed: luv's
--- own, not those of Atlas. A callback may call it too.
---
--- Raises Cancelled.
---
--- ```lua
--- local uv = require "luv"
---
--- local timer = uv.new_timer()
--- timer:start(10, 0, function()
---     print "rung"
---     timer:close()
--- end)
--- print(uv.run())
--- ```
--- ```text
--- rung
--- false
--- ```
---@async
---@param mode? "default"|"once"|"nowait"
---@return boolean alive  true if something is active still
function M.run(mode)
    local alive = run(mode)
    if mode == "nowait" then
        return loop_alive()
    end
    return alive
end

--- Make each `run` that waits return; if there is none, the next one does, at
--- once. If the main chunk of `atlas run` has ended, and only what luv has
--- active keeps it from ending, it ends.
function M.stop()
    return core.stop()
end

--- Call a function with each handle of luv's, the oldest first; with none of
--- Atlas's.
---
--- ```lua
--- local uv = require "luv"
---
--- uv.new_timer()
--- uv.walk(function(handle)
---     print((handle:get_type()))
---     if not handle:is_closing() then handle:close() end
--- end)
--- ```
--- ```text
--- timer
--- ```
---@param fn fun(handle: userdata)
function M.walk(fn)
    if type(fn) ~= "function" then
        error("bad argument #1 to 'walk' (function expected, got " .. type(fn) .. ")", 2)
    end
    local list = handles()
    for i = 1, #list do
        fn(list[i])
    end
end

--- Is anything of luv's active: a request, or a handle that has been started and
--- not `unref`ed, or is being closed?
---@return boolean alive
function M.loop_alive()
    return core.loop_alive()
end

--- Do nothing, since the loop is Atlas's, but tell what luv's own would have.
---@return 0? ok  or nil if a handle isn't closed, or a request not over
---@return string? message
---@return string? name  "EBUSY"
function M.loop_close()
    return core.loop_close()
end

--- The mode of the `run` that was called last of those that wait.
---@return "default"|"once"|"nowait"|nil mode
function M.loop_mode()
    return core.loop_mode()
end

return M
