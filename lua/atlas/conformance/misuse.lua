-- misuse.lua - the probe's wrong messages: each has to raise, by name.

local START = { type = "http.response.start", status = 200, headers = { { "x-start", "1" } } }

local function with_status(status)
    return { type = "http.response.start", status = status, headers = {} }
end

local function with_header(...)
    return { type = "http.response.start", status = 200, headers = { { ... } } }
end

-- The wrong message, the word that the error has to have, and, where it stands
-- behind one, the response's start.
local cases = {
    ["a type that is unknown"] = { { type = "http.response.bogus" }, "http.response.bogus" },
    ["no type"] = { { status = 200 }, "type" },
    ["a type of WebSockets"] = { { type = "websocket.send", text = "x" }, "websocket.send" },
    ["a body before the start"] = {
        { type = "http.response.body", body = "x" }, "http.response.body",
    },
    ["trailers before the start"] = {
        { type = "http.response.trailers", headers = {} }, "http.response.trailers",
    },
    ["a second start"] = { START, "http.response.start", START },
    ["trailers that were not announced"] = {
        { type = "http.response.trailers", headers = {} }, "http.response.trailers", START,
    },
    ["a status that is missing"] = { with_status(nil), "status" },
    ["a status that is a string"] = { with_status "200", "status" },
    ["a status that is no integer"] = { with_status(200.5), "status" },
    ["status 199"] = { with_status(199), "status" },
    ["status 1000"] = { with_status(1000), "status" },
    ["headers that are no table"] = {
        { type = "http.response.start", status = 200, headers = "x" }, "headers",
    },
    ["a header that is no pair"] = {
        { type = "http.response.start", status = 200, headers = { "x: y" } }, "header",
    },
    ["an empty header name"] = { with_header("", "v"), "header" },
    ["a header name with a space"] = { with_header("x bad", "v"), "x bad" },
    ["a header name with a colon"] = { with_header("x-bad:", "v"), "x-bad:" },
    ["a header name beyond ASCII"] = { with_header("x-b\228d", "v"), "x-b" },
    ["a header value that is missing"] = { with_header "x-bad", "x-bad" },
    ["a header value with CR"] = { with_header("x-bad", "a\rb"), "x-bad" },
    ["a header value with LF"] = { with_header("x-bad", "a\nb"), "x-bad" },
    ["a header value with NUL"] = { with_header("x-bad", "a\0b"), "x-bad" },
    ["a header value that ends with CRLF"] = { with_header("x-bad", "a\r\n"), "x-bad" },
    ["a bad header behind good ones"] = {
        {
            type = "http.response.start", status = 404, trailers = true,
            headers = { { "x-bad", "1" }, { "content-length", "99" }, { "x-worse", "a\nb" } },
        }, "x-worse",
    },
    ["a body that is a table"] = { { type = "http.response.body", body = {} }, "body", START },
    ["pathsend without a path"] = { { type = "http.response.pathsend" }, "path", START },
    ["pathsend of a path that is not absolute"] = {
        { type = "http.response.pathsend", path = "a/file" }, "path", START,
    },
    ["an informational response behind the start"] = {
        { type = "http.response.informational", status = 103, headers = {} },
        "http.response.informational", START,
    },
    ["an informational response with a final status"] = {
        { type = "http.response.informational", status = 200 }, "status",
    },
}

return function(programs, tools)
    programs.misuse = function(call)
        local case = cases[call.argument]
        local message, word, before = case[1], case[2], case[3]

        if before then
            call.send(before)
        end
        local passed, err = pcall(call.send, message)
        local finding = passed and "passed" or "raised: " .. tostring(err)
        if not passed and tostring(err):find(word, 1, true) then
            finding = "raised and named"
        end
        if not before then
            call.send(START)
        end
        call.send { type = "http.response.body", body = tools.encode { finding = finding } }
    end
end
