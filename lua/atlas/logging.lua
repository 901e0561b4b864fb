-- logging.lua - loggers by name.  A call hands a line over and returns: it
-- neither waits nor blocks, and may be made anywhere.

local core = require "atlas.logging.core"

--- The log: `atlas.log`, or `require "atlas.logging"`; there is a
--- [guide](../guide/logging.md). What its functions do, they do at once: none
--- of them waits.
---@class atlas.logging
local M = {}

local meta = {
    __name = "atlas.Logger",
    __tostring = function(logger)
        return ("logger '%s'"):format(logger.name)
    end,
}

-- One object a name; those that nobody holds any more may be made again.
local loggers = setmetatable({}, { __mode = "v" })

--- The logger called `name`, always the same one.  Dots make a hierarchy:
--- the level of "app" is that of "app.db" too, unless it has its own.
---
--- Raises if `name` is no string of that length.
---
--- ```lua
--- local atlas = require "atlas"
---
--- local log = atlas.log.get_logger "shop.orders"
--- log:info("order placed", { id = 17 })
--- ```
--- ```text
--- 2026-11-23T10:11:12.345Z INFO  shop.orders: order placed id=17
--- ```
---@param name string  1 to 64 bytes
---@return atlas.Logger logger
function M.get_logger(name)
    local logger = loggers[name]

    if not logger then
        logger = setmetatable(core.new(name), meta)
        loggers[name] = logger
    end
    return logger
end

--- Set the level of all that has no level of its own, or that of a name and
--- the names below it: `set_level("debug")`, `set_level("app.db", "debug")`.
---
--- Raises if there is no such level; if more than 64 names have one, or the
--- name is longer than 64 bytes.
---@param name string  or the level, if it is the only argument
---@param level? "debug"|"info"|"warn"|"error"|"off"  what is below it is not logged
function M.set_level(name, level)
    if level ~= nil then
        name = ("%s=%s"):format(name, level)
    end
    local ok, message = core.set_levels(name)
    if not ok then
        error(message, 2)
    end
end

--- Lines dropped since the process started, because the log's reader was too
--- slow or could not be written to.
---@return integer lines
M.dropped = core.dropped

--- The id of the request that the running task works for, as its log lines
--- show it.
---@return string? id  16 hexadecimal digits; nil outside of any request
M.request_id = core.request_id

local choices = {
    format = { text = true, json = true },
    full = { drop = true, block = true },
    stream = { stdout = true, stderr = true },
}
local LEAST, MOST = 64 * 1024, 1024 ^ 3 -- of the buffer, in bytes

local function what_is_wrong(options)
    for name, choice in pairs(choices) do
        if options[name] ~= nil and not choice[options[name]] then
            return ("log option '%s' cannot be '%s'"):format(name, tostring(options[name]))
        end
    end
    local buffer = options.buffer
    if buffer ~= nil and not (type(buffer) == "number" and buffer >= LEAST and buffer <= MOST) then
        return "the log's buffer has 65536 to 1073741824 bytes"
    end
    if options.file ~= nil and type(options.file) ~= "string" then
        return "the log's file is a path"
    end
end

--- What the log is and where it goes.
---@class atlas.LogOptions
---@field file? string  path, opened to append; "": the stream instead
---@field stream? "stdout"|"stderr"  "stderr"
---@field format? "text"|"json"  "text"
---@field full? "drop"|"block"  when the buffer is full: drop lines, or wait; "drop"
---@field buffer? integer  bytes, 64 KiB to 1 GiB (1 MiB); fixed by the first line
---@field level? string|string[]  "debug", "app.db=debug"

--- Change the log. What isn't given becomes its default, but for levels.
---@param options atlas.LogOptions
---@return true? ok
---@return (atlas.Error|string)? err  why the file cannot be opened (an
--- atlas.Error, as ENOENT or EACCES), or which option is wrong
function M.configure(options)
    local wrong = what_is_wrong(options)
    if wrong then
        return nil, wrong
    end
    local levels = options.level
    if type(levels) == "string" then
        levels = { levels }
    end
    for _, level in ipairs(levels or {}) do
        local ok, message = core.set_levels(tostring(level))
        if not ok then
            return nil, message
        end
    end
    return core.open(options)
end

return M
