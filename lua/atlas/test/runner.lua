-- runner.lua - runs the tests of a file: each is a task, its block another.
--
-- A block's task runs its setup, its tests one by one, and its teardown.  A
-- test's task runs before_each, the body in a task below it, and after_each.

local asserts = require "atlas.test.asserts"
local core = require "atlas.test.core"
local insulation = require "atlas.test.insulation"
local leaks = require "atlas.test.leaks"
local select = require "atlas.test.select"
local task = require "atlas.task"
local task_core = require "atlas.task.core"
local tree = require "atlas.test.tree"
local vocabulary = require "atlas.test"

local Pending = getmetatable(vocabulary).Pending

local M = {}

--- The state of the test whose task runs, or nil.
M.current = nil

local PATIENCE = 0.01 -- seconds, of a virtual clock
local TURNS = 5 -- of the loop, for what ends soon

-- --- failures ---

local ENDED = {
    timeout = "the test took more than %g s",
    deadlock = "the test waits, and nothing is left that could wake it",
}

-- What is known of an error: its text, and a traceback (may be nil).
local function new_failure(err, trace)
    return { message = tostring(err), trace = trace ~= "" and trace or nil }
end

-- The running task has been guarded: if that ended it, why.
local function unguard(timeout)
    local ended_by, dump = core.unguard()

    if ended_by then
        return { message = ENDED[ended_by]:format(timeout), dump = dump }
    end
end

-- Call `fn` in the running task: true, or false and its failure.
local function call(fn, what)
    local trace
    local ok, err = xpcall(fn, function(err)
        trace = task.current():traceback()
        return err
    end)

    if ok then
        return true
    end
    local failure = new_failure(err, trace)
    failure.what = what
    return false, failure, err
end

-- --- one test ---

local function call_hooks(hooks, when)
    for _, fn in ipairs(hooks or {}) do
        local ok, failure, err = call(fn, when)
        if not ok then
            return failure, err
        end
    end
end

local function ancestors(test)
    local blocks, block = {}, test.parent

    while block do
        table.insert(blocks, 1, block)
        block = block.parent
    end
    return blocks
end

local function is_pending(err)
    return type(err) == "table" and getmetatable(err) == Pending
end

-- The body, in a task of its own, so that what it spawned has ended behind it.
local function run_body(state, timeout)
    local test = state.test
    local body = task.spawn(test.fn)

    body:name(test.full_name)
    unguard()
    core.guard(body, test.full_name, timeout)
    local ok, err = body:pawait()
    local ended = unguard(timeout)
    core.guard(task.current(), test.full_name, timeout)
    if ended then
        table.insert(state.failures, ended)
    elseif not ok and is_pending(err) then
        state.pending = err.reason
    elseif not ok then
        table.insert(state.failures, new_failure(err, body:traceback()))
    end
end

local function run_hooks_and_body(state, timeout)
    local blocks, failures = ancestors(state.test), state.failures
    local failure, err, reached

    for i, block in ipairs(blocks) do
        reached = i
        failure, err = call_hooks(block.hooks.before_each, "before_each")
        if failure then
            break
        end
    end
    if is_pending(err) then
        state.pending = err.reason
    elseif failure then
        table.insert(failures, failure)
    else
        run_body(state, timeout)
    end
    for _, fn in ipairs(state.finals) do
        local _, raised = call(fn, "finally")
        table.insert(failures, raised)
    end
    for i = reached or 0, 1, -1 do
        local raised = call_hooks(blocks[i].hooks.after_each, "after_each")
        table.insert(failures, raised)
    end
end

local function set_clock(node)
    if node.options.clock == "virtual" then
        core.virtual(node.options.patience or PATIENCE)
    else
        core.virtual(nil)
    end
end

-- The test in a task of its own; returns the failures and the state.
local function play(session, test)
    local state = { test = test, failures = {}, finals = {} }
    local timeout = test.options.timeout or session.options.timeout
    local restore = asserts.snapshot()

    M.current = state
    set_clock(test)
    state.started, state.began = core.real_now(), task.now()
    local outer = core.frame(task.spawn(run_hooks_and_body, state, timeout))
    core.guard(outer, test.full_name, timeout)
    local ok, err = outer:pawait()
    local ended = unguard(timeout)
    state.took, state.passed = core.real_now() - state.started, task.now() - state.began
    core.virtual(nil)
    M.current = nil
    restore()
    if ended then
        table.insert(state.failures, ended)
    elseif not ok then
        table.insert(state.failures, new_failure(err, outer:traceback()))
    end
    return state
end

local function add_leaks(failures, found)
    if #found > 0 then
        table.insert(failures, {
            message = "left behind:\n  " .. table.concat(found, "\n  "),
        })
    end
end

local function run_test(session, test)
    if test.kind == "pending" then
        session:ended(test, { pending = test.fn and "pending" or "not written", failures = {} })
        return
    end
    local seed = select.hash(session.seed, test.full_name)
    core.order(session.seed == 0 and 0 or seed)
    math.randomseed(seed)
    local before = leaks.snapshot()
    local state = play(session, test)
    if test.options.leaks ~= false then
        add_leaks(state.failures, leaks.find(before))
    end
    leaks.settle(before)
    test.fn = nil -- what it holds has no more use
    core.order(0)
    session:ended(test, state)
end

-- --- blocks ---

-- Setup or teardown, guarded; false if it has failed, which is reported.
local function run_around(session, block, when)
    local hooks = block.hooks[when]

    if not hooks then
        return true
    end
    local timeout = block.options.timeout or session.options.timeout
    local self = task.current()
    set_clock(block)
    core.guard(self, block.full_name .. " " .. when, timeout)
    local failure = call_hooks(hooks, when)
    failure = unguard(timeout) or failure
    core.virtual(nil)
    if failure then
        failure.what = when
        session:broken(block, failure)
    end
    return not failure
end

local run_block

local function run_child(session, child)
    if not child.children then
        if select.is_wanted(child, session.options) then
            run_test(session, child)
        end
    elseif child.failure or child.kind == "insulate"
        or select.has_wanted(child, session.options) then
        local block = core.frame(task.spawn(run_block, session, child))
        local ok, err = block:pawait()
        if not ok then
            session:broken(child, new_failure(err, block:traceback()))
        end
        child.children, child.hooks = {}, {} -- may be collected
    end
end

local function run_children(session, block)
    local children = block.children

    if session.options.shuffle then
        children = select.shuffle(children, session.seed, block.full_name)
    end
    for _, child in ipairs(children) do
        if session.stop then
            return
        end
        run_child(session, child)
    end
end

-- What setup and teardown have left, tasks of the block included.
local function find_block_leaks(before)
    local found, turn = core.children(), 0

    while #found > 0 and turn < TURNS do -- what teardown has cancelled is ending
        task.checkpoint()
        found, turn = core.children(), turn + 1
    end
    task_core.cancel_children()
    for _, line in ipairs(leaks.find(before)) do
        found[#found + 1] = line
    end
    leaks.settle(before)
    return found
end

local function run_collected(session, block)
    local before = leaks.snapshot()
    local restore = asserts.snapshot()

    if run_around(session, block, "setup") then
        run_children(session, block)
    end
    run_around(session, block, "teardown")
    restore()
    local failures = {}
    local found = find_block_leaks(before)
    if block.options.leaks ~= false then
        add_leaks(failures, found)
    end
    if failures[1] then
        session:broken(block, failures[1])
    end
end

local function collect(session, block)
    local timeout = block.options.timeout or session.options.timeout

    core.guard(task.current(), block.path .. " " .. block.full_name, timeout)
    local ok, err, trace = tree.collect(block)
    local ended = unguard(timeout)
    if ok and not ended then
        return true
    end
    session:broken(block, ended or new_failure(err, trace))
    return false
end

function run_block(session, block)
    if block.failure then
        session:broken(block, new_failure(block.failure.err, block.failure.trace))
        return
    elseif block.kind ~= "insulate" then
        run_collected(session, block)
        return
    end
    local restore = insulation.begin()
    if collect(session, block) then
        run_collected(session, block)
    end
    restore()
end

-- --- files ---

local function list_block(session, block)
    for _, child in ipairs(block.children) do
        if child.kind == "insulate" then
            collect(session, child)
        end
        if child.failure then
            session:broken(child, new_failure(child.failure.err, child.failure.trace))
        elseif child.children then
            list_block(session, child)
        elseif select.is_wanted(child, session.options) then
            session:listed(child)
        end
    end
end

local function run_loaded(session, path, chunk)
    local options = session.options
    local file = tree.new_file(path, { clock = options.clock }, chunk)

    if not collect(session, file) then
        session.load_failed = true
    elseif options.list then
        list_block(session, file)
    elseif select.has_wanted(file, options) then
        run_collected(session, file)
    end
    task_core.cancel_children() -- what the file itself has spawned, if unfinished
end

--- Run the tests of a file, in a task; wait for its end.
function M.run_file(session, path)
    local chunk, message = loadfile(path)

    if not chunk then
        session:not_loaded(path, message)
        return
    end
    local restore = insulation.begin()
    local file = core.frame(task.spawn(run_loaded, session, path, chunk))
    local ok, err = file:pawait()
    if not ok then
        session:broken({ full_name = path, path = path }, new_failure(err, file:traceback()))
    end
    restore()
end

return M
