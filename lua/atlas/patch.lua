-- patch.lua - the changes to Lua's own library, in one table: name, original,
-- why.  Loaded once per VM by lua/atlas/boot.lua; the functions are in patch/.

local co = require "atlas.patch.coroutine"
local text = require "atlas.patch.text"
local modules = require "atlas.patch.modules"

local M = {}

-- The library and its function, the new one, why.  One that is nil isn't needed
-- on this VM: Lua's own does it already.
M.rows = {
    { "coroutine", "resume", co.resume, "passes an await on; knows tasks" },
    { "coroutine", "wrap", co.wrap, "passes an await on" },
    { "coroutine", "yield", co.yield, "parks a task, raises when that is cancelled" },
    { "coroutine", "running", co.running, "makes a task's coroutine known to resume" },
    { "coroutine", "status", co.status, "one that waits in another task is 'normal'" },
    { "coroutine", "close", co.close, "refuses those that belong to a task" },
    { "table", "sort", require "atlas.patch.sort", "waits in the comparator; is stable" },
    { "string", "gsub", require "atlas.patch.gsub", "waits in the function, and in __index" },
    { "_G", "require", modules.require, "module bodies wait; nobody loads one twice" },
    { "_G", "dofile", modules.dofile, "the file waits" },
    { "_G", "tostring", text.tostring, "waits in __tostring" },
    { "_G", "print", text.print, "waits in __tostring" },
    { "_G", "pairs", text.pairs, "honours __pairs" },
}

-- atlas.original: original.print, original.coroutine.resume.
M.original = {}

for _, row in ipairs(M.rows) do
    local library, name, new = row[1], row[2], row[3]
    local from, to = _G, M.original

    if library ~= "_G" then
        from = _G[library]
        to[library] = to[library] or {}
        to = to[library]
    end
    row.original = from[name]
    to[name] = from[name]
    if new then
        from[name] = new
    end
end

return M
