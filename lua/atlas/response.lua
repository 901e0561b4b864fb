-- response.lua - what a handler answers with.
--
-- A Response is a plain table.  Its class answers to the names of both worlds:
-- status and status_code, body and content.

local core = require "atlas.application.core"
local errors = require "atlas.errors"
local json = require "atlas.json"

local error, ipairs, pairs, setmetatable, type = error, ipairs, pairs, setmetatable, type
local getmetatable, rawget, rawset, tostring = getmetatable, rawget, rawset, tostring

--- A response: its parts may be changed until the handler, or the middleware
--- around it, has returned it. `status_code` and `content` are other names of
--- `status` and `body`; called with a LASGI `send`, it sends itself.
---@class atlas.Response
---@overload fun(content?: string, content_type?: string, status?: integer, headers?: table): atlas.Response  Make
--- a response, by default one of HTML with status 200.
---@field status integer          200 to 999
---@field body string
---@field content_type string?    text gets "; charset=utf-8" unless it names one
---@field headers table           name = value, or name = {value, ...}
---@field cookies string[]?       what set_cookie() made
---@field send fun(request: atlas.Request, response: atlas.Response)?  sends the body by itself
local Response = {}

local other_names = { status_code = "status", content = "body" }

function Response.__index(response, key)
    local name = other_names[key]

    if name then
        return response[name]
    end
    return Response[key]
end

function Response.__newindex(response, key, value)
    rawset(response, other_names[key] or key, value)
end

local function new(content, content_type, status, headers)
    return setmetatable({
        body = content or "",
        content_type = content_type or "text/html",
        status = status or 200,
        headers = headers or {},
    }, Response)
end

local function add_header(list, name, value)
    if type(name) ~= "string" then
        error("response headers: name = value or {name, value} expected", 0)
    elseif type(value) ~= "string" and type(value) ~= "number" then
        local text = "response header %s: a string expected, got %s"
        error(text:format(name, type(value)), 0)
    end
    list[#list + 1] = { name:lower(), tostring(value) }
end

-- One {name, value} pair a header, names in lower case.
local function add_headers(list, headers)
    for name, value in pairs(headers) do
        if type(value) ~= "table" then
            add_header(list, name, value)
        elseif type(name) == "number" then
            add_header(list, value[1], value[2])
        else
            for _, one in ipairs(value) do
                add_header(list, name, one)
            end
        end
    end
    return list
end

-- Send the response, exactly what it holds, through a LASGI `send`.
function Response:__call(send)
    Response.deliver(self, send)
end

function Response:__tostring()
    return ("atlas.Response (%s)"):format(tostring(self.status))
end

--- How long a cookie is kept, and where it is sent (RFC 6265).
---@class atlas.CookieOptions
---@field max_age? integer      seconds; 0 or less removes the cookie
---@field expires? number       seconds since 1970
---@field path? string          "/" by default
---@field domain? string
---@field secure? boolean       false by default
---@field http_only? boolean    true by default
---@field same_site? "Strict"|"Lax"|"None"  "Lax" by default
---@field partitioned? boolean

--- Add a cookie to the response.
---
--- Raises for a name, a value or an option that a cookie can't have (RFC 6265,
--- 4.1.1).
---@param name string
---@param value string
---@param options atlas.CookieOptions?
---@return atlas.Response self
function Response:set_cookie(name, value, options)
    local cookies = self.cookies or {}

    cookies[#cookies + 1] = core.format_cookie(name, value, options or {})
    rawset(self, "cookies", cookies)
    return self
end

--- Have the client forget a cookie that was set with this path and domain.
---@param name string
---@param options { path?: string, domain?: string }?
---@return atlas.Response self
function Response:delete_cookie(name, options)
    options = options or {}
    return self:set_cookie(name, "", {
        path = options.path,
        domain = options.domain,
        secure = options.secure,
        max_age = 0,
    })
end

--- All headers as LASGI has them, with the content type and the cookies.
---@param with_charset boolean?  text gets a charset, as the server does it
---@return string[][] headers  {name, value} pairs, names in lower case
function Response:header_list(with_charset)
    local list = add_headers({}, self.headers)
    local has_type = self.status == 204 or self.status == 304

    for _, pair in ipairs(list) do
        has_type = has_type or pair[1] == "content-type"
    end
    if self.content_type and not has_type then
        local content_type = self.content_type
        list[#list + 1] = {
            "content-type", with_charset and core.with_charset(content_type) or content_type,
        }
    end
    for _, cookie in ipairs(self.cookies or {}) do
        list[#list + 1] = { "set-cookie", cookie }
    end
    return list
end

local M = setmetatable(Response, {
    __call = function(_, content, content_type, status, headers)
        return new(content, content_type, status, headers)
    end,
})

--- Is `value` a Response?
---@param value any
---@return boolean is_response
function Response.is(value)
    return getmetatable(value) == Response
end

--- A response with `value` as JSON. Raises the error of `json.encode` if it
--- can't be encoded.
---@param value any
---@param status integer?  200
---@return atlas.Response response
function Response.json(value, status)
    local text, err = json.encode(value)

    if not text then
        error(err, 2)
    end
    return new(text, "application/json", status)
end

--- A response of HTML.
---@param text string
---@param status integer?  200
---@return atlas.Response response
function Response.html(text, status)
    return new(text, "text/html", status)
end

--- A response of plain text.
---@param text string
---@param status integer?  200
---@return atlas.Response response
function Response.text(text, status)
    return new(text, "text/plain", status)
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Send the client elsewhere: to a path of this site, or to an absolute http
--- or https URL.
---
--- Raises for a target that a browser would take for another than it looks like
--- ("//host", "/\\host", control characters, other schemes).
---@param url string
---@param status integer?  303 by default; 301, 302, 307, 308
---@return atlas.Response response
function Response.redirect(url, status)
    if type(url) ~= "string" then
        error("redirect: a path or a URL expected, got " .. type(url), 2)
    elseif status ~= nil and not redirects[status] then
        error("redirect: a status of 301, 302, 303, 307 or 308 expected, got "
            .. tostring(status), 2)
    end
    local location, err = core.location(url)
    if not location then
        error("redirect: " .. err, 2)
    end
    return new("", "text/plain", status or 303, { location = location })
end

local function send_stream(request, result)
    if core.begin(request, result) then
        result.stream_body(function(piece)
            return core.write(request, piece)
        end)
    end
end

--- A response whose body `fn` makes piece by piece. It is called with `write`,
--- which waits while the client is slower, and returns `nil, err` (ECLOSED) once
--- that has gone. If `fn` raises, the connection is cut.
---@param fn fun(write: fun(piece: string): true?, atlas.Error?)
---@param options { content_type?: string, status?: integer, headers?: table }?  "application/octet-stream", 200
---@return atlas.Response response
function Response.stream(fn, options)
    if type(fn) ~= "function" then
        error("stream: a function expected, got " .. type(fn), 2)
    end
    options = options or {}
    local response = new(nil, options.content_type or "application/octet-stream", options.status,
        options.headers)

    rawset(response, "stream_body", fn)
    rawset(response, "send", send_stream)
    return response
end

local function send_file(request, result)
    if not core.begin(request, result) then
        return
    end
    local ok, err = core.send_file(request, result.file)
    if not ok and err.code ~= "ECLOSED" then
        core.reset(request)
        if err.code == "ENOENT" or err.code == "EISDIR" or err.code == "ENOTDIR" then
            error(errors.HTTPError.new(404), 0)
        end
        error(err, 0)
    end
end

--- A response with the bytes of a file, which don't pass through Lua; an
--- HTTPError of status 404 if there is none, or if it is outside `root`. With
--- `download` the client saves it, under that name or its own. Its type follows
--- from its name if it isn't given.
---@param path string  with `root`, relative to that; never what a client chose
--- without one
---@param options { root?: string, download?: boolean|string, content_type?: string }?
---@return atlas.Response response
function Response.file(path, options)
    options = options or {}
    if type(path) ~= "string" or path:find("\0", 1, true) then
        error("file: a path expected", 2)
    end
    if options.root then
        if ("/" .. path .. "/"):find("/../", 1, true) then
            error(errors.HTTPError.new(404), 0)
        end
        path = options.root .. "/" .. path
    end
    local headers = {}
    if options.download then
        local name = options.download == true and path:match "[^/]*$" or options.download
        headers["content-disposition"] = core.disposition(name)
    end
    local response = new(nil, options.content_type or core.media_of(path), 200, headers)
    rawset(response, "file", path)
    rawset(response, "send", send_file)
    return response
end

-- The pieces of a file and what closes it; 404 if it can't be read.
local function open_file(path)
    local file = io.open(path, "rb")
    local piece, err = nil, nil

    if file then
        piece, err = file:read(65536)
    end
    if not file or err then
        error(errors.HTTPError.new(404), 0)
    end
    return file, piece
end

local function write_file(path, write)
    local file, piece = open_file(path)

    while piece do
        write(piece)
        piece = file:read(65536)
    end
    file:close()
end

--- Send a Response through a LASGI `send`, however its body is made.  Nothing
--- has been sent if that fails before its first piece.
---@param result atlas.Response
---@param send fun(message: table)
---@param extensions table?     of the scope
---@param with_charset boolean?
function Response.deliver(result, send, extensions, with_charset)
    local file, begun = rawget(result, "file"), false

    local function body_message(message)
        if not begun then
            begun = true
            send {
                type = "http.response.start",
                status = result.status,
                headers = result:header_list(with_charset),
            }
        end
        return send(message)
    end

    local function write(piece)
        return body_message { type = "http.response.body", body = piece, more_body = true }
    end

    if not result.send then
        local body = result.body
        if type(body) == "number" then
            body = tostring(body)
        end
        return body_message { type = "http.response.body", body = body }
    elseif not file then
        result.stream_body(write)
    elseif extensions and extensions["http.response.pathsend"] and core.absolute(file) then
        open_file(file):close() -- a 404 before anything is sent
        return body_message { type = "http.response.pathsend", path = core.absolute(file) }
    else
        write_file(file, write)
    end
    return body_message { type = "http.response.body", body = "" }
end

--- End the handler with an error response.
---@param status integer  400 to 599
---@param message string?  the response's text; by default the status's phrase
---@param headers table?  of the response: name = value
function Response.abort(status, message, headers)
    error(errors.HTTPError.new(status, message, headers), 0)
end

return M
