-- boot.lua - the Lua half of the scheduler: what C cannot do because it
-- cannot be resumed on LuaJIT.  Loaded once per VM by src/lua/sched.c, which
-- passes what it needs and takes what is returned.

local done, on_error, inherit, RAISE = ...

require "atlas.patch"
local errors = require "atlas.errors"
local error, xpcall = error, xpcall

-- Every coroutine of the pool runs in here.  done() hands the results to the
-- scheduler and returns when the coroutine is used again, with the next
-- function and its arguments.
local function body(fn, ...)
    return body(done(xpcall(fn, on_error, ...)))
end

-- The kinds of enum atl_raise in src/lua/error.h.
local CANCELLED = 1

local function raise(kind, value, trace)
    if kind == CANCELLED then
        return error(errors.Cancelled.new(value), 0)
    end
    inherit(value, trace)
    return error(value, 0)
end

local function check(first, ...)
    if first == RAISE then
        return raise(...)
    end
    return first, ...
end

-- What a function that awaits is exposed through: a resumed C function cannot
-- raise, so it returns RAISE and this raises for it.
local function raiser(fn)
    return function(...)
        return check(fn(...))
    end
end

return {
    body = body,
    raise = raise,
    raiser = raiser,
    error_meta = errors.meta,
    cancelled_meta = errors.Cancelled.meta,
    new_cancelled = errors.Cancelled.new,
    new_task_cancelled = errors.TaskCancelled.new,
}
