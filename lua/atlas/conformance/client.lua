-- client.lua - a client that sees every byte: HTTP/1.1 by hand, over sockets.
--
-- It knows enough of the protocol to read responses, and nothing of how to be
-- lenient: what it can't read is a failure of the check that asked for it.

local expect = require "atlas.conformance.expect"
local json = require "atlas.json"
local net = require "atlas.net.core"
local scope = require "atlas.scope"

local M = {}

M.patience = 10 -- seconds, for what should come soon

-- Connections.

local Connection = {}
Connection.__index = Connection

--- "http://HOST:PORT" or "unix:/path": where to connect, or nil and a message.
function M.parse_url(url)
    local path = url:match "^unix:(.+)$"

    if path then
        return { unix = path, authority = "localhost" }
    end
    local authority = url:match "^http://([^/?#]+)/?$"
    if not authority then
        return nil, "'" .. url .. "' is not http://HOST:PORT, nor unix:PATH"
    end
    local host, port = authority:match "^(%[[%x:.]+%]):(%d+)$"
    if not host then
        host, port = authority:match "^([^:]+):?(%d*)$"
    end
    if not host then
        return nil, "'" .. authority .. "' is no HOST:PORT"
    end
    return { host = host, port = tonumber(port) or 80, authority = authority }
end

--- A connection to `place`; nil and an error if there is none.
function M.connect(place)
    local socket = net.socket()
    local in_time, ok, err = scope.move_on(
        M.patience, socket.connect, socket, place.unix or place.host, place.port)

    if not in_time then
        return nil, ("no answer within %g s"):format(M.patience)
    elseif not ok then
        return nil, err
    end
    return M.wrap(socket, place)
end

--- The same over a socket that is connected.
function M.wrap(socket, place)
    return setmetatable({ socket = socket, place = place, buffer = "" }, Connection)
end

function Connection:close()
    self.socket:close()
end

function Connection:reset()
    self.socket:reset()
end

--- Write; nil and a code if the server takes no more, within `seconds`.
function Connection:write(bytes, seconds)
    local in_time, ok, err = scope.move_on(
        seconds or M.patience, self.socket.write, self.socket, bytes)

    if not in_time then
        return nil, "ETIMEDOUT"
    end
    return ok, err and err.code
end

-- The next bytes into the buffer; nil and a code at the end.
function Connection:fill(seconds)
    local in_time, data, err = scope.move_on(
        seconds or M.patience, self.socket.read, self.socket)

    if not in_time then
        return nil, "ETIMEDOUT"
    elseif not data then
        self.ended = err.code
        return nil, err.code
    end
    self.buffer = self.buffer .. data
    return true
end

--- Does the server close within `seconds`?  What it sends before is kept.
function Connection:closes(seconds)
    local deadline = M.now() + (seconds or M.patience)

    repeat
        local ok, code = self:fill(math.max(0, deadline - M.now()))
        if not ok then
            return code ~= "ETIMEDOUT", code
        end
    until false
end

function M.now()
    return require("atlas.task").now()
end

-- Requests.

--- A request as bytes: `method`, `target`, `headers` (list of pairs), `body`
--- (with a content-length), `probe`, `argument`, `id`; `version`.
function M.format(place, request)
    local lines = {
        ("%s %s HTTP/%s"):format(
            request.method or "GET", request.target or "/", request.version or "1.1"),
        "Host: " .. place.authority,
    }

    for _, name in ipairs { "probe", "argument", "id" } do
        if request[name] then
            lines[#lines + 1] = ("lasgi-%s: %s"):format(name, request[name])
        end
    end
    for _, pair in ipairs(request.headers or {}) do
        lines[#lines + 1] = pair[1] .. ": " .. pair[2]
    end
    if request.body then
        lines[#lines + 1] = "Content-Length: " .. #request.body
    end
    return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
end

function Connection:send(request)
    return self:write(M.format(self.place, request))
end

-- Responses.

local Response = {}
Response.__index = Response

--- All values of a header, in order.
function Response:all(name)
    local values = {}

    for _, pair in ipairs(self.headers) do
        if pair[1]:lower() == name then
            values[#values + 1] = pair[2]
        end
    end
    return values
end

--- The first value of a header, or nil.
function Response:header(name)
    return self:all(name)[1]
end

-- Bytes as they were: the probe writes each as a character of its own.
local function to_bytes(value)
    if type(value) == "string" then
        return (value:gsub("[\194\195][\128-\191]", function(c)
            return string.char((c:byte(1) % 4) * 64 + c:byte(2) % 64)
        end))
    elseif type(value) == "table" then
        local copy = {}
        for key, inner in pairs(value) do
            copy[to_bytes(key)] = to_bytes(inner)
        end
        return copy
    end
    return value
end

M.decode = function(text)
    local value, err = json.decode(text)

    if value == nil then
        return nil, err
    end
    return to_bytes(value)
end

--- What the probe has reported in its response.
function Response:report()
    expect.eq(self.status, 200, "the status of the probe's response")
    local value, err = M.decode(self.body or "")

    if type(value) ~= "table" then
        expect.fail("the probe's response is no report: %s", tostring(err))
    end
    return value
end

-- The bytes up to and with `mark`, without it; nil if the connection ends.
local function take_until(conn, mark, seconds)
    while true do
        local from, to = conn.buffer:find(mark, 1, true)
        if from then
            local text = conn.buffer:sub(1, from - 1)
            conn.buffer = conn.buffer:sub(to + 1)
            return text
        end
        local ok, code = conn:fill(seconds)
        if not ok then
            return nil, code
        end
    end
end

local function take_bytes(conn, count)
    local parts, have = { conn.buffer }, #conn.buffer

    conn.buffer = ""
    while have < count do
        local ok, code = conn:fill()
        if not ok then
            return nil, code, table.concat(parts)
        end
        parts[#parts + 1], conn.buffer = conn.buffer, ""
        have = have + #parts[#parts]
    end
    local all = table.concat(parts)
    conn.buffer = all:sub(count + 1)
    return all:sub(1, count)
end

local function parse_fields(response, text, list)
    for line in (text .. "\r\n"):gmatch "(.-)\r\n" do
        if line ~= "" then
            local name, value = line:match "^([^%s:]+):[ \t]*(.-)[ \t]*$"
            expect.holds(name, "'%s' is no field line", line)
            list[#list + 1] = { name, value }
        end
    end
    return response
end

local function read_chunks(conn, response)
    local parts = {}

    while true do
        local line, code = take_until(conn, "\r\n")
        local size = line and tonumber(line:match "^%x+" or "", 16)
        local data = size and size > 0 and take_bytes(conn, size + 2)
        if line and not size then
            expect.fail("'%s' is no chunk's size", line)
        end
        response.chunks = (response.chunks or 0) + 1
        if not line or (size > 0 and not data) then
            response.cut = code or conn.ended
            break
        elseif size == 0 then
            break
        end
        parts[#parts + 1] = data:sub(1, -3)
    end
    response.body = table.concat(parts)
    if response.cut then
        return
    end
    repeat
        local line = take_until(conn, "\r\n")
        if line and line ~= "" then
            parse_fields(response, line, response.trailers)
        end
    until not line or line == ""
end

local function read_body(conn, response, method)
    local status = response.status
    local length = tonumber(response:header "content-length")
    local code, rest

    if method == "HEAD" or status == 204 or status == 304 then
        response.body = ""
    elseif response:header "transfer-encoding" then
        expect.eq(response:header "transfer-encoding", "chunked", "transfer-encoding")
        read_chunks(conn, response)
    elseif length then
        response.body, code, rest = take_bytes(conn, length)
        if not response.body then
            response.body, response.cut = rest, code
        end
    else
        local closed, how = conn:closes()
        expect.holds(closed, "the response has no length, and doesn't end")
        response.body, conn.buffer = conn.buffer, ""
        response.cut = how ~= "EOF" and how or nil
    end
end

--- The next response, informational ones before it in `informational`.  nil
--- and a code if the connection ends, or nothing comes.
function Connection:read(method, seconds)
    local informational = {}

    while true do
        local head, code = take_until(self, "\r\n\r\n", seconds)
        if not head then
            return nil, code
        end
        local version, status, fields = head:match "^HTTP/(1%.[01]) (%d%d%d) [^\r\n]*\r?\n?(.*)$"
        expect.holds(version, "%s is no response's head", expect.show(head:sub(1, 80)))
        local response = setmetatable({
            version = version, status = tonumber(status), headers = {}, trailers = {},
            informational = informational,
        }, Response)
        parse_fields(response, fields, response.headers)
        if response.status >= 200 or response.status == 101 then
            if response.status ~= 101 then
                read_body(self, response, method)
            end
            return response
        end
        informational[#informational + 1] = response
    end
end

return M
