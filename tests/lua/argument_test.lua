-- argument_test.lua - mistakes in calls are told with function, argument, line.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"
local check = require "check"


-- One row a mistake: the name that the error has to have, the number of the
-- argument, what it says in brackets, and the call.
local rows = {
    { "sleep", 1, "number expected, got nil", function() atlas.sleep() end },
    { "sleep", 1, "number expected, got string", function() atlas.sleep "long" end },
    { "sleep", 1, "number expected, got table", function() atlas.sleep {} end },
    { "sleep", 1, "seconds from 0 to 1e9 expected", function() atlas.sleep(-0.001) end },
    { "sleep", 1, "seconds from 0 to 1e9 expected", function() atlas.sleep(0 / 0) end },
    { "sleep", 1, "seconds from 0 to 1e9 expected", function() atlas.sleep(math.huge) end },
    { "sleep", 1, "seconds from 0 to 1e9 expected", function() atlas.sleep(1e9 + 1) end },
    { "spawn", 1, "function expected, got no value", function() atlas.spawn() end },
    { "spawn", 1, "function expected, got nil", function() atlas.spawn(nil, 1) end },
    { "spawn", 1, "function expected, got table", function() atlas.spawn {} end },
    { "spawn", 1, "function expected, got atlas.Task",
      function() atlas.spawn(atlas.current()) end },
    { "await", 1, "function expected, got nil", function() atlas.await() end },
    { "await", 1, "function expected, got string", function() atlas.await "fn" end },
    { "suspend", 1, "function expected, got nil", function() atlas.suspend() end },
    { "suspend", 1, "function expected, got number", function() atlas.suspend(5) end },
    { "await", 1, "atlas.Task expected, got no value",
      function() atlas.current().await() end },
    { "await", 1, "atlas.Task expected, got number",
      function() atlas.current().await(5) end },
    { "pawait", 1, "atlas.Task expected, got table",
      function() atlas.current().pawait {} end },
    { "cancel", 1, "atlas.Task expected, got nil",
      function() atlas.current().cancel(nil) end },
    { "status", 1, "atlas.Task expected, got string",
      function() atlas.current().status "" end },
    { "name", 1, "atlas.Task expected, got boolean",
      function() atlas.current().name(true) end },
    { "traceback", 1, "atlas.Task expected, got function",
      function() atlas.current().traceback(print) end },
    { "name", "%d", "string expected, got table",
      function() atlas.current():name {} end },
    { "detach", 1, "function expected, got no value", function() atlas.detach() end },
    { "defer", 1, "function expected, got nil", function() atlas.defer(nil) end },
    { "defer", 1, "function expected, got number", function() atlas.defer(5, 6) end },
    { "timeout", 1, "number expected, got string", function() atlas.timeout("x", print) end },
    { "timeout", 1, "seconds, not negative, expected", function() atlas.timeout(-1, print) end },
    { "timeout", 1, "seconds, not negative, expected",
      function() atlas.timeout(0 / 0, print) end },
    { "timeout", 2, "function expected, got nil", function() atlas.timeout(1) end },
    { "move_on", 1, "number expected, got table", function() atlas.move_on({}, print) end },
    { "move_on", 2, "function expected, got nil", function() atlas.move_on(1, nil) end },
    { "shield", 1, "function expected, got nil", function() atlas.shield() end },
    { "group", 1, "function expected, got nil", function() atlas.group(nil) end },
    { "all", 1, "table expected, got nil", function() atlas.all() end },
    { "race", 1, "table expected, got function", function() atlas.race(print) end },
    { "map", 1, "table expected, got nil", function() atlas.map(nil, print) end },
    { "map", 2, "function expected, got nil", function() atlas.map({}, nil) end },
}

for i, row in ipairs(rows) do
    local name, number, text, fn = row[1], row[2], row[3], row[4]

    test(("mistake %d: '%s': %s"):format(i, name, text), function()
        local line = debug.getinfo(fn, "S").linedefined
        local err = check.raises(fn)
        local want = ("^.*argument_test%%.lua:%d: bad argument #%s to '%s' %%(%s%%)$"):format(
            line, number, name, (text:gsub("[%.%*]", "%%%0")))

        check.ok(tostring(err):find(want), tostring(err))
    end)
end

-- Mistakes whose text is the function's own.
local told = {
    { "group", "limit", function() atlas.group(print, { limit = -1 }) end },
    { "group", "limit", function() atlas.group(print, { limit = "many" }) end },
    { "group", "limit", function() atlas.group(print, { limit = 0.5 }) end },
    { "group", "on_error", function() atlas.group(print, { on_error = "ignore" }) end },
    { "group", "table", function() atlas.group(print, 5) end },
    { "map", "limit", function() atlas.map({}, print, { limit = "many" }) end },
    { "race", "function", function() atlas.race {} end },
    { "all", "function", function() atlas.all { 5 } end },
    { "race", "function", function() atlas.race { 5 } end },
}

for i, row in ipairs(told) do
    local name, word, fn = row[1], row[2], row[3]

    test(("told mistake %d: '%s' says what is wrong with its %s"):format(i, name, word), function()
        local line = debug.getinfo(fn, "S").linedefined
        local err = check.raises(fn)

        check.has(err, ("argument_test.lua:%d: "):format(line))
        check.has(err, name)
        check.has(err, word)
    end)
end

test("spawn of a group tells a mistake with its line", function()
    atlas.group(function(g)
        for _, fn in ipairs {
            function() g:spawn() end,
            function() g:spawn(5) end,
        } do
            local line = debug.getinfo(fn, "S").linedefined
            local err = check.raises(fn)
            check.has(err, ("argument_test.lua:%d: bad argument "):format(line))
            check.has(err, "to 'spawn' (function expected, got ")
        end
        local err = check.raises(g.spawn, 5, print)
        check.has(err, "bad argument #1 to 'spawn' (atlas.Group expected, got number)")
    end)
end)

test("a mistake is blamed on the line of the call, through pcall too", function()
    local _, err = pcall(atlas.sleep, "long")

    check.has(err, check.here(-2) .. ": bad argument #1 to 'sleep'")
end)

test("a mistake is blamed on the line of the call, in the middle of a task", function()
    atlas.sleep(0.001)
    local ok, err = pcall(function()
        atlas.sleep(0.001)
        atlas.sleep {}
    end)

    check.ok(not ok)
    check.has(err, check.here(-4) .. ": bad argument #1 to 'sleep'")
end)

test("a mistake starts nothing", function()
    for _ = 1, 100 do
        pcall(atlas.spawn, 5)
        pcall(atlas.sleep, -1)
        pcall(atlas.sleep, {})
    end
    atlas.sleep(0.001)
end)
