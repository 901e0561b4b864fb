-- supervise_test.lua - tasks that are started again.
-- SPDX-License-Identifier: MIT
--
-- Each run that fails logs an error: the standard error of this file is full.

local atlas = require "atlas"
local check = require "check"

local eq = check.eq
local quick = { 0.001, 0.002 }

test("with on_error the results of the first run that succeeds are those of the task", function()
    local runs = 0
    local task = atlas.supervise(function()
        runs = runs + 1
        if runs < 4 then
            error "not yet"
        end
        return "done", nil, runs
    end, { restart = "on_error", backoff = quick })

    check.values({ n = 3, "done", nil, 4 }, task:await())
end)

test("always starts again what returns, without a limit", function()
    local runs, event = 0, atlas.event()
    local task = atlas.supervise(function()
        runs = runs + 1
        if runs == 20 then
            event:set()
        end
    end, { restart = "always", backoff = { 0, 0 }, max = 3 })

    event:wait()
    task:cancel()
    eq(task:pawait(), false)
end)

test("it is always unless something else is said", function()
    local runs, event = 0, atlas.event()
    local task = atlas.supervise(function()
        runs = runs + 1
        if runs == 2 then
            event:set()
        end
    end, { backoff = quick })

    event:wait()
    task:cancel()
end)

test("max is the number of restarts; then the last error is raised", function()
    local runs = 0
    local task = atlas.supervise(function()
        runs = runs + 1
        error({ run = runs }, 0)
    end, { backoff = quick, max = 3 })
    local ok, err = task:pawait()
    eq(ok, false)
    eq(runs, 4)
    eq(err.run, 4)
    eq(task:status(), "failed")
end)

test("with max = 0 nothing is started again after an error", function()
    local runs = 0
    local ok = atlas.supervise(function()
        runs = runs + 1
        error "once"
    end, { max = 0 }):pawait()

    eq(ok, false)
    eq(runs, 1)
end)

test("the error that is given up on has the traceback of its run", function()
    local function deep()
        error "in a run"
    end
    local line = check.here(-2)
    local task = atlas.supervise(function()
        deep()
    end, { max = 0 })
    local ok, err = task:pawait()

    eq(ok, false)
    check.has(err, "in a run")
    check.has(task:traceback(), line)
end)

test("nobody awaits it: the error is raised at the end of the task around it", function()
    local ok, err = atlas.spawn(function()
        atlas.supervise(function()
            error "given up"
        end, { max = 1, backoff = quick })
    end):pawait()

    eq(ok, false)
    check.has(err, "given up")
end)

test("a limit counts without any delay too", function()
    local runs = 0

    eq(atlas.supervise(function()
        runs = runs + 1
        error "fails"
    end, { backoff = { 0, 0 }, max = 3 }):pawait(), false)
    eq(runs, 4)
end)

test("a run that returns begins the count anew", function()
    local runs = 0
    local task = atlas.supervise(function()
        runs = runs + 1
        if runs % 3 ~= 0 then -- two failures, then a success
            error "one of two"
        elseif runs == 30 then
            atlas.current():cancel "enough"
            atlas.checkpoint()
        end
    end, { backoff = { 0, 0 }, max = 2 })
    local ok, err = task:pawait()

    eq(ok, false)
    check.ok(atlas.TaskCancelled.is(err), tostring(err))
    eq(runs, 30)
end)

test("a run that lasts longer than the longest delay, and a second, begins the count anew",
    function()
        local runs = 0
        local ok = atlas.supervise(function()
            runs = runs + 1
            if runs == 2 then
                atlas.sleep(1.01)
            end
            error "late"
        end, { backoff = quick, max = 1 }):pawait()

        eq(ok, false)
        eq(runs, 3) -- without the second one's length it would be two
    end)

test("to cancel the task cancels the run, and it isn't started again", function()
    local runs, ended, event = 0, 0, atlas.event()
    local task = atlas.supervise(function()
        runs = runs + 1
        atlas.defer(function()
            ended = ended + 1
        end)
        event:set()
        atlas.sleep(60)
    end, { backoff = { 0, 0 } })

    event:wait()
    task:cancel "stop"
    local ok, err = task:pawait()
    eq(ok, false)
    check.ok(atlas.TaskCancelled.is(err))
    eq(err.reason, "stop")
    atlas.sleep(0.01)
    eq(runs, 1)
    eq(ended, 1)
    eq(task:status(), "cancelled")
end)

test("it can be cancelled while it waits for its next run", function()
    local runs = 0
    local task = atlas.supervise(function()
        runs = runs + 1
        error "fails"
    end, { backoff = { 60, 60 } })

    while runs == 0 do
        atlas.checkpoint()
    end
    atlas.checkpoint()
    task:cancel()
    eq(task:pawait(), false)
    eq(runs, 1)
end)

test("a run that catches Cancelled and fails isn't started again either", function()
    local runs, event = 0, atlas.event()
    local task = atlas.supervise(function()
        runs = runs + 1
        event:set()
        pcall(atlas.sleep, 60)
        error "another error"
    end, { backoff = { 0, 0 } })

    event:wait()
    task:cancel()
    eq(task:pawait(), false)
    eq(runs, 1)
end)

test("a run that cancels itself ends it without a restart, and that is no failure", function()
    local runs = 0

    atlas.spawn(function()
        atlas.supervise(function()
            runs = runs + 1
            atlas.current():cancel "enough"
            atlas.checkpoint()
        end, { backoff = { 0, 0 } })
    end):await()
    eq(runs, 1)
end)

test("it ends with the task around it", function()
    local runs, event = 0, atlas.event()
    local parent = atlas.spawn(function()
        atlas.supervise(function()
            runs = runs + 1
            event:set()
            atlas.sleep(60)
        end)
    end)

    event:wait()
    eq(parent:status(), "joining")
    parent:cancel()
    parent:pawait()
    eq(runs, 1)
end)

test("it inherits deadlines", function()
    local ok, err = pcall(atlas.timeout, 60, function()
        atlas.supervise(atlas.sleep, { max = 0 }):await()
    end)

    eq(ok, false)
    check.has(err, "bad argument") -- sleep() without a number: an error of the run

    ok, err = pcall(atlas.timeout, 0.01, function()
        atlas.supervise(function()
            atlas.sleep(60)
        end):await()
    end)
    eq(ok, false)
    check.ok(atlas.Timeout.is(err), tostring(err))
end)

test("what a run has spawned is over before the next begins", function()
    local alive, most, runs = 0, 0, 0

    atlas.supervise(function()
        runs = runs + 1
        atlas.spawn(function()
            alive = alive + 1
            most = math.max(most, alive)
            atlas.defer(function()
                alive = alive - 1
            end)
            atlas.sleep(60)
        end)
        atlas.checkpoint()
        if runs < 5 then
            error "fails"
        end
        atlas.current():cancel()
        atlas.checkpoint()
    end, { backoff = { 0, 0 } }):pawait()
    eq(runs, 5)
    eq(most, 1)
    eq(alive, 0)
end)

test("an error of a run's child is one of the run", function()
    local runs = 0

    eq(atlas.supervise(function()
        runs = runs + 1
        if runs == 1 then
            atlas.spawn(error, "of a child")
        end
        return runs
    end, { restart = "on_error", backoff = quick }):await(), 2)
end)

-- The seconds between the runs of something that always fails.
local function gaps(options)
    local list, last = {}, nil

    atlas.supervise(function()
        local now = atlas.now()
        if last then
            list[#list + 1] = now - last
        end
        last = now
        error "fails"
    end, options):pawait()
    return list
end

test("the delay before a restart is never shorter than it should be, and doubles", function()
    local list = gaps { backoff = { 0.01, 0.05 }, max = 4 }

    eq(#list, 4)
    for i, low in ipairs { 0.01, 0.02, 0.05 / 1.5, 0.05 / 1.5 } do
        check.ok(list[i] >= low - 1e-6, ("gap %d is %g"):format(i, list[i]))
    end
end)

test("no two delays are the same", function()
    local list = gaps { backoff = { 0.01, 0.03 }, max = 6 }
    local distinct = 0

    for i = 4, #list do -- those at the limit
        distinct = distinct + (math.abs(list[i] - list[i - 1]) > 1e-5 and 1 or 0)
    end
    check.ok(distinct > 0)
end)

test("mistakes in the options are named", function()
    local fn = function() end

    for text, options in check.each {
        ["restart is 'always' or 'on_error'"] = { restart = "never" },
        ["backoff is a table {first, last}, got number"] = { backoff = 1 },
        ["backoff is {first, last}, seconds"] = { backoff = { 2, 1 } },
        ["backoff is {first, last}"] = { backoff = { 1 } },
        ["max is an integer"] = { max = -1 },
        ["max is an integer, not"] = { max = 1.5 },
        ["max is an integer, not negative"] = { max = 0 / 0 },
        ["there is no option 'retries'"] = { retries = 5 },
        ["options is a table, got string"] = "always",
    } do
        local err = check.raises(atlas.supervise, fn, options)
        check.has(err, "supervise: " .. text)
    end
    check.has(check.raises(atlas.supervise, nil), "bad argument #1 to 'supervise'")
    check.has(check.raises(function()
        atlas.supervise(fn, { max = "many" })
    end), check.here(-1))
end)

test("max may be endless", function()
    local runs = 0

    eq(atlas.supervise(function()
        runs = runs + 1
        assert(runs > 10)
        return runs
    end, { restart = "on_error", backoff = { 0, 0 }, max = math.huge }):await(), 11)
end)
