-- scope.lua - checks of a server: what an application finds in its scope.

local expect = require "atlas.conformance.expect"

local eq, has = expect.eq, expect.has

local M = {}

-- The application.

function M.one_call_a_request(c)
    local id = c:new_id()

    c:ask { probe = "receive", id = id }
    eq(c:report(id).calls, 1, "the number of calls for one request")
end

function M.several_requests_of_a_connection_are_several_calls(c)
    local conn = c:connect()
    local ids = { c:new_id(), c:new_id() }

    for _, id in ipairs(ids) do
        conn:send { probe = "receive", id = id }
        c:read(conn):report()
    end
    for _, id in ipairs(ids) do
        eq(c:report(id).calls, 1, "the number of calls for one request")
    end
end

function M.a_request_that_waits_keeps_nobody_waiting(c)
    local slow = c:send { method = "POST", probe = "echo", headers = { { "Content-Length", "4" } } }

    slow:write "ab"
    eq(c:ask({ probe = "hello" }).probe, "lasgi", "the answer to another request")
    slow:write "cd"
    eq(c:read(slow).body, "abcd", "the body, which came late")
end

function M.spawned_tasks_may_receive_and_send(c)
    c:need_tasks()
    eq(c:request({ method = "POST", probe = "spawned", body = "hello" }).body, "hello",
        "what a spawned task has read and sent")
end

-- Messages.

function M.headers_are_pairs_in_order(c)
    local headers = c:scope({
        headers = {
            { "B-Name", "1" }, { "a-name", "2" }, { "b-NAME", "3" }, { "X-Latin", "\233" },
        },
    }).headers
    local seen = {}

    for i, pair in ipairs(headers) do
        eq(#pair, 2, ("the length of headers[%d]"):format(i))
        if pair[1]:find "name$" or pair[1] == "x-latin" then
            seen[#seen + 1] = pair[1] .. "=" .. pair[2]
        end
    end
    eq(table.concat(seen, " "), "b-name=1 a-name=2 b-name=3 x-latin=\233", "the headers, in order")
end

-- Fields.

function M.every_field_can_be_read_and_listed(c)
    local report = c:ask { probe = "scope" }
    local optional = { client = true, subprotocols = true }

    for _, key in ipairs {
        "type", "lasgi", "asgi", "http_version", "method", "scheme", "path", "raw_path",
        "query_string", "root_path", "headers", "client", "server", "state", "extensions",
    } do
        expect.holds(report.read[key] ~= nil or optional[key], "scope.%s is nil", key)
        eq(report.listed[key] ~= nil, report.read[key] ~= nil,
            ("whether pairs(scope) yields %s"):format(key))
    end
end

function M.what_is_set_is_what_is_read(c)
    local report = c:ask { probe = "set", target = "/as/it/was" }

    eq(report.before, "/as/it/was", "scope.path, before it is set")
    eq(report.path, "/set", "scope.path, once it is set")
    eq(report.header, "x-set", "the name in scope.headers, once they are set")
    eq(report.added, "added", "a field that was added")
    eq(report.listed_path, "/set", "the path that pairs(scope) yields")
    eq(report.listed_added, "added", "the added field that pairs(scope) yields")
end

function M.type_is_http(c)
    eq(c:scope().type, "http", "scope.type")
end

function M.the_version_of_lasgi(c)
    local lasgi = c:scope().lasgi

    eq(lasgi.version, "1.0", "scope.lasgi.version")
    eq(lasgi.spec_version, "1.0", "scope.lasgi.spec_version")
end

function M.the_version_of_asgi(c)
    local asgi = c:scope().asgi

    eq(asgi.version, "3.0", "scope.asgi.version")
    eq(asgi.spec_version, "2.3", "scope.asgi.spec_version")
end

function M.http_version(c)
    eq(c:scope().http_version, "1.1", "scope.http_version")
    eq(c:scope({ version = "1.0" }).http_version, "1.0", "scope.http_version by HTTP/1.0")
end

function M.methods(c)
    for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND" } do
        eq(c:scope({ method = method }).method, method, "scope.method")
    end
end

function M.scheme_is_http(c)
    eq(c:scope().scheme, "http", "scope.scheme")
end

function M.path_is_decoded_once(c)
    local scope = c:scope { target = "/caf%C3%A9/a%20b/%2561/%2F/+?x=%41" }

    eq(scope.path, "/caf\195\169/a b/%61///+", "scope.path")
end

function M.bad_escapes_never_reach_the_application(c)
    for _, target in ipairs { "/%", "/%4", "/%zz", "/a%00b" } do
        local id = c:new_id()
        local response = c:request { target = target, probe = "scope", id = id }
        eq(response.status, 400, "the status for " .. target)
        eq(c:ask({ probe = "report", id = id }).missing, true, "is it unknown to the application")
    end
end

function M.raw_path_is_as_on_the_wire(c)
    eq(c:scope({ target = "/caf%c3%A9/a%20b?x=1" }).raw_path, "/caf%c3%A9/a%20b", "scope.raw_path")
end

function M.raw_path_of_an_absolute_form(c)
    local scope = c:scope { target = "http://" .. c.place.authority .. "/a%41?x=1" }

    eq(scope.raw_path, "/a%41", "scope.raw_path")
    eq(scope.path, "/aA", "scope.path")
    eq(scope.query_string, "x=1", "scope.query_string")
end

function M.raw_path_of_the_asterisk_form(c)
    eq(c:scope({ method = "OPTIONS", target = "*" }).raw_path, "*", "scope.raw_path")
end

function M.query_string_is_not_decoded(c)
    eq(c:scope({ target = "/?a=%41&b=%00+%zz?&a=2" }).query_string, "a=%41&b=%00+%zz?&a=2",
        "scope.query_string")
    eq(c:scope({ target = "/?" }).query_string, "", "scope.query_string behind a bare ?")
    eq(c:scope({ target = "/" }).query_string, "", "scope.query_string without ?")
end

function M.root_path_is_empty_at_the_root(c)
    eq(c:scope().root_path, "", "scope.root_path")
end

function M.client_is_the_peer(c)
    local conn = c:connect()

    conn:send { probe = "scope" }
    local client = c:read(conn):report().read.client
    if c.place.unix then
        return eq(client, nil, "scope.client on a unix socket")
    end
    local host, port = conn.socket:name()
    expect.holds(type(client) == "table", "scope.client is %s", expect.show(client))
    eq(client[1], host, "scope.client[1]")
    eq(client[2], port, "scope.client[2]")
end

function M.server_is_the_listener(c)
    local server = c:scope().server

    expect.holds(type(server) == "table", "scope.server is %s", expect.show(server))
    if c.place.unix then
        has(c.place.unix, server[1]:match "[^/]*$", "the path in scope.server")
        return eq(server[2], nil, "scope.server[2]")
    end
    eq(type(server[1]), "string", "the type of scope.server[1]")
    eq(server[2], c.place.port, "scope.server[2]")
end

function M.requests_see_the_lifespans_state(c)
    local state = c:ask { probe = "state" }

    eq(type(state.lifespan), "table", "the type of what the lifespan has put into scope.state")
end

function M.what_a_request_sets_in_its_state_stays_its_own(c)
    local first = c:ask { probe = "state" }
    local second = c:ask { probe = "state" }

    eq(first.after, "set by a request", "what a request has set, read again")
    eq(second.before, nil, "what another request had set")
end

function M.values_in_the_state_are_shared(c)
    local conn = c:connect() -- one connection, one worker
    local counts = {}

    for i = 1, 2 do
        conn:send { probe = "state" }
        counts[i] = c:read(conn):report().lifespan.requests
    end
    eq(counts[2], counts[1] + 1, "what two requests have counted in a table of the lifespan's")
end

function M.extensions_are_a_table(c)
    eq(type(c:scope().extensions), "table", "the type of scope.extensions")
end

return M
