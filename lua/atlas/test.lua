-- test.lua - the words in which tests are written; `atlas test` runs them.
-- What they add to is in atlas.test.tree, what runs it in atlas.test.runner.

local core = require "atlas.test.core"
local tree = require "atlas.test.tree"

--- The words in which tests are written. In the files that `atlas test` runs
--- they are globals, as in busted; there is no need to require this.
---@class atlas.test
local M = {}

--- A test that has been given up as pending raises this.
local Pending = { __tostring = function(self)
    return self.reason
end }

--- Tests that belong together, and what is run around them. `fn` is called at
--- once and names them; blocks may stand in blocks. What begins with `#` in a
--- name is a tag. The options hold for all that is in the block:
---
--- - `clock`: `"virtual"` lets time jump to the next timer whenever every task
---   waits; `"real"` is the machine's.
--- - `patience`: real seconds that a virtual clock gives to what waits for a peer, 0.01
--- - `timeout`: real seconds that a test may take, 60
--- - `leaks`: `false` allows tests to leave something behind
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()  may stand in the place of `options`
function M.describe(name, options, fn)
    return tree.add_block("describe", "describe", name, options, fn)
end

--- The same as `describe`.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()
function M.context(name, options, fn)
    return tree.add_block("context", "describe", name, options, fn)
end

--- A block behind which globals, and the modules that it has loaded, are as
--- they were. Each file is one. Its body runs when its turn comes.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()
function M.insulate(name, options, fn)
    return tree.add_block("insulate", "insulate", name, options, fn)
end

--- A block for what the rest of the file is to see: what it loads and sets
--- stays until the insulated block, or the file, around it ends.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()
function M.expose(name, options, fn)
    return tree.add_block("expose", "expose", name, options, fn)
end

--- A test: a task, which may wait anywhere. It fails with an error that leaves
--- it, or if it leaves tasks, timers or file descriptors behind. Without `fn` it
--- is pending.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()?
function M.it(name, options, fn)
    return tree.add_test("it", name, options, fn)
end

--- The same as `it`.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()?
function M.spec(name, options, fn)
    return tree.add_test("spec", name, options, fn)
end

--- The same as `it`.
---@param name string
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()?
function M.test(name, options, fn)
    return tree.add_test("test", name, options, fn)
end

--- In a block: a test that isn't run. In a test: give it up here, as pending.
---@param name string  or the reason
---@param options { clock?: "virtual"|"real", patience?: number, timeout?: number, leaks?: boolean }?
---@param fn fun()?
function M.pending(name, options, fn)
    if tree.current then
        return tree.add_test("pending", name, options, fn)
    end
    return error(setmetatable({ reason = name or "pending" }, Pending), 0)
end

--- Inside a test: run `fn` when its body has ended, well or not.
---@param fn fun()
function M.finally(fn)
    local state = require("atlas.test.runner").current

    if type(fn) ~= "function" then
        error(("finally: a function expected, got %s"):format(type(fn)), 2)
    elseif not state then
        error("'finally' stands in a test", 2)
    end
    table.insert(state.finals, fn)
end

--- Run `fn` before each test of the block, and of those in it, in the test's
--- task: what it spawns goes on during the test, which waits for its end.
---@param fn fun()
function M.before_each(fn)
    return tree.add_hook("before_each", "before_each", fn)
end

--- Run `fn` behind each test of the block, and of those in it.
---@param fn fun()
function M.after_each(fn)
    return tree.add_hook("after_each", "after_each", fn)
end

--- Run `fn` once before the first test of the block. What it spawns goes on
--- until `teardown` has ended it.
---@param fn fun()
function M.setup(fn)
    return tree.add_hook("setup", "setup", fn)
end

--- Run `fn` once behind the last test of the block.
---@param fn fun()
function M.teardown(fn)
    return tree.add_hook("teardown", "teardown", fn)
end

--- The same as `setup`.
---@param fn fun()
function M.before_all(fn)
    return tree.add_hook("before_all", "setup", fn)
end

--- The same as `teardown`.
---@param fn fun()
function M.after_all(fn)
    return tree.add_hook("after_all", "teardown", fn)
end

--- The same as `setup`, which runs only if a test of the block does.
---@param fn fun()
function M.lazy_setup(fn)
    return tree.add_hook("lazy_setup", "setup", fn)
end

--- The same as `teardown`, which runs only if a test of the block does.
---@param fn fun()
function M.lazy_teardown(fn)
    return tree.add_hook("lazy_teardown", "teardown", fn)
end

--- The same as `setup`.
---@param fn fun()
function M.strict_setup(fn)
    return tree.add_hook("strict_setup", "setup", fn)
end

--- The same as `teardown`.
---@param fn fun()
function M.strict_teardown(fn)
    return tree.add_hook("strict_teardown", "teardown", fn)
end

--- Does time jump, here and now? For helpers that are used under both clocks.
---@return boolean
function M.is_virtual()
    return core.is_virtual()
end

return setmetatable(M, { Pending = Pending })
