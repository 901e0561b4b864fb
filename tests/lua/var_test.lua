-- var_test.lua - variables with a value for each task.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

test("a variable that nobody has set has its default", function()
    eq(atlas.var("default"):get(), "default")
    eq(atlas.var(false):get(), false)
    eq(atlas.var():get(), nil)
end)

test("get returns what was set, nil and false included", function()
    local var = atlas.var "default"

    for _, value in ipairs { 1, "text", false, true, atlas } do
        var:set(value)
        eq(var:get(), value)
    end
    var:set(nil)
    check.values({ n = 1, nil }, var:get())
    var:set "again"
    eq(var:get(), "again")
end)

test("variables have nothing to do with each other", function()
    local a, b, c = atlas.var(1), atlas.var(2), atlas.var(3)

    a:set "a"
    b:set "b"
    check.list({ a:get(), b:get(), c:get() }, { "a", "b", 3 })
end)

-- Each starts `fn` in a task of its own way, and returns what it returned.
local starters = {
    spawn = function(fn)
        return atlas.spawn(fn):await()
    end,
    ["g:spawn"] = function(fn)
        return atlas.group(function(g)
            return g:spawn(fn):await()
        end)
    end,
    ["g:spawn beyond the limit"] = function(fn)
        return atlas.group(function(g)
            g:spawn(atlas.checkpoint)
            return g:spawn(fn):await()
        end, { limit = 1 })
    end,
    all = function(fn)
        return atlas.all({ fn })[1]
    end,
    race = function(fn)
        return select(2, atlas.race { fn })
    end,
    map = function(fn)
        return atlas.map({ 1 }, fn)[1]
    end,
    detach = function(fn)
        return atlas.detach(fn):await()
    end,
    supervise = function(fn)
        return atlas.supervise(fn, { restart = "on_error" }):await()
    end,
    singleflight = function(fn)
        return atlas.singleflight():call("key", fn)
    end,
    ["coroutine.wrap"] = function(fn)
        return coroutine.wrap(fn)()
    end,
    timeout = function(fn)
        return atlas.timeout(60, fn)
    end,
    on_complete = function(fn)
        local callback, wait = atlas.callback()

        atlas.spawn(function() end):on_complete(function()
            callback(fn())
        end)
        return wait()
    end,
    ["on_complete of a task that has ended"] = function(fn)
        local callback, wait = atlas.callback()
        local task = atlas.spawn(function() end)

        task:await()
        task:on_complete(function()
            callback(fn())
        end)
        return wait()
    end,
    defer = function(fn)
        return atlas.spawn(function()
            local got = {}

            atlas.defer(function()
                got[1] = fn()
            end)
            return got
        end):await()[1]
    end,
}

for name, start in check.each(starters) do
    test(name .. " hands the values on", function()
        local var = atlas.var "default"

        var:set "mine"
        eq(start(function()
            return var:get()
        end), "mine")
    end)
end

for _, name in ipairs { "spawn", "g:spawn", "all", "map", "detach", "supervise", "on_complete" } do
    test("what a task sets doesn't change its parent: " .. name, function()
        local var, other = atlas.var "default", atlas.var "other"

        var:set "mine"
        eq(starters[name](function()
            var:set "theirs"
            other:set "theirs too"
            return var:get()
        end), "theirs")
        eq(var:get(), "mine")
        eq(other:get(), "other")
    end)
end

test("what a parent sets later doesn't change its children", function()
    local var, event = atlas.var "default", atlas.event()

    var:set "before"
    local task = atlas.spawn(function()
        local first = var:get()
        event:wait()
        return first, var:get()
    end)
    var:set "after the spawn"
    atlas.checkpoint()
    var:set "after the start"
    event:set()
    check.values({ n = 2, "before", "before" }, task:await())
    eq(var:get(), "after the start")
end)

test("grandchildren and siblings each have their own", function()
    local var = atlas.var(0)

    local function descend(level)
        eq(var:get(), level)
        var:set(level + 1)
        if level < 5 then
            atlas.all {
                function()
                    descend(level + 1)
                end,
                function()
                    descend(level + 1)
                end,
            }
        end
        eq(var:get(), level + 1)
    end
    descend(0)
end)

test("a function given to on_complete has the values of its giver's at that time", function()
    local var = atlas.var "default"
    local callback, wait = atlas.callback()
    local event = atlas.event()
    local task = atlas.spawn(event.wait, event)

    var:set "then"
    task:on_complete(function()
        callback(var:get())
    end)
    var:set "later"
    event:set()
    eq(wait(), "then")
end)

test("a coroutine that is used again has no values of the task before", function()
    local var = atlas.var "default"

    for _ = 1, 100 do
        eq(atlas.detach(function()
            local before = var:get()
            var:set "set"
            return before
        end):await(), "default")
    end
end)

test("many tasks with values of their own keep them apart", function()
    local var = atlas.var()
    local wrong = 0

    atlas.group(function(g)
        for i = 1, 500 do
            g:spawn(function()
                var:set(i)
                for _ = 1, 5 do
                    atlas.checkpoint()
                    local seen = atlas.spawn(var.get, var):await()
                    wrong = wrong + ((var:get() ~= i or seen ~= i) and 1 or 0)
                end
            end)
        end
    end)
    eq(wrong, 0)
    eq(var:get(), nil)
end)

test("a variable that is dropped is collected, with its value, while its task goes on", function()
    local alive = setmetatable({}, { __mode = "k" })

    for i = 1, 100 do
        local var, value = atlas.var(), { i }
        var:set(value)
        alive[var], alive[value] = true, true
    end
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(alive) do
        n = n + 1
    end
    check.ok(n <= 2, ("%d are alive"):format(n)) -- the last ones may be on the stack
end)

test("values end with the tasks that have them", function()
    local var = atlas.var()
    local alive = setmetatable({}, { __mode = "k" })

    for _ = 1, 100 do
        atlas.spawn(function()
            local value = {}
            alive[value] = true
            var:set(value)
            atlas.spawn(atlas.checkpoint):await()
        end):await()
    end
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(alive) do
        n = n + 1
    end
    check.ok(n <= 4, ("%d are alive"):format(n))
end)

test("a variable is told by its text, and mistakes are named", function()
    local var = atlas.var()

    check.has(tostring(var), "atlas.Var: ")
    check.has(check.raises(var.set, var), "bad argument #2 to 'set'")
    check.has(check.raises(var.get, {}), "atlas.Var expected, got table")
    eq(getmetatable(var), "locked")
end)
