-- gc_sync_test.lua - gc_test.lua with the tests of sync_test.lua.
-- SPDX-License-Identifier: MIT

assert(loadfile "gc_test.lua")("sync")
