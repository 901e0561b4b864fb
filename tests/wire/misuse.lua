--- misuse.lua - messages that an application may not send.
-- SPDX-License-Identifier: MIT
--
-- Each row: the wrong message, the word that the error has to name, and, where
-- it has to stand behind one, the response's start.  The error leaves the
-- connection as it was, so the finding itself is the answer.

local M = {}

local START = {type = "http.response.start", status = 200, headers = {{"x-start", "1"}}}

local function with_status(status)
    return {type = "http.response.start", status = status, headers = {}}
end

local function with_header(...)
    return {type = "http.response.start", status = 200, headers = {{...}}}
end

local CASES = {
    ["unknown-type"] = {{type = "http.response.bogus"}, "http.response.bogus"},
    ["no-type"] = {{status = 200}, "type"},
    ["not-a-table"] = {"http.response.start", ""},
    ["websocket-type"] = {{type = "websocket.send", text = "x"}, "websocket.send"},

    ["body-first"] = {{type = "http.response.body", body = "x"}, "http.response.body"},
    ["trailers-first"] = {
        {type = "http.response.trailers", headers = {}}, "http.response.trailers",
    },
    ["pathsend-first"] = {{type = "http.response.pathsend", path = "/"}, "http.response.pathsend"},
    ["second-start"] = {START, "http.response.start", START},
    ["trailers-unannounced"] = {
        {type = "http.response.trailers", headers = {}}, "http.response.trailers", START,
    },
    ["informational-late"] = {
        {type = "http.response.informational", status = 103, headers = {}},
        "http.response.informational", START,
    },

    ["status-missing"] = {with_status(nil), "status"},
    ["status-string"] = {with_status("200"), "status"},
    ["status-fraction"] = {with_status(200.5), "status"},
    ["status-0"] = {with_status(0), "status"},
    ["status-199"] = {with_status(199), "status"},
    ["status-1000"] = {with_status(1000), "status"},
    ["status-negative"] = {with_status(-200), "status"},
    ["informational-200"] = {{type = "http.response.informational", status = 200}, "status"},
    ["informational-99"] = {{type = "http.response.informational", status = 99}, "status"},
    ["informational-101"] = {{type = "http.response.informational", status = 101}, "status"},
    ["informational-header"] = {
        {type = "http.response.informational", status = 103, headers = {{"x-bad", "a\nb"}}},
        "x-bad",
    },

    ["headers-string"] = {{type = "http.response.start", status = 200, headers = "x"}, "headers"},
    ["header-string"] = {
        {type = "http.response.start", status = 200, headers = {"x: y"}}, "header",
    },
    ["name-empty"] = {with_header("", "v"), "header"},
    ["name-space"] = {with_header("x bad", "v"), "x bad"},
    ["name-colon"] = {with_header("x-bad:", "v"), "x-bad:"},
    ["name-lf"] = {with_header("x-bad\nx", "v"), "x-bad"},
    ["name-latin"] = {with_header("x-b\228d", "v"), "x-b"},
    ["name-table"] = {with_header({}, "v"), "header"},
    ["value-missing"] = {with_header("x-bad"), "x-bad"},
    ["value-table"] = {with_header("x-bad", {}), "x-bad"},
    ["value-cr"] = {with_header("x-bad", "a\rb"), "x-bad"},
    ["value-lf"] = {with_header("x-bad", "a\nb"), "x-bad"},
    ["value-nul"] = {with_header("x-bad", "a\0b"), "x-bad"},
    ["value-crlf-end"] = {with_header("x-bad", "a\r\n"), "x-bad"},
    ["bad-behind-good"] = {
        {
            type = "http.response.start", status = 404, trailers = true,
            headers = {
                {"x-bad", "1"}, {"connection", "close"}, {"content-length", "99"},
                {"date", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"x-worse", "a\nb"},
            },
        }, "x-worse",
    },

    ["content-length-word"] = {with_header("content-length", "five"), "content-length"},
    ["content-length-negative"] = {with_header("content-length", "-5"), "content-length"},
    ["content-length-twice"] = {
        {
            type = "http.response.start", status = 200,
            headers = {{"content-length", "5"}, {"content-length", "6"}},
        }, "content-length",
    },

    ["body-table"] = {{type = "http.response.body", body = {}}, "body", START},
    ["path-missing"] = {{type = "http.response.pathsend"}, "path", START},
    ["path-table"] = {{type = "http.response.pathsend", path = {}}, "path", START},
}

--- Do what row `name` says and answer with what came of it.
---@param name string
---@param send fun(message: table): true?, any
function M.answer(name, send)
    local row = CASES[name]
    local message, word, before = row[1], row[2], row[3]
    if before then
        send(before)
    end
    local ok, err = pcall(send, message)
    local finding = ok and "passed" or "raised: " .. tostring(err)
    if not ok and tostring(err):find(word, 1, true) then
        finding = "raised and named"
    end
    if not before then
        send({type = "http.response.start", status = 200, headers = {{"x-start", "1"}}})
    end
    send({type = "http.response.body", body = finding})
end

return M
