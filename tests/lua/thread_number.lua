-- thread_number.lua - a module that is no table.
-- SPDX-License-Identifier: MIT
return 42
