-- logging_test.lua - loggers, what their lines look like, levels, limits.
-- SPDX-License-Identifier: MIT
--
-- The log goes to files here.  They are read behind a change of the log, which
-- writes out what came before.

local atlas = require "atlas"
local check = require "check"
local logging = require "atlas.logging"

local eq, has = check.eq, check.has
local log = logging.get_logger "app"

local path = os.tmpname()

local function read(file)
    local f = assert(io.open(file))
    local text = f:read "a" or f:read "*a"
    f:close()
    return text
end

-- What `fn` logs, with `options`.
local function logged(fn, options)
    io.open(path, "w"):close()
    options = options or {}
    options.file = path
    assert(logging.configure(options))
    fn()
    assert(logging.configure {}) -- back to standard error
    return read(path)
end

-- The same without times.
local function lines(fn, options)
    local text = logged(fn, options):gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ ", "")
    return text
end

-- --- loggers ---

test("a name has one logger", function()
    eq(logging.get_logger "app", log)
    check.ok(logging.get_logger "app.db" ~= log)
    eq(log.name, "app")
    eq(tostring(log), "logger 'app'")
end)

test("a name must be a string of 1 to 64 bytes", function()
    for _, name in ipairs { "", ("x"):rep(65), {}, true } do
        has(check.raises(logging.get_logger, name), "bad argument #1 to 'new'")
    end
    has(check.raises(logging.get_logger), "")
end)

test("every function may be called with a dot and with a colon", function()
    local text = lines(function()
        log.info("a", { n = 1 })
        log:info("b", { n = 2 })
        log.warn "c"
        log:warn "d"
        log.error "e"
        log:error "f"
        log.log "g"
        log:log "h"
    end)
    eq(text, "INFO  app: a n=1\nINFO  app: b n=2\nWARN  app: c\nWARN  app: d\n"
        .. "ERROR app: e\nERROR app: f\nINFO  app: g\nINFO  app: h\n")
end)

test("a message is any value", function()
    local text = lines(function()
        log:info(nil)
        log:info()
        log:info(42)
        log:info(true)
        log:info(atlas.Timeout.new { seconds = 1 })
        log.info(setmetatable({}, { __tostring = function() return "object" end }))
        log:info(setmetatable({}, { __tostring = function() error "on purpose" end }))
        log:info(setmetatable({}, { __tostring = function() atlas.sleep(0) return "?" end }))
        log:info {}
    end)
    has(text, "INFO  app: nil\nINFO  app: nil\nINFO  app: 42\nINFO  app: true\n")
    has(text, "INFO  app: timed out")
    has(text, "INFO  app: object\nINFO  app: table (its __tostring has failed)\n"
        .. "INFO  app: table (its __tostring has failed)\nINFO  app: table: ")
end)

test("fields are a table, or the line is refused where it was written", function()
    local message = check.raises(function()
        log:info("m", "fields")
    end)
    has(message, "logging_test.lua")
    has(message, "bad argument #2 to 'info' (table expected, got string)")
end)

-- --- fields ---

test("fields come in the order of their names", function()
    local text = lines(function()
        log:info("m", { b = 1, a = 2, c = 3, aa = 4, [1] = "one", [true] = "yes" })
    end)
    eq(text, "INFO  app: m 1=one a=2 aa=4 b=1 boolean=yes c=3\n")
end)

test("values keep their types", function()
    local fields = {
        s = "x y", n = 1.5, i = -3, b = false, list = { 1, "two", { 3 } },
        map = { k = "v", deep = { a = { b = { c = { d = 1 } } } } }, big = 2 ^ 53,
    }
    eq(lines(function() log:info("m", fields) end),
        'INFO  app: m b=false big=9007199254740992 i=-3 list=[1,"two",[3]] '
        .. 'map={"deep":{"a":{"b":{"c":"..."}}},"k":"v"} n=1.5 s="x y"\n')
    local json = logged(function() log:info("m", fields) end, { format = "json" })
    has(json, '"level":"info","logger":"app","message":"m","b":false,"big":9007199254740992,'
        .. '"i":-3,"list":[1,"two",[3]],"map":{"deep":{"a":{"b":{"c":"..."}}},"k":"v"},'
        .. '"n":1.5,"s":"x y"}\n')
end)

test("a cycle and a table of any size have an end", function()
    local cycle, large, long = {}, {}, {}
    cycle.cycle = cycle
    for i = 1, 1000 do
        large["k" .. i] = i
        long[i] = i
    end
    local text = lines(function()
        log:info("m", cycle)
        log:info("m", large)
        log:info("m", { long = long })
        log:info("m", { text = ("x"):rep(100000) })
    end)
    has(text, 'm cycle={"cycle":{"cycle":{"cycle":{"cycle":"..."}}}}\n')
    has(text, " ...=true\n")
    has(text, '64,"..."]\n')
    has(text, "xxx truncated=true\n")
    for line in text:gmatch "[^\n]*\n" do
        check.ok(#line <= 16384, "a line has " .. #line .. " bytes")
    end
end)

test("a field does not replace what is the line's own", function()
    local json = logged(function()
        log:info("m", { level = 1, time = 2, message = 3, logger = 4, request_id = 5, x = 6 })
    end, { format = "json" })
    has(json, '"message":"m","fields.level":1,"fields.logger":4,"fields.message":3,'
        .. '"fields.request_id":5,"fields.time":2,"x":6}\n')
end)

test("nothing that is logged makes a line", function()
    local evil = "a\n2026-01-01T00:00:00.000Z ERROR app: forged\r\27[2J\0\127"
        .. "\194\133\226\128\168\255"
    for _, format in ipairs { "text", "json" } do
        local text = logged(function()
            log:info(evil)
            log:info("m", { [evil] = evil })
            log:info("m", { nested = { [evil] = { evil } } })
            logging.get_logger(evil:sub(1, 64)):info "m"
        end, { format = format })
        eq(select(2, text:gsub("\n", "")), 4)
        eq(text:find "[%z\1-\9\11-\31\127-\255]", nil)
    end
end)

-- --- levels ---

test("a level is its name's, or that of a name above", function()
    local db = logging.get_logger "app.db"
    local apple = logging.get_logger "apple"
    local text = lines(function()
        log:debug "1"
        logging.set_level("app", "debug")
        log:debug "2"
        db:debug "3"
        apple:debug "4"
        logging.set_level("app.db", "error")
        db:warn "5"
        log:debug "6"
        eq(db:is_enabled "warn", false)
        eq(db.is_enabled "error", true)
        eq(log:is_enabled "debug", true)
        logging.set_level("app", "off")
        log:error "7"
        eq(log:is_enabled "error", false)
        logging.set_level "app=info,app.db=info"
        log:info "8"
    end)
    eq(text, "DEBUG app: 2\nDEBUG app.db: 3\nDEBUG app: 6\nINFO  app: 8\n")
end)

test("a level that there is not is refused", function()
    local message = check.raises(function()
        logging.set_level("app", "loud")
    end)
    has(message, "logging_test.lua")
    has(message, "there is no log level 'app=loud'")
    has(check.raises(log.is_enabled, "loud"), "bad argument #1 to 'is_enabled'")
end)

test("a disabled line looks at nothing", function()
    log:debug("m", { x = setmetatable({}, { __tostring = function() error "looked at" end }) })
    log.debug("m", "not even at its arguments")
end)

-- --- the log ---

test("options that are wrong change nothing", function()
    local function refused(options, part)
        local ok, err = logging.configure(options)
        eq(ok, nil)
        has(tostring(err), part)
    end
    refused({ format = "xml" }, "'format' cannot be 'xml'")
    refused({ full = "explode" }, "'full' cannot be 'explode'")
    refused({ stream = 3 }, "'stream' cannot be '3'")
    refused({ buffer = 10 }, "the log's buffer")
    refused({ file = 1 }, "the log's file")
    refused({ level = "loud" }, "there is no log level 'loud'")
    refused({ file = "/no/such/folder/log" }, "/no/such/folder/log: no such file or directory")
    local _, err = logging.configure { file = "/no/such/folder/log" }
    eq(err.code, "ENOENT")
end)

test("lines of all tasks are there, in the order of the calls", function()
    local order = {}
    local text = lines(function()
        atlas.group(function(g)
            for task = 1, 10 do
                g:spawn(function()
                    for i = 1, 50 do
                        local line = ("task %d line %d"):format(task, i)
                        order[#order + 1] = "INFO  app: " .. line .. "\n"
                        log:info(line)
                        atlas.sleep(0)
                    end
                end)
            end
        end)
    end)
    eq(#order, 500)
    eq(text, table.concat(order))
    eq(logging.dropped(), 0)
    eq(tostring(logging.dropped()), "0") -- an integer, where the VM has them
end)

test("a line may be written anywhere", function()
    local text = lines(function()
        coroutine.wrap(function() log:info "coroutine" end)()
        table.sort({ 2, 1 }, function(a, b) log:info "sort" return a < b end)
        ;("x"):gsub("x", function() log:info "gsub" end)
        pcall(function() log:info "pcall" error "x" end)
        local task = atlas.spawn(function() atlas.sleep(10) end)
        atlas.sleep(0)
        task:cancel()
        atlas.spawn(function()
            atlas.defer(function() log:info "deferred" end)
        end):await()
    end)
    for _, where in ipairs { "coroutine", "sort", "gsub", "pcall", "deferred" } do
        has(text, "INFO  app: " .. where .. "\n")
    end
end)

test("outside of a request there is no id", function()
    eq(logging.request_id(), nil)
end)

os.remove(path)
