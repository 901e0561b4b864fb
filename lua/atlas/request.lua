-- request.lua - what handlers do with a request beside reading its fields,
-- which are computed in C (src/app/request.c).

local core = require "atlas.application.core"
local errors = require "atlas.errors"
local json = require "atlas.json"

local read = core.read
local concat, error, rawget, setmetatable, type = table.concat, error, rawget, setmetatable, type

--- A request. Fields may be set as well: what middleware sets is what the next
--- one and the handler read, for this request alone. It is over when its task
--- is: to use it then raises.
---@class atlas.Request
---@overload fun(scope: table): atlas.Request  Make a request of a LASGI scope, whose
--- fields it has: for handlers that are called by hand.
---@field method string         upper case
---@field path string           decoded, without the query
---@field raw_path string       as it came
---@field root_path string      where the application is mounted; "" at the root
---@field query_string string   what follows the "?", as it came
---@field query atlas.Multi     its parameters, decoded
---@field headers atlas.Headers names in lower case
---@field cookies atlas.Multi  of the Cookie field
---@field params table          the path's parameters by name
---@field client { host: string, port: integer }?  nil on a unix socket
---@field scheme "http"|"https"
---@field host string           of the Host field
---@field url string           with scheme, host and query
---@field http_version "1.0"|"1.1"|"2"
---@field id string?            of this request, in its log lines too
---@field state table           for middleware and handlers
---@field route atlas.Route?   which has been found
local Request = {}

-- The LASGI `receive` of requests that didn't come from our server.
local receivers = setmetatable({}, { __mode = "k" })

local function read_lasgi(receive)
    local message = receive()

    if type(message) ~= "table" or message.type == "http.disconnect" then
        return nil, 400
    end
    return message.body or "", message.more_body
end

-- The next piece, and whether there is more; or nil and a status.
local function next_piece(request)
    local receive = receivers[request]

    if not receive then
        return read(request)
    elseif request._body_over then
        return "", false
    end
    local piece, more = read_lasgi(receive)
    request._body_over = not more
    return piece, more
end

-- The same for a LASGI callable: behind the last piece it waits until the
-- client has gone or the response is complete, and then gives nil.
local function receive_piece(request)
    local receive = receivers[request]

    if receive then
        return read_lasgi(receive)
    end
    return core.receive(request)
end

local function body_error(status)
    return errors.HTTPError.new(status >= 400 and status or 400)
end

--- The body as it comes: `for piece in request:stream() do`; body() can't give
--- it any more then. Each step may wait, and raises an HTTPError if the body is
--- malformed, too large or too slow.
---@return fun(): string? iterator
function Request:stream()
    local over = false
    local kept = self._body

    self._streamed = not kept
    return function()
        if kept then
            local piece = kept
            kept, over = nil, true
            return piece ~= "" and piece or nil
        end
        while not over do
            local piece, more = next_piece(self)
            if not piece then
                error(body_error(more), 0)
            end
            over = not more
            if piece ~= "" then
                return piece
            end
        end
    end
end

local function read_body(request)
    local piece, more = next_piece(request)
    if not piece then
        return nil, body_error(more)
    elseif not more then
        return piece
    end
    local pieces, n = { piece }, 1
    while more do
        piece, more = next_piece(request)
        if not piece then
            return nil, body_error(more)
        end
        n = n + 1
        pieces[n] = piece
    end
    return concat(pieces)
end

--- The whole body; each call gives the same.
---@async
---@return string? body  nil: it was malformed, too large or too slow
---@return atlas.HTTPError? err
function Request:body()
    local kept = self._body

    if kept then
        return kept
    elseif self._body_error then
        return nil, self._body_error
    elseif self._streamed then
        error("request:body(): its pieces have gone to request:stream()", 2)
    end
    local body, err = read_body(self)
    if body then
        self._body = body
        return body
    end
    self._body_error = err
    return nil, err
end

-- What a body can't be that is read as JSON: what HTML forms send, but for
-- the type that curl -d gives to anything.  A page of another site can have a
-- browser send these without asking.
local function is_other_type(content_type)
    if content_type:find("application/json", 1, true) == 1 then -- nearly always
        return false
    end
    local media = content_type:match("^%s*([^;%s]*)"):lower()

    return media:find("^multipart/") ~= nil or media:find("^text/") ~= nil and media ~= "text/json"
end

--- The body, decoded from JSON.
---@async
---@return any value  nil: it isn't JSON, or couldn't be read
---@return atlas.HTTPError? err  400, 408, 413; 415 if it says that it is text or a form
function Request:json()
    if is_other_type(self.headers["content-type"] or "") then
        return nil, errors.HTTPError.new(415, "a body of type application/json expected")
    end
    local body, err = self:body()

    if not body then
        return nil, err
    end
    local value, why = json.decode(body)
    if value == nil then
        return nil, errors.HTTPError.new(400, "bad JSON: " .. why.message)
    end
    return value
end

--- The path of a named route, behind where the application is mounted. Raises
--- if there is none, or a parameter doesn't fit.
---@param name string
---@param params table?  by name; what is left over becomes the query
---@return string path
function Request:url_for(name, params)
    return require("atlas.application").url_for_request(self, name, params)
end

-- The original's form: a table around a scope, which answers to its names.
local Proxy = {}

function Proxy.__index(request, key)
    local scope = rawget(request, "scope")

    return Proxy[key] or (scope and scope[key])
end

return setmetatable(Proxy, {
    __index = { methods = Request, receivers = receivers, receive_piece = receive_piece },
    __call = function(_, scope)
        return setmetatable({ scope = scope }, Proxy)
    end,
})
