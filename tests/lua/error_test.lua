-- error_test.lua - the errors of tasks: who hears of them, and when.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Errors that are tables can be told apart from all others.
local function new_error()
    return setmetatable({}, {
        __tostring = function()
            return "on purpose"
        end,
    })
end

local function fail_later(err)
    atlas.checkpoint()
    error(err, 0)
end

-- --- to those who await ---

test("await raises the very error of the task", function()
    local err = new_error()

    eq(check.raises(function()
        atlas.spawn(error, err):await()
    end), err)
end)

test("pawait returns false and the very error", function()
    local err = new_error()

    check.values({ n = 2, false, err }, atlas.spawn(error, err):pawait())
end)

test("await leaves the text of an error as it is", function()
    local task = atlas.spawn(error, "just this", 0)

    eq(check.raises(task.await, task), "just this")
end)

test("an error may be nil", function()
    local task = atlas.spawn(error)

    check.values({ n = 2, false, nil }, task:pawait())
    check.values({ n = 2, false, nil }, pcall(task.await, task))
    eq(task:status(), "failed")
end)

test("an error may be false", function()
    check.values({ n = 2, false, false }, atlas.spawn(error, false):pawait())
end)

test("every one of several awaiters gets the error", function()
    local err = new_error()
    local task = atlas.spawn(fail_later, err)
    local awaiters = {}

    for i = 1, 10 do
        awaiters[i] = atlas.spawn(function()
            return pcall(task.await, task)
        end)
    end
    for i = 1, 10 do
        check.values({ n = 2, false, err }, awaiters[i]:await())
    end
end)

test("a task that has failed raises its error at each await", function()
    local err = new_error()
    local task = atlas.spawn(error, err)

    for _ = 1, 3 do
        eq(check.raises(task.await, task), err)
        check.values({ n = 2, false, err }, task:pawait())
    end
end)

test("an error goes through as many awaits as there are", function()
    local err = new_error()

    local function nest(level)
        if level == 0 then
            error(err)
        end
        return atlas.spawn(nest, level - 1):await()
    end
    check.values({ n = 2, false, err }, atlas.spawn(nest, 30):pawait())
end)

-- --- to the parent's end ---

test("an error that nobody heard of is raised at the end of the parent's body", function()
    local err = new_error()
    local body_ended = false
    local parent = atlas.spawn(function()
        atlas.spawn(error, err)
        atlas.sleep(0.005) -- doesn't interrupt it
        body_ended = true
        return "unused"
    end)

    check.values({ n = 2, false, err }, parent:pawait())
    eq(body_ended, true)
    eq(parent:status(), "failed")
end)

test("an error of a child that is being joined is raised in the parent", function()
    local err = new_error()
    local parent = atlas.spawn(function()
        atlas.spawn(function()
            atlas.sleep(0.005)
            error(err)
        end)
    end)

    check.values({ n = 2, false, err }, parent:pawait())
end)

test("the first of several unheard errors is the one that is raised", function()
    local first, second = new_error(), new_error()
    local parent = atlas.spawn(function()
        atlas.spawn(error, first)
        local other = atlas.spawn(fail_later, second)
        atlas.sleep(0.002)
        other:pawait() -- or it would be logged
    end)

    check.values({ n = 2, false, first }, parent:pawait())
end)

test("an error that nobody heard of goes on outward through tasks that return", function()
    local err = new_error()

    local function nest(level)
        if level == 0 then
            error(err)
        end
        atlas.spawn(nest, level - 1)
    end
    check.values({ n = 2, false, err }, atlas.spawn(nest, 30):pawait())
end)

test("an error that was pawaited is not raised at the parent's end", function()
    local parent = atlas.spawn(function()
        atlas.spawn(error, "heard"):pawait()
        return "fine"
    end)

    eq(parent:await(), "fine")
end)

test("an error that was awaited and caught is not raised at the parent's end", function()
    local parent = atlas.spawn(function()
        local child = atlas.spawn(error, "heard")
        pcall(child.await, child)
        return "fine"
    end)

    eq(parent:await(), "fine")
end)

test("an error that was heard late, long after it was raised, counts as heard", function()
    local parent = atlas.spawn(function()
        local child = atlas.spawn(error, "heard")
        atlas.sleep(0.005)
        eq(child:status(), "failed")
        child:pawait()
        return "fine"
    end)

    eq(parent:await(), "fine")
end)

test("an error that another task heard is not raised at the parent's end", function()
    local child
    local parent = atlas.spawn(function()
        child = atlas.spawn(fail_later, "heard")
        atlas.sleep(0.005)
        return "fine"
    end)

    atlas.checkpoint()
    check.values({ n = 2, false, "heard" }, child:pawait())
    eq(parent:await(), "fine")
end)

test("a child that was cancelled is no error at the parent's end", function()
    local parent = atlas.spawn(function()
        atlas.spawn(atlas.sleep, 10):cancel()
        local running = atlas.spawn(atlas.sleep, 10)
        atlas.checkpoint()
        running:cancel()
        return "fine"
    end)

    eq(parent:await(), "fine")
end)

test("an unheard error lives through a collection of its task", function()
    local parent = atlas.spawn(function()
        atlas.spawn(error, "kept", 0)
        atlas.checkpoint()
        for _ = 1, 3 do
            collectgarbage()
        end
    end)

    check.values({ n = 2, false, "kept" }, parent:pawait())
end)

-- --- a parent that fails ---

test("an error in the parent cancels its children", function()
    local seen
    local parent = atlas.spawn(function()
        atlas.spawn(function()
            local _, err = pcall(atlas.sleep, 10)
            seen = err
        end)
        atlas.checkpoint()
        error "on purpose"
    end)

    parent:pawait()
    check.ok(atlas.Cancelled.is(seen))
end)

test("the parent's error goes out when its children have ended", function()
    local err, child_ended = new_error(), false
    local parent = atlas.spawn(function()
        atlas.spawn(function()
            pcall(atlas.sleep, 1000)
            child_ended = true
        end)
        atlas.checkpoint()
        error(err)
    end)

    check.values({ n = 2, false, err }, parent:pawait())
    eq(child_ended, true)
end)

test("a child that never ran is not run after its parent's error", function()
    local ran = false

    atlas.spawn(function()
        atlas.spawn(function()
            ran = true
        end)
        error "on purpose"
    end):pawait()
    eq(ran, false)
end)

test("the parent's own error is the one that counts", function()
    local err = new_error()
    local parent = atlas.spawn(function()
        local child = atlas.spawn(error, "child", 0)
        atlas.checkpoint()
        child:pawait()
        error(err)
    end)

    check.values({ n = 2, false, err }, parent:pawait())
end)

-- --- inside a task ---

test("pcall around an await catches and the task goes on", function()
    local task = atlas.spawn(function()
        local ok = pcall(function()
            atlas.spawn(error, "x"):await()
        end)
        atlas.sleep(0.001)
        return ok, "went on"
    end)

    check.values({ n = 2, false, "went on" }, task:await())
end)

test("an xpcall in a task calls its own handler, in the frame of the error", function()
    local line
    local function handler(err)
        line = debug.traceback("", 2)
        return { err }
    end
    local function body()
        atlas.checkpoint()
        error("inner", 0)
    end
    local ok, err = xpcall(body, handler)

    eq(ok, false)
    eq(err[1], "inner")
    check.has(line, "error_test.lua:")
end)

test("an error in a coroutine of the user's own is what resume returns", function()
    local ok, err = coroutine.resume(coroutine.create(function()
        error("inner", 0)
    end))

    check.values({ n = 2, false, "inner" }, ok, err)
end)

test("a stack overflow is an error of its task alone", function()
    local function deeper(n)
        return 1 + deeper(n + 1)
    end
    local ok, err = atlas.spawn(deeper, 1):pawait()

    eq(ok, false)
    check.has(err, "stack overflow")
    atlas.sleep(0.001)
end)

test("a stack overflow in the handler of an xpcall is an error of its task alone", function()
    local function deeper(n)
        return 1 + deeper(n + 1)
    end
    local task = atlas.spawn(xpcall, deeper, deeper, 1)

    eq(task:await(), false)
    atlas.sleep(0.001)
end)

test("a coroutine whose task has failed is used again", function()
    local running = atlas.original.coroutine.running -- tells nobody of it
    local thread = nil

    for _ = 1, 100 do
        local task = atlas.spawn(function()
            thread = running()
            error "on purpose"
        end)
        task:pawait()
        eq(atlas.spawn(running):await(), thread)
    end
end)

test("the error of a task may be an error of another kind than text, with a failing __tostring",
    function()
        local err = setmetatable({}, {
            __tostring = function()
                error "not this one"
            end,
        })

        check.values({ n = 2, false, err }, atlas.spawn(error, err):pawait())
    end)
