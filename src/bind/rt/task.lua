---@meta
-- task.lua - what task.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

---@class atlas.task
local M = {}

--- Call `fn(...)` in a task of its own, a child of the running one. It starts
--- at the next checkpoint. Its error is raised in whoever awaits it; if nobody
--- has when the parent's function has ended, the parent fails with it.
---
--- Raises if no task is running, and Cancelled in a scope that was cancelled.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local coffee = atlas.spawn(function(size)
---     atlas.sleep(0.01)
---     return "a " .. size .. " coffee"
--- end, "large")
--- print "meanwhile"
--- print(coffee:await())
--- ```
--- ```text
--- meanwhile
--- a large coffee
--- ```
---@param fn fun(...): ...
---@param ... any  its arguments
---@return atlas.Task task
function M.spawn(fn, ...) end

--- Call `fn(...)` in a task that belongs to the program, not to the task around
--- it: a request may end before it. Its error is logged if nobody awaits it.
--- `atlas run` ends when the last one has; a server waits for it while it
--- drains.
---@param fn fun(...): ...
---@param ... any  its arguments
---@return atlas.Task task
function M.detach(fn, ...) end

--- The running task.
---@return atlas.Task? task  nil in code that no task runs, such as a finalizer
function M.current() end

--- Wait. `sleep(0)` lets all others run that can, and then goes on.
---
--- Raises Cancelled.
---@async
---@param seconds number  0 to 1e9
---@return true
function M.sleep(seconds) end

--- Let others run that can: `sleep(0)` by another name, for long calculations.
---
--- Raises Cancelled.
---@async
function M.checkpoint() end

--- The time since some moment in the past, which no change of the clock
--- moves; it stands still while a task runs.
---@return number seconds
function M.now() end

--- All tasks, a line each, children below their parents: what each waits for,
--- for how long and where, and where it was spawned.
---@return string lines
function M.dump() end

--- A function to give away as a callback, and one that waits until it is
--- called. It may be called before; the second call of it does nothing.
---
--- `wait` raises Cancelled, and an error if another task waits in it already.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local callback, wait = atlas.callback()
--- callback("ready", 42)
--- print(wait())
--- ```
--- ```text
--- ready	42
--- ```
---@return fun(...) callback
---@return fun(): ... wait  returns what `callback` was called with
function M.callback() end

--- A function that runs on its own, beside others: see `atlas.spawn`.
--- `tostring(task)` names it.
---@class atlas.Task
local Task = {}

--- Wait until it has ended.
---
--- Raises its error; TaskCancelled if it was cancelled; Cancelled if the
--- waiting task is; an error if it would wait for itself.
---@async
---@return any ...  what its function has returned
function Task:await() end

--- Wait until it has ended, and catch its error, which counts as handled.
---
--- Raises Cancelled if the waiting task is cancelled.
---@async
---@return boolean ok
---@return any ...  what its function has returned, or its error
function Task:pawait() end

--- Cancel the task and all below it: what it waits for is withdrawn, and
--- Cancelled is raised at that checkpoint and at each later one. Returns at
--- once; to know that it has ended, await it. Does nothing to a task that has
--- ended.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local task = atlas.spawn(atlas.sleep, 60)
--- atlas.checkpoint()
--- task:cancel "too late"
--- print(task:pawait())
--- ```
--- ```text
--- false	the awaited task was cancelled: too late
--- ```
---@param reason any?  `reason` of the error, for people
function Task:cancel(reason) end

--- What it does now.
---@return "new"|"ready"|"running"|"waiting"|"parked"|"joining"|"done"|"failed"|"cancelled" status
--- "parked": in a `coroutine.yield` of its own; "joining": its function has
--- ended, children haven't
function Task:status() end

--- Its name in tracebacks, dumps and logs; with `name`, set it.
---@param name string?
---@return string|atlas.Task|nil name  with `name`, the task
function Task:name(name) end

--- Where it stands, and where it was spawned and awaited, out to the main
--- chunk. Of a failed task: where its error was raised.
---@return string? traceback  nil: it has ended well
function Task:traceback() end

--- Call `fn` when it has ended, or soon if it has: with nil and what its
--- function has returned, or with its error, TaskCancelled if it was cancelled.
--- `fn` runs in a task of its own that nobody owns: it may wait, and its error
--- is logged. An error of the task isn't handled by that: it still goes to
--- whoever awaits the task, or to its parent.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local task = atlas.spawn(function() return "tea" end)
--- task:on_complete(function(err, drink) print(err, drink) end)
--- task:await()
--- ```
--- ```text
--- nil	tea
--- ```
---@param fn fun(err: any, ...)
---@return fun() take_back  forgets `fn`, if it hasn't been called yet
function Task:on_complete(fn) end
