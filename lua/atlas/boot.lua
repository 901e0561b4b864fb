-- boot.lua - the Lua half of the scheduler: what C cannot do because it
-- cannot be resumed on LuaJIT.  Loaded once per VM by src/lua/sched.c, which
-- passes what it needs and takes what is returned.

local on_error, inherit, pause, keep_trace, suspend, go_on, expose, resume_task = ...
local RAISE, AWAIT, states = select(9, ...)

local errors = require "atlas.errors"

local error, select, xpcall = error, select, xpcall

-- The kinds of enum atl_raise in src/lua/error.h.
local CANCELLED, CANCELLED_AT_ONCE = 1, 2

local function raise(kind, value, trace, late)
    if kind == CANCELLED_AT_ONCE then
        pause()
        kind = CANCELLED
    end
    if kind == CANCELLED then
        return error(errors.Cancelled.new(value), 0)
    end
    inherit(value, trace, late)
    return error(value, 0)
end

for name, value in pairs {
    keep_trace = keep_trace,
    suspend = suspend,
    go_on = go_on,
    expose = expose,
    resume_task = resume_task,
    raise = raise,
    states = states,
    AWAIT = AWAIT,
    RAISE = RAISE,
} do
    require("atlas.patch.c")[name] = value
end
require "atlas.patch"

local function check(...)
    if (...) == RAISE then
        return raise(select(2, ...))
    end
    return ...
end

-- What a function that awaits is exposed through: a resumed C function cannot
-- raise, so it returns RAISE and this raises for it.
local function raiser(fn)
    return function(...)
        return check(fn(...))
    end
end

-- The same for those of one argument and one result that are never awaited
-- tasks: `...` costs as much as the rest of a wait, and more of the stack.
local function small_raiser(fn)
    return function(a)
        local result, err, reason = fn(a)

        if result == RAISE then
            return raise(err, reason)
        elseif err == nil then
            return result
        end
        return result, err
    end
end

local function small_raiser_2(fn)
    return function(a, b)
        local result, err, reason = fn(a, b)

        if result == RAISE then
            return raise(err, reason)
        elseif err == nil then
            return result
        end
        return result, err
    end
end

-- What a task deferred: the last first, each shielded, none keeping the
-- others from running.
local function run_deferred(list)
    local shield = require("atlas.scope").shield
    local log_error = require("atlas.task.core").log_error

    for i = #list, 1, -1 do
        local ok, err = xpcall(shield, on_error, list[i])
        if not ok then
            log_error("error in a deferred function", err)
        end
    end
end

return {
    run_deferred = run_deferred,
    raise = raise,
    raiser = raiser,
    small_raiser = small_raiser,
    small_raiser_2 = small_raiser_2,
    error_meta = errors.meta,
    cancelled_meta = errors.Cancelled.meta,
    new_cancelled = errors.Cancelled.new,
    new_task_cancelled = errors.TaskCancelled.new,
}
