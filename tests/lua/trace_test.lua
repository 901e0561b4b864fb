-- trace_test.lua - tracebacks that cross awaits and spawns.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- The lines of a traceback in which one of the parts stands, in their order.
local function check_order(trace, parts)
    local from = 1

    for _, part in ipairs(parts) do
        local at, to = trace:find(part, from, true)
        check.ok(at, ("'%s' is not in, or not behind the one before it:\n%s"):format(part, trace))
        from = to + 1
    end
end

-- No frame of Atlas's own modules: users can neither change nor look at them.
local function check_own_frames(trace)
    for line in trace:gmatch "[^\n]+" do
        check.ok(
            not line:find "^%s*<?atlas>?/" and not line:find " at <?atlas>?/",
            ("a frame of Atlas itself: '%s' in\n%s"):format(line, trace)
        )
    end
end

local function count(text, part)
    return select(2, text:gsub(part:gsub("%p", "%%%0"), ""))
end

-- --- of an error ---

test("a traceback begins with the stack of the error", function()
    local inmost, next_line = check.here(2), check.here(5)
    local function inner()
        error "on purpose"
    end
    local function outer()
        inner()
        return true
    end
    local task = atlas.spawn(outer)
    local _, err = task:pawait()

    check.has(err, inmost .. ": on purpose")
    check_order(task:traceback(), { inmost, next_line, "spawned at" })
    check_own_frames(task:traceback())
end)

test("a traceback tells where the task was spawned", function()
    local task = atlas.spawn(error, "on purpose")
    local line = check.here(-1)

    task:pawait()
    check.has(task:traceback(), "spawned at ")
    check.has(task:traceback():match "spawned at [^\n]*", line)
end)

test("a traceback tells which task awaits it, by name, and where", function()
    local line
    local task = atlas.spawn(function()
        atlas.sleep(0.001)
        error "on purpose"
    end)

    atlas.current():name "the awaiter"
    line = check.here(1)
    pcall(task.await, task)
    check_order(task:traceback(), { "awaited by task 'the awaiter' at ", line, line })
    check_own_frames(task:traceback())
end)

test("a traceback calls a task that has no name by its number", function()
    atlas.spawn(function()
        local number = tostring(atlas.current()):match "%d+$"
        local task = atlas.spawn(function()
            atlas.sleep(0.001)
            error "on purpose"
        end)

        task:pawait()
        check.has(task:traceback(), "awaited by task '" .. number .. "' at ")
    end):await()
end)

test("a traceback goes out to the main chunk", function()
    local chunk = assert(load [[
        local task = require("atlas").spawn(error, "on purpose")
        task:pawait()
        return task:traceback()
    ]])
    local trace = atlas.spawn(chunk):name("chunk"):await()

    check.has(trace, "in main chunk\nspawned at ")
    check.has(trace, check.here(-3) .. "\n")
    check.has(trace, "awaited by task 'chunk' at ")
end)

test("a traceback crosses spawns and awaits in their order", function()
    local lines = {}
    local function fail()
        atlas.sleep(0.001)
        lines[1] = check.here(1)
        error "on purpose"
    end
    local function middle()
        lines[3] = check.here(2)
        lines[2] = check.here(1)
        atlas.spawn(fail):await()
        return true
    end
    local function outer()
        lines[4] = check.here(1)
        local task = atlas.spawn(middle):name "middle"
        lines[5] = check.here(1)
        task:await()
        return true
    end
    local task = atlas.spawn(outer):name "outer"

    task:pawait()
    local trace = task:traceback()
    check_order(trace, {
        lines[1],
        "spawned at ", lines[2], "awaited by task 'middle' at ", lines[3],
        "spawned at ", lines[4], "awaited by task 'outer' at ", lines[5],
        "spawned at ", check.here(-8),
    })
    check_own_frames(trace)
end)

test("each stack stands in a traceback once", function()
    local line = check.here(2)
    local function fail()
        error "on purpose"
    end
    local function nest(level)
        if level == 0 then
            fail()
        end
        return (atlas.spawn(nest, level - 1):await())
    end
    local task = atlas.spawn(nest, 4)

    task:pawait()
    eq(count(task:traceback(), line), 1)
    eq(count(task:traceback(), "spawned at"), 5)
    eq(count(task:traceback(), "awaited by"), 5)
end)

test("a task that was awaited after it had failed is told as awaited", function()
    local line
    local outer = atlas.spawn(function()
        local inner = atlas.spawn(error, "on purpose")
        atlas.sleep(0.001)
        line = check.here(1)
        inner:await()
    end)

    outer:name "late"
    outer:pawait()
    check_order(outer:traceback(), { "spawned at ", "awaited by task 'late' at ", line })
end)

test("an error nobody awaited has the traceback of the child that raised it", function()
    local line
    local parent = atlas.spawn(function()
        atlas.spawn(function()
            line = check.here(1)
            error "on purpose"
        end)
        atlas.sleep(0.001)
    end)

    parent:pawait()
    check_order(parent:traceback(), { line, "spawned at ", "spawned at " })
end)

test("an error that is caught and raised again keeps its first traceback", function()
    local line = check.here(2)
    local function fail()
        error({})
    end
    local task = atlas.spawn(function()
        local child = atlas.spawn(fail)
        local _, err = pcall(child.await, child)
        error(err)
    end)

    task:pawait()
    check.has(task:traceback(), line)
end)

test("an error in a coroutine has the stack of the task that resumed it", function()
    local inside, caller = check.here(3), check.here(5)
    local function run()
        local generate = coroutine.wrap(function()
            atlas.sleep(-1)
        end)
        generate()
        return true
    end
    local task = atlas.spawn(run)
    local _, err = task:pawait()

    check.has(err, inside) -- wrap raises in its caller what was raised inside
    check.has(task:traceback(), caller)
    check_own_frames(task:traceback())
end)

test("a stack overflow has a traceback, at whatever depth it comes", function()
    local function deeper(n)
        return 1 + deeper(n + 1)
    end
    -- Each number of arguments leaves another rest of the stack to the handler,
    -- where that is scarce.
    local function shift(n, ...)
        if n == 0 then
            return deeper(1)
        end
        return 1 + shift(n - 1, n, ...)
    end

    for n = 1, check.is_luajit and 24 or 1 do
        local task = atlas.spawn(shift, n)
        local _, err = task:pawait()
        check.has(err, "stack overflow")
        check.has(task:traceback(), "trace_test.lua")
        check.ok(#task:traceback() < 65537)
    end
end)

test("a traceback through very many tasks has an end", function()
    local function nest(level)
        if level == 0 then
            error "on purpose"
        end
        atlas.spawn(nest, level - 1):await()
    end
    local task = atlas.spawn(nest, 500)

    task:pawait()
    check.ok(#task:traceback() < 65537)
end)

-- --- no frames of Atlas ---

local function failing(fn)
    local task = atlas.spawn(fn)

    check.values({ n = 1, false }, (task:pawait()))
    return task:traceback()
end

test("an error in the function of suspend shows no frame of Atlas", function()
    check_own_frames(failing(function()
        atlas.suspend(function()
            error "on purpose"
        end)
    end))
end)

test("an error in the function of atlas.await shows no frame of Atlas", function()
    check_own_frames(failing(function()
        atlas.await(function()
            error "on purpose"
        end)
    end))
end)

test("an error behind a wait shows no frame of Atlas", function()
    check_own_frames(failing(function()
        atlas.sleep(0.001)
        error "on purpose"
    end))
end)

test("an error that an awaiting function raises shows no frame of Atlas", function()
    check_own_frames(failing(function()
        atlas.sleep(-1)
    end))
end)

test("an error in __pairs shows no frame of Atlas", function()
    check_own_frames(failing(function()
        for _ in pairs(setmetatable({}, { __pairs = error })) do
            error "not reached"
        end
    end))
end)

-- --- of a task that runs or waits ---

test("traceback() of a waiting task shows where it stands", function()
    local line = check.here(2)
    local task = atlas.spawn(function()
        atlas.sleep(1000)
    end)

    atlas.checkpoint()
    check_order(task:traceback(), { line, "spawned at " })
    check_own_frames(task:traceback())
    task:cancel()
end)

test("traceback() of a task in suspend shows no frame of Atlas", function()
    local line = check.here(2)
    local task = atlas.spawn(function()
        atlas.suspend(function() end)
    end)

    atlas.checkpoint()
    check_order(task:traceback(), { line, "spawned at " })
    check_own_frames(task:traceback())
    task:cancel()
end)

test("traceback() of the running task shows its own stack", function()
    atlas.spawn(function()
        local trace = atlas.current():traceback()

        check_order(trace, { check.here(-2), "spawned at " })
        check_own_frames(trace)
    end):await()
end)

test("traceback() of a task that has not run yet tells where it was spawned", function()
    local task = atlas.spawn(math.abs, 1)

    check_order(task:traceback(), { "spawned at ", check.here(-2) })
    check_own_frames(task:traceback())
end)

test("traceback() of a task that ended well is nil", function()
    local task = atlas.spawn(math.abs, 1)

    task:await()
    eq(task:traceback(), nil)
end)

test("traceback() of tasks that wait for each other does not go in circles", function()
    local first, second
    first = atlas.spawn(function()
        atlas.checkpoint()
        second:await()
    end)
    second = atlas.spawn(function()
        first:await()
    end)
    atlas.sleep(0.002)
    local trace = first:traceback()
    second:cancel()
    first:cancel()
    eq(count(trace, "spawned at"), 2)
end)

test("a task's own traceback begins where it asks, also inside a generator", function()
    local function ask()
        local text = atlas.current():traceback()
        return text
    end
    local line = check.here(-3)

    check.has(ask():match "^[^\n]*", line)
    local inside = coroutine.wrap(function()
        return ask(), nil
    end)()
    check.has(inside, line)
    check.has(inside, check.here(-3))
end)
