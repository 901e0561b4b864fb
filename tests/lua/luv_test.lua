-- luv_test.lua - luv on Atlas's loop: awaits, callbacks as tasks, run and walk.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"

-- In a coroutine that is gone when the first callback comes.
local uv = coroutine.wrap(function()
    return require "luv"
end)()
collectgarbage()

local eq, ok = check.eq, check.ok

-- A script, not a suite of `atlas test`: uv.run() waits for all that luv has
-- active, so these follow one another in a loop that nobody else uses.
local passed, failed = 0, 0

local function test(claim, fn)
    local task = atlas.spawn(fn)
    local done, err = task:pawait()

    if done then
        passed = passed + 1
    else
        failed = failed + 1
        print(("FAIL %s\n%s\n%s"):format(claim, tostring(err), task:traceback() or ""))
    end
end

local function timer(ms, fn)
    local handle = uv.new_timer()
    handle:start(ms, 0, fn)
    return handle
end

local function close(...)
    for i = 1, select("#", ...) do
        local handle = select(i, ...)
        if not handle:is_closing() then
            handle:close()
        end
    end
end

-- --- the module ---

test("luv and uv are one table, which has luv's own functions", function()
    eq(require "luv", require "uv")
    eq(type(uv.constants), "table")
    ok(uv.version() >= 0x012c00)
end)

test("a module of the user's that is called uv comes first", function()
    package.loaded.uv = nil
    local path = package.path
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "return 'mine'"
    file:close()
    package.path = name
    local mine = require "uv"
    package.path = path
    package.loaded.uv = nil
    os.remove(name)
    eq(mine, "mine")
end)

-- --- callbacks are tasks ---

test("a callback runs in a task of its own, outside any other", function()
    local callback, wait = atlas.callback()
    local handle = timer(1, function()
        callback(atlas.current(), coroutine.running())
    end)
    local task, co = wait()

    ok(task ~= atlas.current())
    eq(type(co), "thread")
    handle:close()
end)

test("a callback may wait, and others run meanwhile", function()
    local log = {}
    local done = atlas.event()
    local a = timer(1, function()
        log[#log + 1] = "a begins"
        atlas.sleep(0.02)
        log[#log + 1] = "a ends"
        done:set()
    end)
    local b = timer(3, function()
        log[#log + 1] = "b"
    end)

    done:wait()
    check.list(log, { "a begins", "b", "a ends" })
    close(a, b)
end)

test("what a callback does until it waits comes before the next callback", function()
    -- Both are due in the same turn; the first one stops the second.
    local ran = false
    local second = uv.new_timer()
    local first = uv.new_timer()

    first:start(1, 0, function()
        second:stop()
    end)
    second:start(1, 0, function()
        ran = true
    end)
    uv.sleep(3)
    atlas.sleep(0.005)
    eq(ran, false)
    close(first, second)
end)

test("prepare, idle and check have their place in the turn", function()
    local log = {}
    local handles = {}
    for _, kind in ipairs { "check", "prepare", "idle" } do
        local handle = uv["new_" .. kind]()
        handles[#handles + 1] = handle
        handle:start(function()
            log[#log + 1] = kind
            handle:stop()
        end)
    end
    uv.run()
    check.list(log, { "idle", "prepare", "check" })
    close((table.unpack or unpack)(handles))
end)

test("a callback may be any value that can be called", function()
    local got
    local handle = timer(
        1,
        setmetatable({}, {
            __call = function()
                got = true
            end,
        })
    )

    uv.run()
    eq(got, true)
    handle:close()
end)

test("callbacks come after a hundred collections, too", function()
    local count = 0
    local handle = uv.new_timer()

    handle:start(0, 1, function()
        collectgarbage()
        count = count + 1
        if count == 100 then
            handle:close()
        end
    end)
    handle = handle -- the only reference is luv's
    uv.run()
    eq(count, 100)
end)

test("a callback at the stack's end of a deep recursion of callbacks' tasks", function()
    local function depth(n)
        return n == 0 and atlas.sleep(0) or 1 + (depth(n - 1) and 0)
    end
    local result
    local handle = timer(0, function()
        result = depth(5000)
    end)

    uv.run()
    eq(result, 1)
    handle:close()
end)

test("a stack overflow in a callback harms only it", function()
    local function forever()
        return 1 + forever()
    end
    local ran
    local a = timer(0, forever)
    local b = timer(1, function()
        ran = true
    end)

    uv.run()
    eq(ran, true)
    close(a, b)
end)

test("a callback that is cancelled ends without a word", function()
    local task
    local handle = timer(0, function()
        task = atlas.current()
        atlas.sleep(1000)
    end)
    atlas.sleep(0.01)
    task:cancel()
    atlas.sleep(0.001)
    eq(task:status(), "cancelled")
    handle:close()
end)

test("tasks that a callback spawns belong to it", function()
    local log = {}
    local handle = timer(0, function()
        atlas.spawn(function()
            atlas.sleep(0.005)
            log[#log + 1] = "child"
        end)
        log[#log + 1] = "callback"
    end)
    uv.run()
    check.list(log, { "callback", "child" })
    handle:close()
end)

-- --- await, callback, wrap, suspend ---

test("await of a file's calls", function()
    local path = os.tmpname()
    local fd = assert(atlas.await(uv.fs_open, path, "w", 384))

    eq(atlas.await(uv.fs_write, fd, "some text", -1), 9)
    eq(atlas.await(uv.fs_close, fd), true)
    eq(atlas.await(uv.fs_stat, path).size, 9)
    fd = assert(atlas.await(uv.fs_open, path, "r", 0))
    eq(atlas.await(uv.fs_read, fd, 100, 5), "text")
    eq(atlas.await(uv.fs_close, fd), true)
    eq(atlas.await(uv.fs_unlink, path), true)
    local nothing, err = atlas.await(uv.fs_stat, path)
    eq(nothing, nil)
    check.has(err, "ENOENT")
end)

test("await of what fails at once returns what luv does", function()
    local tcp = uv.new_tcp()
    local nothing, message, name = atlas.await(uv.shutdown, tcp)

    eq(nothing, nil)
    check.has(message, "ENOTCONN")
    eq(name, "ENOTCONN")
    tcp:close()
end)

test("await of getaddrinfo and getnameinfo", function()
    local list = assert(atlas.await(uv.getaddrinfo, "127.0.0.1", "80", { socktype = "stream" }))
    eq(list[1].addr, "127.0.0.1")
    eq(list[1].port, 80)
    local host, service = atlas.await(uv.getnameinfo, { ip = "127.0.0.1", port = 80 })
    eq(type(host), "string")
    eq(type(service), "string")
end)

test("callback with a timer", function()
    local callback, wait = atlas.callback()
    local handle = timer(2, callback)

    check.values({ n = 0 }, wait())
    handle:close()
end)

test("suspend with a timer, whose canceller stops it", function()
    local handle = uv.new_timer()
    local task = atlas.spawn(function()
        atlas.suspend(function(resume)
            handle:start(1000000, 0, resume)
            return function()
                handle:stop()
            end
        end)
    end)

    atlas.sleep(0.001)
    eq(handle:is_active(), true)
    task:cancel()
    task:pawait()
    eq(handle:is_active(), false)
    handle:close()
end)

-- All four threads sleep, so that what is asked next cannot have begun.
local function keep_threads_busy()
    local busy = uv.new_work(function()
        require("luv").sleep(100)
    end, function() end)

    for _ = 1, 4 do
        busy:queue()
    end
end

test("wrap with uv.cancel withdraws a request", function()
    keep_threads_busy()
    local results = {}
    local stat = atlas.wrap(uv.fs_stat, {
        cancel = function(request)
            results[#results + 1] = uv.cancel(request)
        end,
    })
    local task = atlas.spawn(stat, "/")

    atlas.sleep(0.01)
    task:cancel()
    local done, err = task:pawait()
    eq(done, false)
    eq(err.code, "ETASKCANCELED")
    check.list(results, { 0 })
    eq(uv.run(), false)
end)

test("a task that is cancelled in await leaves its request to end by itself", function()
    keep_threads_busy()
    local task = atlas.spawn(atlas.await, uv.fs_stat, "/")

    atlas.checkpoint()
    task:cancel()
    eq((task:pawait()), false)
    eq(uv.loop_alive(), true)
    eq(uv.run(), false)
end)

test("a timeout ends an await", function()
    local pipe = uv.new_pipe(false)
    local fds = uv.pipe()
    pipe:open(fds.read)
    local done, err = pcall(atlas.timeout, 0.01, atlas.await, pipe.read_start, pipe)
    eq(done, false)
    eq(err.code, "ETIMEDOUT")
    pipe:close()
    assert(uv.fs_close(fds.write))
    uv.run()
end)

test("an echo over TCP, by wrapped functions", function()
    local server = uv.new_tcp()
    server:bind("127.0.0.1", 0)
    server:listen(16, function(err)
        assert(not err, err)
        local client = uv.new_tcp()
        server:accept(client)
        client:read_start(function(_, chunk)
            if chunk then
                assert(atlas.await(client.write, client, chunk:upper()) == nil)
            else
                client:close()
            end
        end)
    end)
    local port = server:getsockname().port
    local function ask(text)
        local tcp = uv.new_tcp()
        local lines = atlas.channel(16)

        assert(select("#", atlas.await(tcp.connect, tcp, "127.0.0.1", port)) == 0)
        tcp:read_start(function(_, chunk)
            if chunk then
                lines:send(chunk)
            else
                lines:close()
            end
        end)
        atlas.await(tcp.write, tcp, text)
        local answer = lines:recv()
        atlas.await(tcp.shutdown, tcp)
        eq((lines:recv()), nil)
        tcp:close()
        return answer
    end

    check.list(atlas.map({ "a", "b", "c", "d" }, ask), { "A", "B", "C", "D" })
    server:close()
    eq(uv.run(), false)
end)

test("a process: its output, its end", function()
    local out = uv.new_pipe(false)
    local ended, wait = atlas.callback()
    local process = assert(uv.spawn("sh", {
        args = { "-c", "echo out; exit 3" },
        stdio = { nil, out },
    }, ended))
    local text = atlas.suspend(function(resume)
        local parts = {}
        out:read_start(function(_, chunk)
            if chunk then
                parts[#parts + 1] = chunk
            else
                resume(table.concat(parts))
            end
        end)
    end)

    eq(text, "out\n")
    check.values({ n = 2, 3, 0 }, wait())
    close(out, process)
    eq(uv.run(), false)
end)

test("a process that cannot be started leaves nothing", function()
    local nothing, message, name = uv.spawn("/nowhere/at/all", {}, print)

    eq(nothing, nil)
    check.has(message, "ENOENT")
    eq(name, "ENOENT")
    collectgarbage()
    eq(uv.run(), false)
    uv.walk(error)
end)

-- --- run ---

test("run returns false at once if nothing is active", function()
    for _, mode in ipairs { "default", "once", "nowait" } do
        eq(uv.run(mode), false)
    end
    eq(uv.loop_mode(), nil)
end)

test("run takes only its modes", function()
    check.has(check.raises(uv.run, "twice"), "bad argument #1 to 'run' (invalid option 'twice')")
end)

test("run lets others run, and waits for a callback that waits", function()
    local log = {}
    local handle = timer(1, function()
        atlas.sleep(0.02)
        log[#log + 1] = "callback"
    end)
    local other = atlas.spawn(function()
        atlas.sleep(0.005)
        log[#log + 1] = "other"
    end)

    eq(uv.run(), false)
    log[#log + 1] = "run"
    check.list(log, { "other", "callback", "run" })
    other:await()
    handle:close()
    uv.run()
end)

test("run once ends with the first callback", function()
    local count = 0
    local a = timer(1, function()
        count = count + 1
    end)
    local b = timer(30, function()
        count = count + 1
    end)

    eq(uv.run "once", true)
    eq(count, 1)
    eq(uv.run "once", false)
    eq(count, 2)
    close(a, b)
    uv.run()
end)

test("run nowait is one turn", function()
    local handle = timer(1000000, print)

    eq(uv.run "nowait", true)
    handle:close()
    uv.run()
end)

test("stop ends each run that waits, and is forgotten then", function()
    local handle = timer(1000000, print)
    local a, b = atlas.spawn(uv.run), atlas.spawn(uv.run)

    atlas.sleep(0.001)
    eq(uv.loop_mode(), "default")
    uv.stop()
    eq(a:await(), true)
    eq(b:await(), true)
    eq(uv.loop_mode(), nil)
    handle:close()
    eq(uv.run(), false)
end)

test("stop before run ends it at once", function()
    local handle = timer(1000000, print)

    uv.stop()
    eq(uv.run(), true)
    handle:close()
    eq(uv.run(), false)
end)

test("a run that is cancelled has gone", function()
    local handle = timer(1000000, print)
    local task = atlas.spawn(uv.run)

    atlas.sleep(0.001)
    task:cancel()
    eq((task:pawait()), false)
    eq(uv.loop_mode(), nil)
    handle:close()
    eq(uv.run(), false)
end)

test("run inside a callback waits for all but this", function()
    local log = {}
    local a = timer(1, function()
        local alive = uv.run()
        log[#log + 1] = tostring(alive)
    end)
    local b = timer(10, function()
        log[#log + 1] = "b"
    end)

    eq(uv.run(), false)
    check.list(log, { "b", "false" })
    close(a, b)
    uv.run()
end)

test("run ends when another task stops what was active", function()
    local handle = timer(1000000, print)
    local sleeper = atlas.spawn(atlas.sleep, 1000)

    atlas.spawn(function()
        atlas.sleep(0.001)
        handle:stop()
    end)
    eq(uv.run(), false)
    sleeper:cancel()
    handle:close()
    uv.run()
end)

test("a handle without a reference keeps nobody", function()
    local handle = timer(1000000, print)

    handle:unref()
    eq(uv.loop_alive(), false)
    eq(uv.run(), false)
    handle:ref()
    eq(uv.loop_alive(), true)
    handle:close()
    eq(uv.run(), false)
end)

test("a write without a callback is waited for", function()
    local fds = uv.pipe()
    local pipe = uv.new_pipe(false)
    pipe:open(fds.write)
    pipe:write(("x"):rep(100000))
    local reader = atlas.spawn(function()
        atlas.sleep(0.005)
        local size = 0
        repeat
            size = size + #(uv.fs_read(fds.read, 100000) or "")
            atlas.sleep(0.002)
        until size == 100000
    end)
    eq(uv.run(), false)
    reader:await() -- the pipe has what was written last
    uv.fs_close(fds.read)
    pipe:close()
    uv.run()
end)

test("a directory that is scanned at once keeps nobody", function()
    local scan = assert(uv.fs_scandir "/")
    local stat = atlas.spawn(atlas.await, uv.fs_stat, "/")

    eq(type(uv.fs_scandir_next(scan)), "string")
    eq(uv.run(), false)
    stat:await()
end)

-- --- walk, loop_close ---

test("walk has luv's handles, the oldest first, and none of Atlas's", function()
    local a, b = uv.new_timer(), uv.new_idle()
    local seen = {}

    uv.walk(function(handle)
        seen[#seen + 1] = handle
        atlas.checkpoint()
    end)
    eq(#seen, 2)
    eq(seen[1], a)
    eq(seen[2], b)
    local nothing, message, name = uv.loop_close()
    eq(nothing, nil)
    check.has(message, "EBUSY: ")
    eq(name, "EBUSY")
    uv.walk(uv.close)
    uv.run()
    uv.walk(error)
    eq(uv.loop_close(), 0)
    eq(uv.loop_close(), 0)
end)

test("walk takes a function, and raises what it raises", function()
    check.has(check.raises(uv.walk, 1), "bad argument #1 to 'walk' (function expected, got number)")
    local handle = uv.new_timer()
    eq(check.raises(uv.walk, function()
        error "mine"
    end):match "mine$", "mine")
    handle:close()
    uv.run()
end)

test("what else asks about the loop is harmless", function()
    eq(type(uv.backend_fd()), "number")
    eq(type(uv.backend_timeout()), "number")
    local before = uv.now()
    uv.sleep(2)
    uv.update_time()
    ok(uv.now() > before)
    uv.metrics_idle_time()
    atlas.sleep(0.001)
end)

-- --- threads ---

test("a thread has plain luv with a loop of its own", function()
    local done, wait = atlas.callback()
    local async
    async = uv.new_async(function(...)
        done(...)
        async:close()
    end)
    local thread = uv.new_thread(function(handle, n)
        local its = require "luv"
        local count = 0
        local clock = its.new_timer()
        clock:start(1, 1, function()
            count = count + 1
            if count == n then
                clock:close()
            end
        end)
        its.run()
        its.async_send(handle, count, tostring(package.loaded.atlas))
    end, async, 3)

    check.values({ n = 2, 3, "nil" }, wait())
    thread:join()
    eq(uv.run(), false)
end)

test("queue_work computes elsewhere and calls back in a task", function()
    local results = atlas.channel(8)
    local work = uv.new_work(function(a, b)
        return a * b, "text"
    end, function(...)
        atlas.checkpoint()
        results:send { ... }
    end)

    work:queue(6, 7)
    local got = results:recv()
    eq(got[1], 42)
    eq(got[2], "text")
    eq(uv.run(), false)
end)

-- --- what stays ---

test("thousands of awaits leave nothing behind", function()
    local core = require "atlas.task.core"
    local function round()
        for _ = 1, 200 do
            atlas.await(uv.fs_stat, "/")
            local callback, wait = atlas.callback()
            local handle = timer(0, callback)
            wait()
            handle:close()
        end
        uv.run()
        collectgarbage()
        collectgarbage()
        local counts = core.counts()
        return ("%d tasks, %d scopes, %d waits"):format(counts.tasks, counts.scopes, counts.waits)
    end

    local before = round()
    eq(round(), before)
end)

-- All of these are closed by the VM's end.
timer(1000000, print)
timer(0, function()
    atlas.sleep(1000)
end)
local left = uv.new_tcp()
left:bind("127.0.0.1", 0)
left:listen(8, print)
uv.new_signal():start("sigusr2", print)
uv.fs_stat("/", print)
uv.new_work(function() end, print):queue()
uv.new_fs_poll():start("/", 100000, print)
_G.late = {
    (newproxy or function()
        return setmetatable({}, {
            __gc = function()
                uv.new_timer():start(1, 0, print)
            end,
        })
    end)(true),
}
if newproxy then
    getmetatable(late[1]).__gc = function() -- luacheck: ignore 113
        uv.new_timer():start(1, 0, print)
    end
end

print(("%d passed, %d failed"):format(passed, failed))
return failed == 0 and 0 or 1
