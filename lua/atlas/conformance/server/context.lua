-- context.lua - what the checks of a server use: requests to its probe.

local client = require "atlas.conformance.client"
local expect = require "atlas.conformance.expect"
local task = require "atlas.task"

local M = {}

local Context = {}
Context.__index = Context

--- Of the server at `url`; `patience`: how long it is given to give up on a
--- body that is slow, or nil. nil and a message if that is no URL.
function M.new(url, patience)
    local place, message = client.parse_url(url)

    if not place then
        return nil, message
    end
    local start = tostring(math.floor(task.now() * 1e6) % 1e9)
    return setmetatable({
        place = place, url = url, patience = patience, serial = 0, run_id = start, open = {},
    }, Context)
end

--- An id that no other request has.
function Context:new_id()
    self.serial = self.serial + 1
    return self.run_id .. "-" .. self.serial
end

--- A new connection, closed when the check has ended.
function Context:connect()
    local conn, err = client.connect(self.place)

    if not conn then
        expect.fail("can't connect to %s: %s", self.url, tostring(err))
    end
    self.open[#self.open + 1] = conn
    return conn
end

--- Send a request on a connection of its own, not waiting for the answer.
function Context:send(request)
    local conn = self:connect()

    expect.holds(conn:send(request), "the server doesn't take the request")
    return conn
end

--- A response that there has to be.
function Context:read(conn, request)
    local response, code = conn:read(request and request.method)

    if not response then
        expect.fail("there is no response: %s", code)
    end
    return response
end

--- Send a request on a connection of its own; its response, and the connection.
function Context:request(request)
    local conn = self:send(request)

    return self:read(conn, request), conn
end

--- The report in the response to a request.
function Context:ask(request)
    return self:request(request):report()
end

--- The scope of a request, as the probe saw it.
function Context:scope(request)
    request = request or {}
    request.probe = "scope"
    return self:ask(request).read
end

--- The report that the request with this id has left, once `is_ready(report)`.
function Context:report(id, is_ready, what)
    local deadline = task.now() + client.patience
    local report

    repeat
        -- A connection for each attempt: the report is one worker's.
        report = self:ask { probe = "report", id = id }
        if not report.missing and (not is_ready or is_ready(report)) then
            return report
        end
        task.sleep(0.02)
    until task.now() > deadline
    if report.missing then
        expect.fail("the server has not called the application")
    end
    expect.fail("the application doesn't get so far: %s (%s)",
        what or "its report is not complete", expect.show(report))
end

--- Skip the check unless the probe has a task library.
function Context:need_tasks()
    if not self.hello.has_tasks then
        expect.skip "the server's VM has no atlas.spawn, which this needs"
    end
end

--- Skip the check unless the server offers an extension.
function Context:need_extension(name)
    if not self:scope().extensions[name] then
        expect.skip("the server doesn't offer %s", name)
    end
end

--- Is it the probe that the server serves?  nil, or a message for people.
function Context:greet()
    local conn, err = client.connect(self.place)

    if not conn then
        return ("can't connect to %s: %s"):format(self.url, tostring(err))
    end
    self.open[1] = conn
    local fine, hello = pcall(function()
        conn:send {}
        return (self:read(conn):report())
    end)
    self:close_all()
    if not fine or hello.probe ~= "lasgi" then
        return ("what %s serves is not the probe that shows what a server does. Start it with\n\n"
            .. "    atlas serve atlas.conformance.probe:app --port %d\n\n"
            .. "or have another server serve attribute 'app' of the module"
            .. " atlas.conformance.probe."):format(self.url, self.place.port or 8000)
    end
    self.hello = hello
end

--- Close what the check has left open.
function Context:close_all()
    for _, conn in ipairs(self.open) do
        conn:close()
    end
    self.open = {}
end

return M
