-- coroutine.lua - generators that wait, and tasks that are coroutines to those
-- who know them by coroutine.running().  See src/lua/inner.h.

local c = require "atlas.patch.c"
local argument = require "atlas.patch.argument"

local expose, resume_task, suspend, go_on = c.expose, c.resume_task, c.suspend, c.go_on
local raise, states, AWAIT, RAISE = c.raise, c.states, c.AWAIT, c.RAISE
local error, select, type = error, select, type
local create, resume, running = coroutine.create, coroutine.resume, coroutine.running
local status, yield, close = coroutine.status, coroutine.yield, coroutine.close

-- states[SPECIAL]: how many coroutines are keys of `states`, or false.
-- states[SCOPES]: may generators have deadlines of their own?
local SPECIAL, SCOPES = 1, 2
local REFUSAL = "cannot resume a coroutine that waits for Atlas inside another task"

local M = {}

-- An await inside a user's coroutine yields to whoever has resumed that: it is
-- passed on, out to the task, and its results back in.  Meanwhile nobody else
-- can resume it: they would end a wait that isn't theirs.
local function mark(co)
    states[co] = true
    states[SPECIAL] = (states[SPECIAL] or 0) + 1
end

local function unmark(co)
    local n = states[SPECIAL] - 1

    states[co] = nil
    states[SPECIAL] = n > 0 and n
end

local function resume_special(co, ...)
    local state = states[co]

    if state == true then
        return false, REFUSAL
    end
    return resume_task(state, ...)
end

local function no_coroutine(name, value)
    if not close then -- LuaJIT doesn't say what it got
        argument.error(1, name, "coroutine expected", 1)
    end
    argument.type_error(1, name, "coroutine", value, 1)
end

local after_resume

local function resume_back(co, ...)
    unmark(co)
    return after_resume(co, resume(co, ...))
end

function after_resume(co, ok, ...)
    if (...) == AWAIT then
        mark(co)
        return resume_back(co, yield(AWAIT))
    end
    return ok, ...
end

function M.resume(co, ...)
    if type(co) ~= "thread" then
        no_coroutine("resume", co)
    elseif states[SPECIAL] and states[co] then
        return resume_special(co, ...)
    end
    return after_resume(co, resume(co, ...))
end

-- The error that has ended a wrapped coroutine: level 3 is who has called it.
local function raise_from(co, err)
    if close and status(co) == "dead" then
        local ok, other = close(co)
        err = ok and err or other
    end
    error(err, type(err) == "string" and 3 or 0)
end

local after_wrapped

local function wrapped_back(co, ...)
    unmark(co)
    return after_wrapped(co, resume(co, ...))
end

function after_wrapped(co, ok, ...)
    if (...) == AWAIT then
        mark(co)
        return wrapped_back(co, yield(AWAIT))
    elseif ok then
        return ...
    end
    raise_from(co, (...))
end

function M.wrap(fn)
    if type(fn) ~= "function" then
        argument.type_error(1, "wrap", "function", fn)
    end
    local co = create(fn)

    return function(...)
        if states[SPECIAL] and states[co] then
            return after_wrapped(co, resume_special(co, ...))
        end
        return after_wrapped(co, resume(co, ...))
    end
end

-- A task that yields is parked; when it is cancelled there, it is resumed with
-- RAISE.
local function after_yield(...)
    if (...) == RAISE then
        return raise(select(2, ...))
    end
    return ...
end

local function yielded_in_scope(scope, serial, ...)
    if scope then
        go_on(scope, serial)
    end
    return after_yield(...)
end

-- A generator that yields inside a timeout takes that with it: it isn't around
-- its caller.
local function yield_in_scope(...)
    local scope, serial = suspend()

    return yielded_in_scope(scope, serial, yield(...))
end

function M.yield(...)
    if states[SCOPES] then
        return yield_in_scope(...)
    end
    return after_yield(yield(...))
end

function M.running()
    expose()
    return running()
end

-- One that waits inside another task can't be resumed, as one that has resumed
-- another can't.
function M.status(co)
    if type(co) ~= "thread" then
        no_coroutine("status", co)
    elseif states[SPECIAL] and states[co] == true then
        return "normal"
    end
    return status(co)
end

if close then
    function M.close(co)
        if type(co) ~= "thread" then
            no_coroutine("close", co)
        end
        local state = states[SPECIAL] and states[co]

        if state == true then
            error("cannot close a coroutine that waits for Atlas inside another task", 2)
        elseif state and status(co) == "suspended" then
            error("cannot close the coroutine of a task: task:cancel() ends it", 2)
        end
        return close(co)
    end
end

return M
