-- driver.lua - a strict server that calls an application in process, records
-- what it sends, and knows which rule each wrong message breaks.
--
-- As a server would, it raises for what is wrong; what it has noted stays, even
-- if the application catches the error.

local errors = require "atlas.errors"
local scope = require "atlas.scope"
local sync = require "atlas.sync"
local task = require "atlas.task"

local M = {}

local MANY = 20 -- calls behind the end that only a loop makes
local LOOP_GRACE = 0.02 -- seconds for a loop that was let go
local GRACE = 1 -- seconds that an application may take once it is cancelled

M.TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"

local Exchange = {}
Exchange.__index = Exchange

-- The innermost line that isn't Atlas's own: " (FILE:LINE)".
local function user_line()
    for level = 3, 50 do
        local info = debug.getinfo(level, "Sl")
        if not info then
            return ""
        elseif info.currentline > 0 and not info.source:find "^@<atlas>/" then
            return (" (%s:%d)"):format(info.short_src, info.currentline)
        end
    end
end

--- Note among `problems` that a rule is broken, and raise as a server does.
function M.note(problems, rule, ...)
    local text = string.format(...)

    problems[rule] = problems[rule] or text .. user_line()
    error(text, 0)
end

--- A loop that nothing ends, as it catches every error: it waits here until it
-- has been judged; if it then goes on, for good.
function M.park(self)
    self.is_parked = true
    self.news:set()
    if self.judged:is_set() then
        task.suspend(function() end)
    end
    self.judged:wait()
    self.breaches, self.late_sends, self.late_receives = 0, 0, 0
end

--- Count a message that is wrong: too many are a loop.
function M.breach(self, rule, ...)
    self.breaches = (self.breaches or 0) + 1
    if self.breaches > MANY then
        M.park(self)
    end
    M.note(self.problems, rule, ...)
end

local breach = M.breach

function Exchange:breach(rule, ...)
    breach(self, rule, ...)
end

local function is_list(value)
    if type(value) ~= "table" then
        return false
    end
    for key in pairs(value) do
        if type(key) ~= "number" or key < 1 or key > #value or key % 1 ~= 0 then
            return false
        end
    end
    return true
end

--- Check a list of headers; the same list with names in lower case.
function Exchange:check_headers(message)
    local headers, copy = message.headers, {}

    if headers == nil then
        return copy
    elseif not is_list(headers) then
        self:breach("headers_are_pairs", "%s: headers is no array", message.type)
    end
    for i, pair in ipairs(headers) do
        local name, value = type(pair) == "table" and pair[1], type(pair) == "table" and pair[2]
        if type(name) ~= "string" or type(value) ~= "string" or #pair ~= 2 then
            self:breach("headers_are_pairs", "%s: headers[%d] is no pair of strings",
                message.type, i)
        elseif not name:find(M.TOKEN) then
            self:breach("names_are_tokens", "%s: the header name %q is no token",
                message.type, name)
        elseif value:find "[\r\n%z]" then
            self:breach("values_are_lines", "%s: the value of '%s' has CR, LF or NUL",
                message.type, name)
        elseif name ~= name:lower() then
            self:breach("names_are_lower_case", "%s: the header name '%s' isn't in lower case",
                message.type, name)
        end
        copy[i] = { name, value }
    end
    return copy
end

function Exchange:check_flag(message, key)
    if message[key] ~= nil and type(message[key]) ~= "boolean" then
        self:breach("flags_are_booleans", "%s: %s is a %s", message.type, key, type(message[key]))
    end
    return message[key] or false
end

function Exchange:check_status(message, low, high)
    local status = message.status

    if type(status) ~= "number" or status % 1 ~= 0 or status < low or status > high then
        self:breach("statuses_are_integers", "%s: status is %s, and no integer from %d to %d",
            message.type, tostring(status), low, high)
    end
    return status
end

function Exchange:check_state(message, ...)
    for _, state in ipairs { ... } do
        if self.state == state then
            return
        end
    end
    if self.state == "done" then
        self:breach("nothing_behind_the_end", "%s: the response is complete", message.type)
    end
    self:breach("messages_in_order", "%s: not allowed now", message.type)
end

function Exchange:check_extension(message, name)
    if not self.scope.extensions[name] then
        self:breach("extensions_that_are_offered", "%s: the server doesn't offer it", message.type)
    end
end

-- A piece of the body, of `length` bytes.
function Exchange:count(message, length, more)
    local announced = self.announced

    self.length = self.length + length
    if announced and self.method ~= "HEAD" then
        if self.length > announced then
            self:breach("lengths_agree", "%s: longer than the content-length of %d",
                message.type, announced)
        elseif not more and self.length < announced then
            self:breach("lengths_agree", "%s: shorter than the content-length of %d",
                message.type, announced)
        end
    end
    if not more then
        self.state = self.trailers and "trailers" or "done"
    end
end

local handlers = {}

handlers["http.response.start"] = function(self, message)
    self:check_state(message, "idle")
    local status = self:check_status(message, 200, 999)
    local headers = self:check_headers(message)
    for _, pair in ipairs(headers) do
        if pair[1] == "content-length" then
            self.announced = tonumber(pair[2]:match "^%d+$")
            if not self.announced then
                self:breach("lengths_agree", "content-length is %q", pair[2])
            end
        end
    end
    if status == 204 or status == 304 then
        self.announced = nil
    end
    self.trailers = self:check_flag(message, "trailers")
    self.status, self.headers, self.state = status, headers, "started"
end

handlers["http.response.body"] = function(self, message)
    self:check_state(message, "started")
    if message.body ~= nil and type(message.body) ~= "string" then
        self:breach("bodies_are_strings", "http.response.body: body is a %s", type(message.body))
    end
    local body = message.body or ""
    self.parts[#self.parts + 1] = body
    self:count(message, #body, self:check_flag(message, "more_body"))
end

handlers["http.response.trailers"] = function(self, message)
    if self.state ~= "trailers" then
        self:breach("trailers_that_were_announced", "http.response.trailers: not announced")
    end
    self:check_headers(message)
    if not self:check_flag(message, "more_trailers") then
        self.state = "done"
    end
end

local function size_of(path)
    local file = io.open(path, "rb")
    local size = file and file:seek "end"

    if file then
        file:close()
    end
    return size
end

handlers["http.response.pathsend"] = function(self, message)
    self:check_extension(message, "http.response.pathsend")
    self:check_state(message, "started")
    if type(message.path) ~= "string" or not message.path:find "^/" then
        self:breach("paths_are_absolute", "http.response.pathsend: path is %s",
            tostring(message.path))
    end
    local size = size_of(message.path)
    if not size then
        error("http.response.pathsend: there is no file " .. message.path, 3)
    end
    self:count(message, size, false)
end

handlers["http.response.informational"] = function(self, message)
    self:check_extension(message, "http.response.informational")
    self:check_state(message, "idle")
    if self:check_status(message, 100, 199) == 101 then
        self:breach("statuses_are_integers", "http.response.informational: 101 is the server's")
    end
    self:check_headers(message)
end

--- The type of what is sent, if it is a message at all.
function Exchange:check_type(message)
    if type(message) ~= "table" or type(message.type) ~= "string" then
        self:breach("messages_are_tables", "what is sent is no table with a type, but %s",
            type(message) == "table" and "one whose type is a " .. type(message.type)
            or "a " .. type(message))
    elseif not handlers[message.type] then
        self:breach("types_are_known", "unknown message type '%s'", message.type)
    end
end

local function closed()
    return setmetatable({ code = "ECLOSED", message = "send: closed" }, errors.meta)
end

function Exchange:park(rule, text)
    self.problems[rule] = self.problems[rule] or text
    M.park(self)
end

-- A send behind the end; too many of them are a loop.
function Exchange:count_late_send()
    self.late_sends = self.late_sends + 1
    if self.late_sends > MANY then
        self:park("stops_sending", self.gone and "it goes on sending to a client that has gone"
            or "it goes on sending behind its response")
    end
end

function Exchange:send(message)
    task.sleep(0)
    if self.gone or self.state == "done" then
        self:count_late_send()
    end
    self:check_type(message)
    if self.gone or (self.leaves_at_send and self.sends >= self.leaves_at_send) then
        self.gone = true
        self.changed:set()
        if self.told_closed then
            error(closed(), 0)
        end
        self.told_closed = true
        return nil, closed()
    end
    self.sends = self.sends + 1
    handlers[message.type](self, message)
    if self.state == "done" then
        self.changed:set()
    end
    return true
end

local function disconnect(self)
    self.late_receives = self.late_receives + 1
    if self.late_receives > MANY then
        self:park("stops_receiving", "it goes on receiving though there is nothing more to come")
    end
    return { type = "http.disconnect", ["x.unknown"] = self.unknown_key }
end

function Exchange:next_message()
    if self.gate and self.next_piece == #self.body then
        self.gate:wait()
    end
    task.sleep(0)
    if self.gone or self.state == "done" then
        return disconnect(self)
    end
    local piece = self.body[self.next_piece]
    if piece then
        self.next_piece = self.next_piece + 1
        local more = self.next_piece <= #self.body or self.leaves_in_body
        return {
            type = "http.request", body = piece, more_body = more or false,
            ["x.unknown"] = self.unknown_key,
        }
    end
    if self.leaves_in_body or self.leaves_behind_body then
        self.gone = true
    else
        self.changed:wait()
    end
    return disconnect(self)
end

function Exchange:receive()
    if self.receiving then
        self:breach("one_receive_at_a_time", "another task is in receive already")
    end
    self.receiving = true
    local passed, message = pcall(self.next_message, self)
    self.receiving = false
    if not passed then
        error(message, 0)
    end
    return message
end

local Job = {}
Job.__index = Job

--- Call `app(scope, receive, send)` in a task that nobody joins, since nothing
--- ends one that catches every error; `on_end` is called behind it.
function M.start(on_end, app, ...)
    local job = setmetatable({}, Job)
    local arguments = { ... }

    job.task = task.detach(function()
        local passed, err = pcall(app, arguments[1], arguments[2], arguments[3])
        job.is_over = true
        job.raised = not passed and { error = err } or nil
        on_end()
    end)
    return job
end

--- End it, if it can be ended: `owner` is what has started it.
function Job:stop(owner)
    owner.judged:set()
    if not owner.is_parked then
        self.task:cancel "the conformance test has seen enough"
    end
    scope.move_on(owner.is_parked and LOOP_GRACE or GRACE, self.task.pawait, self.task)
end

--- Call `app` as `run` says: `scope` (a table), `body` (list of pieces) and how
--- the client leaves; end it behind `seconds`.  What came of it.
function M.call(app, run, seconds)
    local self = setmetatable({
        name = run.name, scope = run.scope, method = run.scope.method, body = run.body or { "" },
        problems = {}, parts = {}, state = "idle", length = 0, sends = 0, next_piece = 1,
        late_sends = 0, late_receives = 0, changed = sync.event(), news = sync.event(),
        judged = sync.event(),
        gone = run.gone, leaves_in_body = run.leaves_in_body, gate = run.gate,
        leaves_behind_body = run.leaves_behind_body, leaves_at_send = run.leaves_at_send,
        unknown_key = run.unknown_key,
    }, Exchange)
    local job = M.start(function()
        self.news:set()
    end, app, run.scope, function()
        return self:receive()
    end, function(message)
        return self:send(message)
    end)
    local waited = scope.move_on(seconds, self.news.wait, self.news)
    self.in_time = waited and job.is_over
    job:stop(self)
    self.raised = self.in_time and job.raised
    self.content = table.concat(self.parts)
    return self
end

return M
