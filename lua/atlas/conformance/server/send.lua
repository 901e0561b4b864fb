-- send.lua - checks of a server: what send() takes, and what goes out.

local expect = require "atlas.conformance.expect"
local task = require "atlas.task"

local eq, holds = expect.eq, expect.holds

local M = {}

-- What send() returns and raises.

function M.send_returns_true(c)
    eq(c:request({ probe = "results" }).body, '["true","true"]', "what the first two sends return")
end

local function misuse(...)
    local cases = { ... }

    return function(c)
        for _, case in ipairs(cases) do
            local response = c:request { probe = "misuse", argument = case }
            eq(response:report().finding, "raised and named", "what send() does with " .. case)
            eq(response:header "x-start", "1", "the header of the valid start behind " .. case)
            eq(response:header "x-bad", nil, "the header of the wrong message")
            eq(response.status, 200, "the status")
        end
    end
end

M.unknown_types_raise = misuse("a type that is unknown", "no type", "a type of WebSockets")
M.messages_out_of_order_raise = misuse("a body before the start", "trailers before the start",
    "a second start", "trailers that were not announced",
    "an informational response behind the start")
M.bad_statuses_raise = misuse("a status that is missing", "a status that is a string",
    "a status that is no integer", "status 199", "status 1000")
M.bad_headers_raise = misuse("headers that are no table", "a header that is no pair",
    "an empty header name", "a header value that is missing")
M.bad_bodies_raise = misuse "a body that is a table"
M.names_that_are_no_token_raise = misuse("a header name with a space",
    "a header name with a colon", "a header name beyond ASCII")
M.values_with_CR_LF_or_NUL_raise = misuse("a header value with CR", "a header value with LF",
    "a header value with NUL", "a header value that ends with CRLF")
M.nothing_is_left_of_a_start_that_raises = misuse "a bad header behind good ones"

function M.bad_paths_raise(c)
    c:need_extension "http.response.pathsend"
    misuse("pathsend without a path", "pathsend of a path that is not absolute")(c)
end

function M.bad_informational_statuses_raise(c)
    c:need_extension "http.response.informational"
    misuse "an informational response with a final status" (c)
end

function M.unknown_keys_are_ignored(c)
    eq(c:request({ probe = "keys" }).body, "keys", "the response")
end

function M.another_request_is_served_between_two_sends(c)
    local conn = c:send { probe = "tiny" }
    local finished = false
    local reader = task.spawn(function()
        local response = c:read(conn)
        finished = true
        return response
    end)

    eq(c:ask({ probe = "hello" }).probe, "lasgi", "the answer to another request")
    holds(not finished, "the other request was answered only when all was sent")
    eq(#reader:await().body, 50000, "the length of what was sent in pieces")
end

-- Messages of a response.

function M.status_headers_and_body_go_out(c)
    local response = c:request { probe = "headers" }
    local seen = {}

    eq(response.status, 200, "the status")
    eq(response.body, "headers", "the body")
    for _, pair in ipairs(response.headers) do
        local name = pair[1]:lower()
        if name:find "^x%-" or name == "set-cookie" then
            seen[#seen + 1] = name .. "=" .. pair[2]
        end
    end
    eq(table.concat(seen, " "), "x-b=1 set-cookie=a=1 x-a=2 set-cookie=b=2 x-latin=caf\233",
        "the headers, in order")
end

function M.headers_and_body_may_be_left_out(c)
    local response = c:request { probe = "bare" }

    eq(response.status, 200, "the status")
    eq(response.body, "", "the body")
end

function M.all_statuses_go_out(c)
    for _, status in ipairs { 200, 299, 404, 599, 999 } do
        local response = c:request { probe = "status", argument = tostring(status) }
        eq(response.status, status, "the status")
    end
end

function M.the_response_ends_with_the_last_message(c)
    local response, conn = c:request { probe = "pieces" }

    eq(response.body, "one,two,three", "the body")
    eq(response.cut, nil, "what cut the response")
    conn:send { probe = "hello" }
    eq(c:read(conn):report().probe, "lasgi", "the next response on the connection")
end

function M.nothing_can_be_sent_behind_it(c)
    local id = c:new_id()

    c:request { probe = "after", id = id }
    local sent = c:report(id, function(report)
        return report.over
    end).send
    expect.matches(sent, "^raised .*http%.response%.body", "what send() does behind the response")
end

function M.trailers_go_out(c)
    c:need_extension "http.response.trailers"
    local response = c:request { probe = "trailers", headers = { { "TE", "trailers" } } }

    eq(response.body, "with trailers", "the body")
    eq(expect.show(response.trailers), expect.show { { "x-sum", "1" }, { "x-more", "2" } },
        "the trailers")
end

function M.informational_responses_go_out(c)
    c:need_extension "http.response.informational"
    local response = c:request { probe = "informational" }

    eq(#response.informational, 2, "the number of informational responses")
    for i, early in ipairs(response.informational) do
        eq(early.status, 103, "the status")
        eq(early:header "link", ("</%d.css>; rel=preload"):format(i), "its header")
    end
    eq(response.body, "late", "the body")
end

-- A file.

function M.a_file_is_sent(c)
    c:need_extension "http.response.pathsend"
    eq(c:request({ probe = "pathsend" }).body, "the file's own bytes", "the body")
end

function M.a_file_has_its_length(c)
    c:need_extension "http.response.pathsend"
    eq(c:request({ probe = "pathsend" }):header "content-length", "20", "content-length")
end

function M.a_missing_file_is_a_clean_500(c)
    c:need_extension "http.response.pathsend"
    local response = c:request { probe = "pathsend", argument = "missing" }

    eq(response.status, 500, "the status")
    eq(response:header "x-lost", nil, "a header of the response that was not sent")
    eq(c:request({ probe = "pathsend", argument = "caught" }).body, "caught",
        "what the application may answer instead")
end

-- Errors, and responses that are never completed.

local function leave(c, how, where)
    return c:request { probe = "leave", argument = how .. " " .. where }
end

local function is_clean_500(response)
    eq(response.status, 500, "the status")
    eq(response.cut, nil, "what cut the response")
    eq(response:header "x-lost", nil, "a header of the response that was not sent")
end

local function is_cut(response, conn)
    eq(response.status, 200, "the status of what was sent")
    eq(response.body, "begun", "the body that was sent")
    holds(response.cut, "the client can't tell that the response is cut short")
    holds(conn.ended or conn:closes(), "the connection is not closed")
end

function M.an_error_before_the_start_is_500(c)
    is_clean_500(leave(c, "raise", "nothing"))
    is_clean_500(leave(c, "table", "nothing"))
end

function M.an_error_inside_the_body_cuts_the_response(c)
    is_cut(leave(c, "raise", "begun"))
end

function M.an_error_behind_the_response_changes_nothing(c)
    local response = leave(c, "raise", "done")

    eq(response.status, 200, "the status")
    eq(response.body, "done", "the body")
end

function M.an_error_behind_the_start_is_a_clean_500(c)
    is_clean_500(leave(c, "raise", "held"))
end

function M.to_return_without_a_response_is_500(c)
    is_clean_500(leave(c, "return", "nothing"))
    is_clean_500(leave(c, "return", "held"))
end

function M.to_return_inside_the_body_cuts_the_response(c)
    is_cut(leave(c, "return", "begun"))
end

-- What the server adds, and leaves out.

function M.date_is_added(c)
    expect.matches(c:request({ probe = "one" }):header "date",
        "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", "date")
end

function M.one_message_gets_a_length(c)
    local response = c:request { probe = "one" }

    eq(response:header "content-length", "9", "content-length")
    eq(response:header "transfer-encoding", nil, "transfer-encoding")
end

function M.the_applications_own_length_is_kept(c)
    local response = c:request { probe = "length", argument = "6:abc,def" }

    eq(response:header "content-length", "6", "content-length")
    eq(response:header "transfer-encoding", nil, "transfer-encoding")
    eq(response.body, "abcdef", "the body")
end

function M.several_messages_are_chunked(c)
    local response = c:request { probe = "pieces" }

    eq(response:header "transfer-encoding", "chunked", "transfer-encoding")
    eq(response:header "content-length", nil, "content-length")
    local old, conn = c:request { probe = "pieces", version = "1.0" }
    eq(old:header "transfer-encoding", nil, "transfer-encoding to an HTTP/1.0 client")
    eq(old.body, "one,two,three", "the body to an HTTP/1.0 client")
    holds(conn.ended, "the body to an HTTP/1.0 client doesn't end with the connection")
end

function M.no_body_for_HEAD(c)
    local response, conn = c:request { method = "HEAD", probe = "one" }

    eq(response.status, 200, "the status")
    conn:send { probe = "hello" }
    eq(c:read(conn):report().probe, "lasgi", "what follows the head on the connection")
end

local function no_body(status)
    return function(c)
        local response, conn = c:request { probe = "status", argument = status }

        eq(response.status, tonumber(status), "the status")
        conn:send { probe = "hello" }
        eq(c:read(conn):report().probe, "lasgi", "what follows the head on the connection")
    end
end

M.no_body_for_204 = no_body "204"
M.no_body_for_304 = no_body "304"

function M.no_body_for_1xx(c)
    c:need_extension "http.response.informational"
    local conn = c:send { probe = "informational" }

    c:read(conn) -- which would have taken a body for a head
    eq(conn.buffer, "", "what is left behind the response")
end

local function wrong_length(argument, sent)
    return function(c)
        local id = c:new_id()
        local response, conn = c:request { probe = "length", argument = argument, id = id }

        expect.matches(c:report(id, function(report)
            return report.last
        end).last, "^raised .*content%-length", "what the send() does that makes it wrong")
        holds(sent:find(response.body, 1, true) == 1, "the body that was sent is %s",
            expect.show(response.body))
        holds(response.cut, "the client can't tell that the response is cut short")
        holds(conn.ended or conn:closes(), "the connection is not closed")
    end
end

M.a_body_that_is_too_long_raises = wrong_length("5:abc,defgh", "abc")
M.a_body_that_is_too_short_raises = wrong_length("10:abc,def", "abcdef")

function M.a_wrong_length_found_in_time_is_500(c)
    is_clean_500(c:request { probe = "length", argument = "3:abcdef" })
    is_clean_500(c:request { probe = "length", argument = "10:abc" })
end

function M.hop_by_hop_headers_are_dropped(c)
    local response = c:request { probe = "hop" }
    local connection = (response:header "connection" or ""):lower()

    eq(response.body, "hop", "the body")
    eq(response:header "transfer-encoding", nil, "transfer-encoding")
    eq(response:header "upgrade", nil, "upgrade")
    holds(not (response:header "keep-alive" or ""):find "77", "keep-alive is the application's")
    holds(not connection:find "x%-probe", "connection is %q", connection)
    eq(response:header "x-end", "kept", "the other header")
end


return M
