-- leaks.lua - what a test has left behind, in words.

local core = require "atlas.test.core"
local task = require "atlas.task"

local M = {}

-- What ends by itself gets these turns of the loop to do so; then, if it is no
-- task, as many times a pause of real time.
local TURNS, PAUSES, PAUSE = 5, 50, 0.002
local COLLECT = 3 -- at this turn

-- What has been told of: a test's leak is none of the block's around it.
local known = { timers = 0, handles = {}, descriptors = {} }

--- What there is now, to be compared with later.
function M.snapshot()
    return {
        task = core.last_task(),
        timers = core.timers() - known.timers,
        handles = core.handles(),
        descriptors = core.descriptors(),
    }
end

-- The keys of `now` that are neither in `before` nor in `told`; by address a
-- handle is the same whatever is said of it, a descriptor may be another.
local function new_keys(before, told, now, by_text)
    local keys = {}

    for key, text in pairs(now) do
        local is_old = before[key] or told[key]
        if by_text then
            is_old = before[key] == text or told[key] == text
        end
        if not is_old then
            keys[#keys + 1] = key
        end
    end
    table.sort(keys)
    return keys
end

-- Lines about what there wasn't before; and are there tasks among it?
local function compare(before)
    local found = core.tasks(before.task)
    local has_tasks, timers = #found > 0, core.timers() - known.timers - before.timers
    local handles, descriptors = core.handles(), core.descriptors()

    if timers > 0 then
        found[#found + 1] = ("%d %s that no task waits for"):format(
            timers, timers == 1 and "timer" or "timers")
    end
    for _, address in ipairs(new_keys(before.handles, known.handles, handles)) do
        found[#found + 1] = handles[address]
    end
    for _, fd in ipairs(new_keys(before.descriptors, known.descriptors, descriptors, true)) do
        found[#found + 1] = ("descriptor %d: %s"):format(fd, descriptors[fd])
    end
    return found, has_tasks
end

local function note_known(before)
    local handles, descriptors = core.handles(), core.descriptors()

    known.timers = math.max(0, core.timers() - before.timers)
    for _, address in ipairs(new_keys(before.handles, known.handles, handles)) do
        known.handles[address] = handles[address]
    end
    for _, fd in ipairs(new_keys(before.descriptors, known.descriptors, descriptors, true)) do
        known.descriptors[fd] = descriptors[fd]
    end
end

--- Lines about what has been left behind since the snapshot: {} if nothing.
--- Time is real here.
function M.find(before)
    local found, has_tasks = compare(before)
    local turn = 0

    while #found > 0 and turn < TURNS + PAUSES and not (has_tasks and turn >= TURNS) do
        turn = turn + 1
        if turn == COLLECT then
            collectgarbage()
            collectgarbage()
        end
        if turn <= TURNS then
            task.checkpoint()
        else
            task.sleep(PAUSE)
        end
        found, has_tasks = compare(before)
    end
    return found
end

--- End the tasks that were left behind, lest they disturb what follows; what
--- else there is, is known from now on.
function M.settle(before)
    local turn = 0

    while turn < TURNS and #core.tasks(before.task) > 0 do
        turn = turn + 1
        core.cancel_tasks(before.task)
        task.checkpoint()
    end
    note_known(before)
end

return M
