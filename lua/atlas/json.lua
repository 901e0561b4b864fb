-- json.lua - JSON (RFC 8259): text from Lua values, and back.

local core = require "atlas.json.core"

local M = {}

--- Stands for null, where nil would be no value at all.  It prints as null,
--- and as a condition it is true, so compare: `v == json.null`.
---@class atlas.json.Null: userdata
---@type atlas.json.Null
M.null = core.null

--- Turn a value into JSON text.  The same value always gives the same bytes:
--- keys are sorted by their bytes, nothing is indented, numbers are the
--- shortest that read back the same, and integral ones have no fraction.
---
--- A table with the keys 1 to n is an array; one with strings for keys is an
--- object, and so is an empty one, unless json.array() made it an array.
--- Tables are read without their __index.  A table or userdata whose
--- metatable has __tojson is written as the value that `__tojson(value)`
--- returns; it cannot wait.  json.null, nil and a light userdata of NULL are
--- null.
---
--- The error names the place: "at .items[3].price: NaN is no JSON number".
--- Its code is "EINVALID" for what JSON cannot say (other keys, holes, a table
--- inside itself, a NaN, invalid UTF-8, functions) and "ETOOBIG" for what
--- passes a limit: `max_depth` (128; at most 1000) levels of tables,
--- `max_bytes` (64 MiB) of text.
---@param value any
---@param options { max_depth?: integer, max_bytes?: integer }?
---@return string? text
---@return atlas.Error? err
M.encode = core.encode

--- What is wrong in a JSON text, and where.
---@class atlas.json.Error: atlas.Error
---@field line integer    from 1
---@field column integer  in characters, from 1
---@field offset integer  in bytes, from 1: text:sub(err.offset) begins with it

--- Turn a JSON text into a value: strictly RFC 8259, in UTF-8, and nothing
--- else before or behind the value.  Objects become tables, null becomes
--- json.null; arrays are marked as json.array() does it.  On Lua 5.4 numbers
--- without a fraction or exponent are integers.  Of a key that is repeated the
--- last value counts, unless `unique_keys` refuses it.
---
--- An integer that the VM cannot hold exactly (beyond 2^53 on LuaJIT, 64 bits
--- on Lua 5.4) is an error; with `integers` "string" it becomes its digits,
--- with "round" the nearest number.
---
--- The code of the error is "EINVALID", or "ETOOBIG" for what passes a limit:
--- `max_depth` (128; at most 1000) levels of arrays and objects, `max_values`
--- (1,000,000) in all, `max_bytes` (64 MiB) of text.
---@param text string
---@param options { max_depth?: integer, max_values?: integer, max_bytes?: integer, integers?: "error"|"string"|"round", unique_keys?: boolean }?
---@return any value
---@return atlas.json.Error? err
M.decode = core.decode

--- Mark `t`, or a new table, as an array, so that it is one even when it is
--- empty.  The mark is its metatable, so a table that has another is refused.
---@generic T: table
---@param t T?
---@return T t
M.array = core.array

--- Whether `value` was marked as an array, as all are that were decoded.
---@param value any
---@return boolean
M.is_array = core.is_array

return M
