-- volume_test.lua - very many tasks, very deep ones, and what is left of them.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

local eq = check.eq

-- Bytes that Lua holds, garbage aside.
local function memory()
    for _ = 1, 3 do
        collectgarbage()
    end
    return collectgarbage "count" * 1024
end

-- Runs `fn` often enough to fill all pools, then often, and checks that the
-- second time left less than `limit` bytes.
local function check_growth(fn, times, limit)
    for _ = 1, 2000 do
        fn()
    end
    local before = memory()
    for _ = 1, times do
        fn()
    end
    local growth = memory() - before
    check.ok(growth < limit, ("%d bytes more after %d rounds"):format(growth, times))
end

test("100,000 tasks at once are spawned and joined", function()
    local count = 0

    atlas.spawn(function()
        for _ = 1, 100000 do
            atlas.spawn(function()
                atlas.checkpoint()
                count = count + 1
            end)
        end
    end):await()
    eq(count, 100000)
end)

test("100,000 tasks at once are awaited, each with its result", function()
    local tasks = {}

    for i = 1, 100000 do
        tasks[i] = atlas.spawn(math.abs, -i)
    end
    for i = 100000, 1, -1 do
        if tasks[i]:await() ~= i then
            eq(tasks[i]:await(), i)
        end
    end
end)

test("a chain of 20,000 tasks, each awaiting the next, is no recursion", function()
    local function nest(level)
        if level == 0 then
            return "inmost"
        end
        return (atlas.spawn(nest, level - 1):await())
    end

    eq(atlas.spawn(nest, 20000):await(), "inmost")
end)

test("a chain of 20,000 tasks, each joining the next, is no recursion", function()
    local ended = 0
    local function nest(level)
        if level > 0 then
            atlas.spawn(nest, level - 1)
        end
        ended = ended + 1
    end

    atlas.spawn(nest, 20000):await()
    eq(ended, 20001)
end)

test("an error goes up a chain of 20,000 joining tasks", function()
    local function nest(level)
        if level == 0 then
            error("inmost", 0)
        end
        atlas.spawn(nest, level - 1)
    end

    check.values({ n = 2, false, "inmost" }, atlas.spawn(nest, 20000):pawait())
end)

test("a chain of 20,000 waiting tasks is cancelled", function()
    local inmost
    local function nest(level)
        if level == 0 then
            inmost = atlas.current()
            atlas.sleep(1000)
        end
        atlas.spawn(nest, level - 1):await()
    end
    local task = atlas.spawn(nest, 20000)

    while not inmost do
        atlas.checkpoint()
    end
    task:cancel()
    eq(task:pawait(), false)
    eq(inmost:status(), "cancelled")
end)

test("10,000 awaiters of one task all get its result", function()
    local task = atlas.spawn(atlas.sleep, 0.01)
    local awaiters = {}

    for i = 1, 10000 do
        awaiters[i] = atlas.spawn(task.await, task)
    end
    for i = 1, 10000 do
        if awaiters[i]:await() ~= true then
            eq(i, nil)
        end
    end
end)

test("10,000 children that fail unheard are reported in the time of 10,000", function()
    local started = atlas.now()
    local parent = atlas.spawn(function()
        local children = {}
        for i = 1, 10000 do
            children[i] = atlas.spawn(error, "on purpose", 0)
        end
        atlas.spawn(function()
            atlas.checkpoint()
            for i = 2, 10000 do
                children[i]:pawait() -- or each would be logged
            end
        end)
    end)

    check.values({ n = 2, false, "on purpose" }, parent:pawait())
    check.ok(atlas.now() - started < 20)
end)

test("10,000 sleeping children are cancelled with their parent", function()
    local count = 0
    local parent = atlas.spawn(function()
        for _ = 1, 10000 do
            atlas.spawn(function()
                local ok = pcall(atlas.sleep, 1000)
                count = count + (ok and 0 or 1)
            end)
        end
        atlas.sleep(1000)
    end)

    atlas.sleep(0)
    while parent:status() ~= "waiting" do
        atlas.checkpoint()
    end
    for _ = 1, 5 do
        atlas.checkpoint() -- a turn runs a bounded number of them
    end
    parent:cancel()
    parent:pawait()
    eq(count, 10000)
end)

test("20,000 tasks in a group, of which 100 run at a time", function()
    local count = 0

    atlas.group(function(g)
        for _ = 1, 20000 do
            g:spawn(function()
                atlas.checkpoint()
                count = count + 1
            end)
        end
    end, { limit = 100 })
    eq(count, 20000)
end)

test("10,000 timeouts at once each have their own end", function()
    local count = 0

    atlas.group(function(g)
        for i = 1, 10000 do
            g:spawn(function()
                local ok = pcall(atlas.timeout, 0.001 + i % 10 / 1000, atlas.sleep, 1000)
                count = count + (ok and 0 or 1)
            end)
        end
    end)
    eq(count, 10000)
end)

-- --- what is left behind ---

test("10,000 tasks one behind the other leave no memory", function()
    check_growth(function()
        atlas.spawn(math.abs, -1):await()
    end, 10000, 163840)
end)

test("10,000 tasks that failed leave no memory", function()
    check_growth(function()
        atlas.spawn(error, "on purpose"):pawait()
    end, 10000, 163840)
end)

test("10,000 tasks that were cancelled with a reason leave no memory", function()
    check_growth(function()
        local task = atlas.spawn(atlas.sleep, 1000)
        atlas.checkpoint()
        task:cancel {}
        task:pawait()
    end, 10000, 163840)
end)

test("10,000 tasks that were cancelled before they ran leave no memory", function()
    check_growth(function()
        local task = atlas.spawn(error)
        task:cancel {}
        task:pawait()
    end, 10000, 163840)
end)

test("10,000 named tasks with children leave no memory", function()
    check_growth(function()
        atlas.spawn(function()
            atlas.current():name "parent"
            atlas.spawn(atlas.checkpoint):name "child"
        end):await()
    end, 10000, 163840)
end)

test("10,000 callbacks leave no memory, whether they are called or not", function()
    check_growth(function()
        local callback, wait = atlas.callback()
        callback { "value" }
        wait()
        atlas.callback()
        local late, late_wait = atlas.callback()
        local task = atlas.spawn(late_wait)
        atlas.checkpoint()
        task:cancel()
        task:pawait()
        late { "value" }
    end, 10000, 163840)
end)

test("10,000 errors that were caught in one task leave no memory", function()
    atlas.spawn(function()
        check_growth(function()
            local task = atlas.spawn(error, {})
            pcall(task.await, task)
        end, 10000, 163840)
    end):await()
end)

test("10,000 tasks with deferred functions leave no memory", function()
    check_growth(function()
        atlas.spawn(function()
            atlas.defer(atlas.checkpoint)
            return {}
        end):await()
    end, 10000, 65536)
end)

test("10,000 groups, timeouts and shields leave no memory", function()
    check_growth(function()
        atlas.group(function(g)
            g:spawn(atlas.timeout, 1000, atlas.checkpoint)
            g:spawn(atlas.shield, atlas.checkpoint)
            g:spawn(atlas.sleep, 1000)
            g:next()
            g:cancel {}
        end)
    end, 10000, 65536)
end)

test("10,000 groups that failed leave no memory", function()
    check_growth(function()
        pcall(atlas.group, function(g)
            g:spawn(error, {})
            g:spawn(error, {})
        end, { on_error = "collect" })
    end, 10000, 65536)
end)

test("10,000 detached tasks leave no memory", function()
    check_growth(function()
        atlas.detach(atlas.checkpoint):await()
    end, 10000, 65536)
end)

-- --- strings that a client may choose ---

test("strings that differ only where a sparse hash does not look cost no more than others",
    function()
        -- LuaJIT's first hash of a string of 128 bytes reads its bytes 0 to 3, 31 to
        -- 34, 62 to 65 and 124 to 127.  A VM that never reads more puts all of these
        -- strings into one chain: hours instead of a moment.
        local prefix, suffix = ("p"):rep(8), ("s"):rep(108)
        local set, started = {}, atlas.now()

        for i = 1, 200000 do
            set[prefix .. ("%012d"):format(i) .. suffix] = i
        end
        check.ok(atlas.now() - started < 10)
        eq(set[prefix .. ("%012d"):format(77777) .. suffix], 77777)
    end)
