-- patch.lua - the changes to Lua's own library, in one table: name, original,
-- why.  Loaded once per VM by src/lua/sched.c; `original` is atlas.original.

local getmetatable = debug.getmetatable
local original_pairs = pairs
local resume, yield, create = coroutine.resume, coroutine.yield, coroutine.create

local M = {
    original = {
        pairs = original_pairs,
        ["coroutine.resume"] = resume,
        ["coroutine.wrap"] = coroutine.wrap,
    },
}

-- LuaJIT is built without the 5.2 behaviour of pairs: scopes and other lazy
-- objects could not be copied with it.
local function honours_pairs()
    local object = setmetatable({}, {
        __pairs = function()
            return nil, true
        end,
    })
    local _, state = original_pairs(object)
    return state == true
end

if not honours_pairs() then
    function pairs(t) -- luacheck: ignore 121
        local meta = getmetatable(t)
        local iterate = meta and meta.__pairs

        if iterate then
            return iterate(t)
        end
        return original_pairs(t)
    end
end

-- An await inside a user's coroutine yields to whoever resumed that: it has
-- to be passed on, out to the task, and its results back in.  Meanwhile nobody
-- else can resume it: they would end a wait that isn't theirs.  One that yields
-- inside a timeout takes that with it: it isn't around its caller.
--
-- `states` has, by coroutine: true while it waits, or what is to be called
-- before it goes on.  pass(co, resume(co, ...)) returns what the resume did.
local function make_pass(states, is_waiting, suspend, go_on)
    local pass

    local function pass_back(co, ...)
        states[co] = nil
        return pass(co, resume(co, ...))
    end

    local function leave_scopes(co)
        local scope, serial = suspend(co)

        states[co] = function()
            go_on(scope, serial)
        end
    end

    function pass(co, ...)
        local state = is_waiting(co)

        if not state then
            return ...
        elseif state == true then
            states[co] = true
            return pass_back(co, yield())
        end
        leave_scopes(co)
        return ...
    end

    return pass
end

local REFUSAL = "cannot resume a coroutine that waits for Atlas inside another task"

local function unwrap(ok, ...)
    if ok then
        return ...
    end
    return error((...), 0)
end

function M.patch_coroutines(...)
    local states = setmetatable({}, { __mode = "k" })
    local pass = make_pass(states, ...)

    local function can_go_on(co, state)
        if state == true then
            return false
        end
        states[co] = nil
        state()
        return true
    end

    function coroutine.resume(co, ...) -- luacheck: ignore 122
        local state = states[co]

        if state and not can_go_on(co, state) then
            return false, REFUSAL
        end
        return pass(co, resume(co, ...))
    end

    function coroutine.wrap(fn) -- luacheck: ignore 122
        local co = create(fn)

        return function(...)
            local state = states[co]

            if state and not can_go_on(co, state) then
                error(REFUSAL, 2)
            end
            return unwrap(pass(co, resume(co, ...)))
        end
    end
end

return M
