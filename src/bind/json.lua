---@meta
-- json.lua - what json.c gives to Lua, for editors and the reference.
-- SPDX-License-Identifier: MIT

--- What is wrong in a JSON text, and where. Its code is EINVALID, or ETOOBIG if
--- a limit is passed.
---@class atlas.JsonError: atlas.Error
---@field code string
---@field message string  "line 1, column 4: a value expected, got ']'"
---@field line integer  from 1
---@field column integer  in characters, from 1
---@field offset integer  in bytes, from 1: `text:sub(err.offset)` begins with it

--- JSON (RFC 8259): text from Lua values, and back. `local json = require
--- "atlas.json"`; there is a [guide](../guide/json.md).
---
--- Called itself, `atlas.json(value, status)` is a response with that value, as
--- `atlas.Response.json` gives it; it raises if the value can't be encoded.
---@class atlas.json
---@overload fun(value: any, status: integer?): atlas.Response  the value as a response
---@field null userdata  stands for null, where nil would be no value at all. It prints as
--- null, and as a condition it is true, so compare: `value == json.null`
local M = {}

--- Turn a value into JSON text. The same value always gives the same bytes:
--- keys are sorted by their bytes, nothing is indented, numbers are the
--- shortest that read back the same, and integral ones have no fraction.
---
--- A table with the keys 1 to n is an array; one whose keys are strings is an
--- object, and so is an empty one, unless `json.array` made it an array. Tables
--- are read raw. A table or userdata whose metatable has `__tojson` is written
--- as the value that `__tojson(value)` returns; that function cannot wait.
--- `json.null`, nil and a light userdata of NULL are null.
---
--- The error names the place: "at .items[3].price: NaN is no JSON number".
---@param value any
---@param options { max_depth?: integer, max_bytes?: integer }?  levels of
--- tables (128, at most 1000), and length of the text (64 MiB)
---@return string? text
---@return atlas.Error? err  EINVALID: JSON cannot say it (other keys, holes, a
--- table inside itself, NaN, invalid UTF-8, a function); ETOOBIG: it passes a
--- limit
function M.encode(value, options) end

--- Turn a JSON text into a value: strictly RFC 8259, in UTF-8, with nothing
--- before or behind the value. Objects become tables and null `json.null`;
--- arrays are marked as `json.array` does it. On Lua 5.4 a number without a
--- fraction or an exponent is an integer. Of a key that is repeated the last
--- value counts, unless `unique_keys` refuses it.
---
--- An integer that the VM cannot hold exactly (beyond 2^53 on LuaJIT, beyond 64
--- bits on Lua 5.4) is an error; with `integers` "string" it becomes its
--- digits, with "round" the nearest number.
---
--- Raises if `text` is no string.
---@param text string
---@param options { max_depth?: integer, max_bytes?: integer, max_values?: integer, integers?: "error"|"string"|"round", unique_keys?: boolean }?  levels of
--- arrays and objects (128, at most 1000), length of the text (64 MiB), and
--- values of any type (1,000,000)
---@return any value
---@return atlas.JsonError? err
function M.decode(text, options) end

--- Mark a table as an array, so that it is one even when it is empty. The mark
--- is its metatable.
---
--- Raises if the table has another metatable.
---@param t table?  a new table if it is left out
---@return table t
function M.array(t) end

--- Was it marked as an array, as all are that were decoded?
---@param value any
---@return boolean is_array
function M.is_array(value) end
