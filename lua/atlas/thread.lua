-- thread.lua - work in other threads.  All of it is in C (src/bind/rt/thread.c);
-- here is which metatables are the same ones in each VM.

local core = require "atlas.thread.core"

--- Work in other threads.
---@class atlas.thread
local M = { thread = core.thread }

core.set_classes(require("atlas.errors").copied)

return M
