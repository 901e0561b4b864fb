-- http2.lua - checks of a server that speaks HTTP/2 to who begins with it
-- (RFC 9113 3.3): frames by hand, fields never compressed (RFC 7541 6.2.2).

local client = require "atlas.conformance.client"
local expect = require "atlas.conformance.expect"

local eq, holds = expect.eq, expect.holds

local M = {}

local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
local DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
local END_STREAM, END_HEADERS, ACK = 1, 4, 1

local function frame(kind, flags, stream, payload)
    local n = #payload

    return string.char(math.floor(n / 65536), math.floor(n / 256) % 256, n % 256, kind, flags,
        0, 0, 0, stream) .. payload
end

local function literal(text)
    assert(#text < 127, "a longer string would need a second byte of length")
    return string.char(#text) .. text
end

local function block(fields)
    local parts = {}

    for i, field in ipairs(fields) do
        parts[i] = "\0" .. literal(field[1]) .. literal(field[2])
    end
    return table.concat(parts)
end

-- The next frame: kind, flags, payload; nil if the connection ends.
local function read_frame(conn, seconds)
    local function need(count)
        while #conn.buffer < count do
            if not conn:fill(seconds) then
                return false
            end
        end
        return true
    end

    if not need(9) then
        return nil
    end
    local a, b, n, kind, flags = conn.buffer:byte(1, 5)
    local length = a * 65536 + b * 256 + n
    if not need(9 + length) then
        return nil
    end
    local payload = conn.buffer:sub(10, 9 + length)
    conn.buffer = conn.buffer:sub(10 + length)
    return kind, flags, payload
end

-- A connection that speaks HTTP/2, or the check is skipped.
local function open(c)
    local conn = c:connect()

    if c.http2 ~= false then
        conn:write(PREFACE .. frame(SETTINGS, 0, 0, ""))
        local line = conn:fill() and conn.buffer
        c.http2 = line and not line:find "^HTTP/" and read_frame(conn) == SETTINGS
    end
    if not c.http2 then
        expect.skip "the server doesn't speak HTTP/2 here"
    end
    conn:write(frame(SETTINGS, ACK, 0, ""))
    return conn
end

-- The data of the response on stream 1, or nil and the frame that cut it.
local function exchange(c, probe, argument)
    local conn = open(c)
    local fields = {
        { ":method", "GET" }, { ":scheme", "http" }, { ":path", "/a?x=1" },
        { ":authority", "lasgi.example" }, { "cookie", "a=1" }, { "lasgi-probe", probe },
        { "cookie", "b=2" },
    }
    local parts = {}

    if argument then
        fields[#fields + 1] = { "lasgi-argument", argument }
    end
    conn:write(frame(HEADERS, END_STREAM + END_HEADERS, 1, block(fields)))
    while true do
        local kind, flags, payload = read_frame(conn)
        holds(kind and kind ~= GOAWAY, "the connection ends before the response")
        if kind == RST_STREAM then
            return nil, "RST_STREAM", conn
        elseif kind == DATA then
            parts[#parts + 1] = payload
        end
        if (kind == DATA or kind == HEADERS) and flags % 2 == END_STREAM then
            return table.concat(parts), nil, conn
        end
    end
end

local function scope(c)
    return client.decode(exchange(c, "scope")).read
end

function M.http_version_is_2(c)
    eq(scope(c).http_version, "2", "scope.http_version")
end

function M.host_is_made_of_authority(c)
    local found

    for _, pair in ipairs(scope(c).headers) do
        found = pair[1] == "host" and pair[2] or found
    end
    eq(found, "lasgi.example", "the header host")
end

function M.cookies_are_joined(c)
    local found = {}

    for _, pair in ipairs(scope(c).headers) do
        if pair[1] == "cookie" then
            found[#found + 1] = pair[2]
        end
    end
    eq(table.concat(found, " | "), "a=1; b=2", "the header cookie")
end

function M.pseudo_headers_are_not_listed(c)
    for _, pair in ipairs(scope(c).headers) do
        holds(pair[1]:sub(1, 1) ~= ":", "'%s' is in scope.headers", pair[1])
    end
end

function M.a_response_that_is_cut_resets_its_stream(c)
    local data, how = exchange(c, "leave", "raise begun")

    eq(data, nil, "the response")
    eq(how, "RST_STREAM", "what ends the stream")
end

return M
