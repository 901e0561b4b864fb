-- receive.lua - checks of a server: what receive() gives.

local expect = require "atlas.conformance.expect"

local eq, holds = expect.eq, expect.holds

local M = {}

local function check_messages(report, bytes)
    for i, message in ipairs(report.messages) do
        eq(message.type, "http.request", ("the type of message %d"):format(i))
        eq(message.body, "string", ("the type of message %d's body"):format(i))
        eq(message.more_body, "boolean", ("the type of message %d's more_body"):format(i))
    end
    eq(report.bytes, bytes, "the number of bytes of the body")
end

function M.a_body_of_no_bytes(c)
    check_messages(c:ask { probe = "receive" }, 0)
    check_messages(c:ask { method = "POST", probe = "receive", body = "" }, 0)
end

function M.a_body_in_one_piece(c)
    check_messages(c:ask { method = "POST", probe = "receive", body = ("x"):rep(1000) }, 1000)
end

function M.a_body_in_many_pieces(c)
    local conn = c:send {
        method = "POST", probe = "receive", headers = { { "Transfer-Encoding", "chunked" } },
    }

    for _ = 1, 20 do
        conn:write "3\r\nabc\r\n"
        require("atlas.task").sleep(0.002)
    end
    conn:write "0\r\n\r\n"
    check_messages(c:read(conn):report(), 60)
end

function M.a_body_comes_byte_for_byte(c)
    local bytes = {}

    for i = 0, 255 do
        bytes[#bytes + 1] = string.char(i)
    end
    local body = table.concat(bytes):rep(500)
    eq(c:request({ method = "POST", probe = "echo", body = body }).body, body, "the body, echoed")
end

-- More than all that sockets buffer on the way; less can be told from nothing.
local MUCH = 64 * 1024 * 1024

function M.nothing_is_read_that_nobody_asks_for(c)
    local conn = c:send {
        method = "POST", probe = "busy", headers = { { "Transfer-Encoding", "chunked" } },
    }
    local piece = "10000\r\n" .. ("x"):rep(65536) .. "\r\n"
    local taken = 0

    while taken < MUCH do
        local ok, code = conn:write(piece, 0.5)
        if not ok then
            holds(code == "ETIMEDOUT", "the server ends the request, whose body nobody asked for")
            break
        end
        taken = taken + 65536
    end
    holds(taken < MUCH, "the server has taken %d bytes that the application did not ask for", taken)
end

function M.a_body_that_nobody_reads_is_drained_or_the_connection_closes(c)
    local conn = c:send { method = "POST", probe = "unread", body = ("x"):rep(1000) }

    eq(c:read(conn).body, "unread", "the response")
    conn:send { probe = "hello" }
    local response, code = conn:read()
    holds(response or code ~= "ETIMEDOUT", "the connection is neither of use nor closed")
    if response then
        eq(response:report().probe, "lasgi", "the next response on the connection")
    end
end

local function leave(c, method, headers, body)
    local id = c:new_id()
    local conn = c:send {
        method = method, probe = "hold", id = id, headers = headers, body = body,
    }

    c:report(id, function(report)
        return report.holding
    end, "the body has not been read")
    conn:reset()
    return c:report(id, function(report)
        return report.over
    end, "receive() doesn't tell that the client has gone")
end

function M.a_client_that_leaves_is_told(c)
    eq(leave(c, "GET").first, "http.disconnect", "what receive() gives")
end

function M.a_client_that_leaves_inside_the_body_is_told(c)
    local id = c:new_id()
    local conn = c:send {
        method = "POST", probe = "receive", id = id, headers = { { "Content-Length", "100" } },
    }

    conn:write "some"
    c:report(id)
    conn:reset()
    local report = c:report(id, function(it)
        return it.messages
    end, "receive() doesn't tell that the client has gone")
    eq(report.messages[#report.messages].type, "http.disconnect", "what receive() gives")
end

function M.every_later_receive_tells_it_again(c)
    eq(leave(c, "POST", nil, "x").second, "http.disconnect", "what the second receive() gives")
end

function M.a_complete_response_is_a_disconnect(c)
    local id = c:new_id()

    eq(c:request({ probe = "after", id = id }).body, "complete", "the response")
    local report = c:report(id, function(it)
        return it.over
    end, "receive() doesn't return behind the response")
    eq(report.first, "http.disconnect", "what receive() gives")
    eq(report.second, "http.disconnect", "what the second receive() gives")
end

function M.two_tasks_in_receive(c)
    c:need_tasks()
    expect.matches(c:ask({ method = "POST", probe = "two", body = "x" }).second, "^raised ",
        "what the second task's receive() does")
end

function M.behind_the_last_piece_receive_waits(c)
    c:need_tasks()
    local id = c:new_id()

    eq(c:ask({ method = "POST", probe = "two", body = "x", id = id }).first_waits, "waiting",
        "the task that is in receive() behind the last piece")
    eq(c:report(id, function(report)
        return report.first
    end, "it isn't woken").first, "http.disconnect", "what it gets when the response is complete")
end

local function spoil(c, bytes, status)
    local id = c:new_id()
    local conn = c:send {
        method = "POST", probe = "receive", id = id,
        headers = { { "Transfer-Encoding", "chunked" } },
    }

    conn:write "3\r\nabc\r\n"
    conn:write(bytes)
    eq(c:read(conn).status, status, "the status of the server's own answer")
    local report = c:report(id, function(it)
        return it.sent
    end, "receive() doesn't tell that no more will come")
    eq(report.messages[#report.messages].type, "http.disconnect", "what receive() gives")
    expect.matches(report.sent, "^nil ", "what send() does then")
end

function M.a_malformed_body_is_400(c)
    spoil(c, "no size\r\n", 400)
end

function M.a_body_that_is_too_large_is_413(c)
    spoil(c, "fffffffffffffff\r\n", 413)
end

function M.a_body_that_is_too_slow_is_408(c)
    if not c.patience then
        expect.skip "how long a body may take is the server's own limit: give --patience SECONDS"
    end
    local id = c:new_id()
    local conn = c:send {
        method = "POST", probe = "receive", id = id, headers = { { "Content-Length", "100" } },
    }
    conn:write "some"
    local response, code = conn:read("POST", c.patience)
    holds(response, "there is no answer within %g s: %s", c.patience, code)
    eq(response.status, 408, "the status of the server's own answer")
    local report = c:report(id, function(it)
        return it.sent
    end, "receive() doesn't tell that no more will come")
    eq(report.messages[#report.messages].type, "http.disconnect", "what receive() gives")
    expect.matches(report.sent, "^nil ", "what send() does then")
end

-- send(), once the client has gone.

function M.a_client_that_has_gone_is_nil_and_ECLOSED(c)
    eq(leave(c, "POST", nil, "x").sends[1], "nil ECLOSED", "what the first send() does")
end

function M.to_go_on_sending_raises_it(c)
    local sends = leave(c, "POST", nil, "x").sends

    eq(sends[3], "raised ECLOSED", "what the second send() behind that does")
end

function M.other_checkpoints_of_a_GET_raise(c)
    c:need_tasks()
    eq(leave(c, "GET").checkpoint, "ECANCELED", "what a checkpoint does")
end

function M.a_GET_hears_it_from_receive_and_send(c)
    local report = leave(c, "GET")

    eq(report.first, "http.disconnect", "what receive() gives")
    eq(report.sends[1], "nil ECLOSED", "what send() does")
end

function M.other_methods_run_on(c)
    c:need_tasks()
    eq(leave(c, "POST", nil, "x").checkpoint, "passed", "what a checkpoint does")
end

function M.send_waits_for_a_slow_client(c)
    local id = c:new_id()
    local conn = c:send { probe = "paced", id = id }
    local last, report = -1

    repeat -- until nothing more goes out
        require("atlas.task").sleep(0.3)
        report = c:report(id, function(it)
            return it.sent
        end)
        local moved = report.sent > last
        last = report.sent
    until not moved
    holds(last < 268435456, "all %d bytes were sent to a client that reads none of them", last)
    conn:reset()
    report = c:report(id, function(it)
        return it.over
    end, "a send() that waits doesn't end with the client")
    eq(report.sends[1], "nil ECLOSED", "what the send() does that waited")
end

return M
