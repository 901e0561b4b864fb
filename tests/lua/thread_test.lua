-- thread_test.lua - atlas.thread: calls in other threads.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"
local core = require "atlas.thread.core"
local json = require "atlas.json"
local eq, ok, has, values = check.eq, check.ok, check.has, check.values
local raises = check.raises

local THREADS = 2

core.configure(THREADS, 64 * 2 ^ 20)

local function call(name, ...)
    return atlas.thread("thread_work", name, ...)
end

-- A file that isn't there, and that a call waits for.
local gates = 0
local function new_gate()
    gates = gates + 1
    local name = os.tmpname() .. gates
    return name, function()
        assert(io.open(name, "w")):close()
    end, function()
        os.remove(name)
    end
end

local function wait_until(what)
    for _ = 1, 20000 do
        if what() then
            return
        end
        atlas.sleep(0.001)
    end
    error("it never came", 2)
end

-- All threads busy until open() is called; remove() behind that.
local function occupy(n)
    local gate, open, remove = new_gate()
    local tasks = {}

    for i = 1, n or THREADS do
        tasks[i] = atlas.spawn(call, "until_file", gate, i)
    end
    wait_until(function()
        local c = core.counts()
        return c.running == math.min(n or THREADS, THREADS)
    end)
    return tasks, open, function()
        for _, task in ipairs(tasks) do
            task:await()
        end
        remove()
    end
end

local function idle()
    wait_until(function()
        local c = core.counts()
        return c.running + c.queued + c.turns == 0
    end)
end

-- The same in another thread as here.
local function same(a, b, seen)
    seen = seen or {}
    if type(a) ~= "table" or type(b) ~= "table" then
        return a == b and (math.type == nil or math.type(a) == math.type(b))
    elseif seen[a] then
        return seen[a] == b
    end
    seen[a] = b
    for key, value in pairs(a) do
        if type(key) ~= "table" and not same(value, b[key], seen) then
            return false
        end
    end
    for key in pairs(b) do
        if type(key) ~= "table" and a[key] == nil then
            return false
        end
    end
    return true
end

-- values

test("results come back as they are", function()
    values({ n = 0 }, call "id")
    values({ n = 1, nil }, call("id", nil))
    values({ n = 5, nil, "a\0b", true, false, nil }, call("id", nil, "a\0b", true, false, nil))
    values({ n = 3, 1.5, math.huge, -2 ^ 53 }, call("id", 1.5, math.huge, -2 ^ 53))
    local nan = call("id", 0 / 0)
    ok(nan ~= nan)
end)

test("integers stay integers, and floats floats", function()
    if check.is_luajit then
        values({ n = 2, "3", "number" }, call("number", 3))
        return
    end
    local math_type = math["type"]
    values({ n = 2, "3", "integer" }, call("number", 3))
    values({ n = 2, "3.0", "float" }, call("number", 3.0))
    for _, n in ipairs { math["maxinteger"], math["mininteger"], 2 ^ 53 + 1 } do
        local back = call("id", n)
        eq(back, n)
        eq(math_type(back), math_type(n))
    end
end)

test("tables are copied with all that is in them", function()
    local cases = {
        {},
        { 1, 2, 3 },
        { a = 1, b = { c = { d = "x" } } },
        { 1, 2, nil, 4 },
        { [1] = "a", [2] = "b", [10] = "c", [1.5] = "d", [-1] = "e", [true] = "f" },
        { 1, "two", { 3 }, x = { y = { 1, 2, z = false } } },
    }
    for _, t in ipairs(cases) do
        local copy = call("id", t)
        ok(copy ~= t and same(t, copy))
    end
end)

test("a table that comes again is one table in the copy too, circles included", function()
    local shared = { 1 }
    local t = { shared, shared, inner = { shared } }
    t.self = t
    t.inner.up = t
    local copy, again = call("id", t, shared)

    eq(copy[1], copy[2])
    eq(copy[1], copy.inner[1])
    eq(copy[1], again)
    eq(copy.self, copy)
    eq(copy.inner.up, copy)
    eq(copy[1][1], 1)
end)

test("a table may be a key", function()
    local key = { 1 }
    local copy, same_key = call("id", { [key] = "x" }, key)

    eq(copy[same_key], "x")
end)

test("JSON's null and arrays stay what they are, and NULL", function()
    values({ n = 2, "userdata", true }, call("describe", json.null))
    eq(call("id", json.null), json.null)
    eq(call("id", { json.null })[1], json.null)
    ok(json.is_array(call("id", json.array())))
    eq(json.encode(call("id", { json.array(), {} })), "[[],{}]")
end)

test("a table is copied raw, without a metatable that nobody knows", function()
    local t = setmetatable({ 1 }, { __index = { b = 2 }, __pairs = error, __len = error })
    local copy = call("id", t)

    eq(copy[1], 1)
    eq(copy.b, nil)
    eq(getmetatable(copy), nil)
end)

test("what was given is a copy: nobody sees what others do with it", function()
    local t = { 1 }
    local task = atlas.spawn(call, "id", t)

    atlas.checkpoint()
    t[1] = 2
    eq(task:await()[1], 1)
end)

test("what cannot be copied is refused, with the way to it", function()
    local cases = {
        { "(a function cannot be copied)", print },
        { "(.a.b[3] is a function, which cannot be copied)", { a = { b = { 1, 2, print } } } },
        { '(["x y"] is a thread, which cannot', { ["x y"] = coroutine.create(print) } },
        { "([-1].io is a userdata, which cannot be copied)", { [-1] = { io = io.stdout } } },
        { "(a userdata cannot be copied)", atlas.current() },
        { "[\"a boolean\"] is a function", { [true] = print } },
        { "(the key at [\"a function\"] is a function, which cannot be copied)", { [print] = 1 } },
    }
    for _, case in ipairs(cases) do
        local err = raises(call, "id", case[2])
        has(err, "bad argument #3 to 'thread'")
        has(err, case[1])
    end
    has(raises(call, "id", 1, 2, print), "bad argument #5 to 'thread'")
end)

test("an error in an argument names the caller's line", function()
    local here = check.here(1)
    local _, err = pcall(function() local x = atlas.thread("thread_work", "id", print) return x end)
    has(err, here .. ": bad argument #3")
end)

test("tables may be 200 deep, and no deeper", function()
    local function nest(depth)
        local t = {}
        for _ = 2, depth do
            t = { t }
        end
        return t
    end
    local copy, depth = call("id", nest(200)), 0
    while copy do
        copy, depth = copy[1], depth + 1
    end
    eq(depth, 200)
    has(raises(call, "id", nest(201)), "(tables nested more than 200 deep)")
    has(raises(call, "id", nest(5000)), "(tables nested more than 200 deep)")
    has(raises(call, "nest", 201), "bad result #1 (tables nested more than 200 deep)")
    ok(call("nest", 200))
end)

test("64 MiB are the limit, each way", function()
    local big = ("x"):rep(2 ^ 13):rep(2 ^ 13)

    has(raises(call, "id", big), "bad argument #3 to 'thread' (more than 67108864 bytes)")
    has(raises(call, "id", { a = { big } }), "(.a[1] is beyond the limit of 67108864 bytes)")
    has(raises(call, "make", 2 ^ 26), "bad result #1 (more than 67108864 bytes)")
    eq(#call("make", 2 ^ 25), 2 ^ 25)
end)

test("so are 5,000 values", function()
    eq(select("#", call("many", 5000)), 5000)
    has(raises(call, "many", 5001), "too many results: 5001, at most 5000")
    local unpack = table.unpack or unpack
    local list = {}
    for i = 1, 5000 do
        list[i] = i
    end
    eq(select("#", call("id", unpack(list, 1, 4998))), 4998)
    has(raises(call, "id", unpack(list, 1, 4999)), "too many values: 5001, at most 5000")
end)

test("results that cannot be copied are an error", function()
    has(raises(call, "results_with_function"), "bad result #2 (.inner[1] is a function")
end)

-- errors

test("errors keep their type", function()
    for _, value in ipairs { "text", 42, true, false } do
        local good, err = pcall(call, "error", value)
        eq(good, false)
        eq(err, value)
    end
    local good, err = pcall(call, "error", nil)
    eq(good, false)
    ok(err == nil or err == "nil") -- an error that is nil is a text in some VMs
    err = raises(call, "error", { code = 7, list = { 1, 2 } })
    eq(err.code, 7)
    eq(err.list[2], 2)
end)

test("an error without a copy is its text", function()
    has(raises(call, "error_with_function"), ".fn is a function, which cannot be copied")
    has(raises(call, "worst_error"), "(an error that is a table)")
end)

test("an error with a text of its own is an atlas.Error with it", function()
    local err = raises(call, "object_error")

    eq(tostring(err), "code 7")
    eq(err.number, 7)
    eq(err.message, "code 7")
end)

test("Atlas's errors stay what they are", function()
    local value, err = call "atlas_error"
    eq(value, nil)
    ok(err.line == 1 and tostring(err) == err.message)
    err = raises(call, "abort")
    ok(atlas.HTTPError.is(err))
    eq(tostring(err), "404 no such thing")
end)

test("a traceback begins in the thread and goes on in the task", function()
    local task = atlas.spawn(function()
        return call("deep_error", "oh") .. ""
    end)
    local good, err = task:pawait()
    local trace = task:traceback()

    eq(good, false)
    has(err, "thread_work.lua:")
    has(err, ": oh")
    has(trace, "thread_work.lua:")
    has(trace, "called as 'thread_work.deep_error'\nawaited by task '")
    has(trace, "thread_test.lua:")
    check.lacks(trace, "<atlas>")
    local at = trace:find("in thread", 1, true)
    ok(trace:find("thread_work.lua", 1, true) < at and trace:find("thread_test.lua", at, true))
end)

test("a module or a function that isn't there is an error", function()
    has(raises(atlas.thread, "thread_missing", "x"), "module 'thread_missing' not found")
    local name, path = os.tmpname(), package.path
    local file = assert(io.open(name .. ".lua", "w"))
    file:write "return 1 +\n"
    file:close()
    package.path = name:match "^.*/" .. "?.lua;" .. path
    local err = raises(atlas.thread, name:match "[^/]*$", "x")
    package.path = path
    os.remove(name .. ".lua")
    os.remove(name)
    has(err, "error loading module")
    has(err, ".lua:")
    has(raises(atlas.thread, "thread_number", "x"), "module 'thread_number' returns a number")
    has(raises(call, "missing"), "module 'thread_work' has no function 'missing'")
    has(raises(call, "not_a_function"), "attempt to call")
    has(raises(atlas.thread, nil, "x"), "bad argument #1 to 'thread' (string expected, got nil)")
    has(raises(atlas.thread, "x", 1), "bad argument #2 to 'thread' (string expected, got number)")
end)

test("what waits says that there is no loop", function()
    has(raises(call, "wait", "sleep", 0), "'sleep' cannot wait in a thread: there is no loop")
    has(raises(call, "wait", "checkpoint"), "'checkpoint' cannot wait in a thread")
    has(raises(call, "wait", "thread", "thread_work", "id"), "'thread' cannot wait in a thread")
    has(raises(call, "wait", "detach", nil), "bad argument #1 to 'detach'")
    has(raises(call, "exit"), "os.exit cannot be called in a thread")
end)

-- the VM

test("pure modules and coroutines work there", function()
    local text, again = call "modules"
    eq(text, '{"a":[],"b":[1,null]}')
    eq(again, text)
    eq(call("coroutines", 100), 5050)
end)

test("package.path is this VM's at the time of the call", function()
    local path, cpath = package.path, package.cpath
    values({ n = 2, path, cpath }, call "path")
    package.path = "./?.lua;/somewhere/?.lua"
    local there = call "path"
    package.path = path
    eq(there, "./?.lua;/somewhere/?.lua")
    eq((call "path"), path)
end)

test("a VM is kept from call to call", function()
    local before = 0
    for _ = 1, 10 do
        before = math.max(before, (call "count"))
    end
    ok(before > 1)
end)

test("a stack overflow is an error like others", function()
    has(raises(call, "overflow"), "stack overflow")
    eq(call("id", 1), 1)
end)

test("a VM that keeps too much is another next time", function()
    idle()
    call("keep", 1)
    for _ = 1, THREADS do
        call("keep", 80) -- MiB, of 64
    end
    local least = math.huge
    for _ = 1, 3 * THREADS do
        least = math.min(least, (call("keep", 1)))
    end
    ok(least <= 3 * THREADS, least)
end)

test("collecting all the while harms nothing", function()
    local tasks = {}
    for i = 1, 20 do
        tasks[i] = atlas.spawn(call, "collect", 100)
    end
    for i = 1, 20 do
        collectgarbage()
        eq(tasks[i]:await(), 5050)
    end
end)

test("lines of the log come from there too", function()
    eq(call("log", "from a thread"), nil)
end)

-- waiting

test("others run meanwhile", function()
    local tasks, open, remove = occupy()
    local turns = 0
    for _ = 1, 100 do
        atlas.checkpoint()
        turns = turns + 1
    end
    eq(turns, 100)
    has(atlas.dump(), "waits for 'thread'")
    open()
    for i, task in ipairs(tasks) do
        eq(task:await(), i)
    end
    remove()
end)

test("calls run on several threads at once", function()
    local gate_a, open_a, remove_a = new_gate()
    local a = atlas.spawn(call, "until_file", gate_a)
    atlas.checkpoint()
    eq(call("id", 1), 1) -- beside the one that waits
    eq(a:status(), "waiting")
    open_a()
    a:await()
    remove_a()
end)

test("when the queue is full, callers wait in their order", function()
    local _, open, remove = occupy()
    local order, tasks = {}, {}
    for i = 1, 300 do
        tasks[i] = atlas.spawn(function()
            local n, text = call("id", i, "x")
            order[#order + 1] = n
            eq(text, "x")
        end)
    end
    atlas.checkpoint()
    local c = core.counts()
    eq(c.queued, 64)
    eq(c.turns, 300 - 64)
    open()
    remove()
    for i = 1, 300 do
        tasks[i]:await()
    end
    -- Those before it have been begun; the other thread may still have one.
    local returned, first = {}, 1
    for _, n in ipairs(order) do
        returned[n] = true
        local missing = 0
        for i = first, n - 1 do
            missing = missing + (returned[i] and 0 or 1)
        end
        ok(missing < THREADS, ("%d before %d others"):format(n, missing))
        while returned[first] do
            first = first + 1
        end
    end
end)

test("an argument that is bad behind a full queue is an error all the same", function()
    local _, open, remove = occupy()
    for i = 1, 64 do
        atlas.spawn(call, "id", i)
    end
    atlas.checkpoint()
    local here = check.here(2)
    local bad = atlas.spawn(function()
        local x = atlas.thread("thread_work", "id", 1, { f = print })
        return x
    end)
    local good = atlas.spawn(call, "id", "good")
    atlas.checkpoint()
    eq(core.counts().turns, 2)
    open()
    remove()
    local fine, err = bad:pawait()
    eq(fine, false)
    has(err, here .. ": bad argument #4 to 'thread' (.f is a function, which cannot be copied)")
    eq(good:await(), "good")
end)

test("a timeout releases the caller at once; the call goes on", function()
    idle()
    local gate, open, remove = new_gate()
    local mark = os.tmpname() .. "done"
    local start = atlas.now()
    local err = raises(atlas.timeout, 0.02, call, "until_file", gate)
    ok(atlas.Timeout.is(err))
    ok(atlas.now() - start < 20)
    eq(core.counts().running, 1)
    eq(call("touch", mark), true) -- on the other thread
    open()
    idle() -- it has seen the file
    os.remove(mark)
    remove()
end)

test("cancelled calls that wait never start", function()
    local _, open, remove = occupy()
    local mark = os.tmpname() .. "never"
    local tasks = {}
    for i = 1, 200 do
        tasks[i] = atlas.spawn(call, "touch", mark)
    end
    atlas.checkpoint()
    for i = 1, 200 do
        tasks[i]:cancel()
    end
    for i = 1, 200 do
        local good, err = tasks[i]:pawait()
        eq(good, false)
        ok(atlas.TaskCancelled.is(err))
    end
    local c = core.counts()
    eq(c.queued + c.turns, 0)
    open()
    remove()
    idle()
    eq(io.open(mark), nil)
end)

test("thousands of calls, many of them cancelled at any time", function()
    local returned, cancelled = 0, 0
    for round = 1, 20 do
        atlas.group(function(g)
            for i = 1, 250 do
                local task
                task = g:spawn(function()
                    local good, value = pcall(call, "id", i, { round })
                    if good then
                        eq(value, i)
                        returned = returned + 1
                    else
                        cancelled = cancelled + 1
                        error(value, 0)
                    end
                end)
                if i % 3 == 0 then
                    g:spawn(function()
                        for _ = 1, i % 7 do
                            atlas.checkpoint()
                        end
                        task:cancel()
                    end)
                end
            end
        end, { on_error = "collect" })
    end
    ok(returned >= 20 * 250 * 2 / 3 - 20, returned)
    ok(cancelled > 0)
    idle()
    eq(call("id", 1), 1)
end)

test("a call may be made in a coroutine of the caller's own", function()
    local step = coroutine.wrap(function()
        for i = 1, 5 do
            coroutine.yield(call("id", i))
        end
    end)
    for i = 1, 5 do
        eq(step(), i)
    end
end)

test("a cancelled task makes no call", function()
    local mark = os.tmpname() .. "not"
    local task = atlas.spawn(function()
        pcall(atlas.sleep, 60)
        return call("touch", mark)
    end)
    atlas.checkpoint()
    task:cancel()
    ok(atlas.TaskCancelled.is(select(2, task:pawait())))
    idle()
    eq(io.open(mark), nil)
end)

test("where a task cannot wait a call is refused", function()
    local _, err = load(function()
        return call("id", "x")
    end)
    has(err, "'thread' cannot wait here")
    idle()
end)

test("a call in a deep recursion either runs or says that there is no stack", function()
    local function dive(n)
        if n == 0 then
            return call("id", 1)
        end
        return (dive(n - 1))
    end
    for _, depth in ipairs { 10, 150, 1000, 7000 } do
        local good, value = pcall(dive, depth)
        ok(value == 1 or not good and tostring(value):find "stack", value)
    end
    eq(call("id", 1), 1)
end)

test("calls leave nothing behind", function()
    idle()
    collectgarbage()
    collectgarbage()
    local task_core = require "atlas.task.core"
    for _ = 1, 50 do
        call("id", { 1 })
    end
    local before = task_core.counts()
    for i = 1, 500 do
        pcall(call, i % 2 == 0 and "id" or "error", { i })
    end
    idle()
    local after = task_core.counts()
    eq(after.waits, before.waits)
    eq(after.tasks, before.tasks)
    ok(after.blocks - before.blocks < 10, after.blocks - before.blocks)
end)
