-- checks.lua - checks of an application, over what came of all runs of it.
--
-- `a` holds them: a.runs (runs.lua), a.lifespan (lifespan.lua), a.websocket.

local expect = require "atlas.conformance.expect"

local eq, fail, holds = expect.eq, expect.fail, expect.holds

local M = {}

-- A check that no run has broken the rule of this name.
local function rule(name)
    return function(a)
        for _, record in ipairs(a.runs:all()) do
            if record.problems[name] then
                fail("%s: %s", record.name, record.problems[name])
            end
        end
    end
end

-- The same for the lifespan as well.
local function rule_everywhere(name)
    local of_requests = rule(name)

    return function(a)
        if a.lifespan.problems[name] then
            fail("the lifespan: %s", a.lifespan.problems[name])
        end
        of_requests(a)
    end
end

for _, name in ipairs {
    "headers_are_pairs", "names_are_tokens", "values_are_lines", "names_are_lower_case",
    "flags_are_booleans", "statuses_are_integers", "nothing_behind_the_end",
    "extensions_that_are_offered", "lengths_agree", "bodies_are_strings",
    "trailers_that_were_announced", "paths_are_absolute", "one_receive_at_a_time",
    "stops_sending", "stops_receiving",
} do
    M[name] = rule(name)
end
for _, name in ipairs { "messages_are_tables", "types_are_known", "messages_in_order" } do
    M[name] = rule_everywhere(name)
end

-- Does the request end with a whole response?
local function check_whole(record)
    if not record.in_time then
        fail("%s: it has not ended in time, with %s", record.name,
            record.state == "done" and "its response complete" or "its response incomplete")
    elseif record.raised then
        fail("%s: it raises %s", record.name, tostring(record.raised.error))
    end
    eq(record.state, "done", record.name .. ": the state of the response at the end")
end

function M.every_request_gets_a_whole_response(a)
    for _, record in ipairs(a.runs.whole) do
        check_whole(record)
    end
end

function M.HEAD_gets_a_response(a)
    for _, record in ipairs(a.runs.whole) do
        if record.method == "HEAD" then
            check_whole(record)
        end
    end
end

function M.a_client_may_have_no_address(a)
    check_whole(a.runs:get "GET on a unix socket")
end

function M.a_path_may_have_any_bytes(a)
    check_whole(a.runs:get "GET of a path that can't be")
end

function M.a_query_may_be_anything(a)
    check_whole(a.runs:get "GET with a query")
end

function M.old_clients_get_a_response(a)
    check_whole(a.runs:get "GET by HTTP/1.0")
end

function M.nothing_depends_on_extensions(a)
    check_whole(a.runs:get "GET without extensions")
end

function M.methods_it_does_not_serve_get_a_response(a)
    for _, record in ipairs(a.runs.whole) do
        if record.method ~= "GET" then
            check_whole(record)
        end
    end
end

-- Two recordings of what should be the same, unless it is different each time.
local function check_same(a, one, other, one_again)
    local first, second = a.runs:get(one), a.runs:get(other)
    local again = a.runs:get(one_again)

    holds(first.status, "%s: there is no response", one)
    eq(second.status, first.status, ("the status of %s, compared with %s"):format(other, one))
    if first.content == again.content then
        eq(second.content, first.content, ("the body of %s, compared with %s"):format(other, one))
    end
end

function M.unknown_keys_change_nothing(a)
    local path = a.paths[1]

    check_same(a, "GET " .. path, "GET with unknown keys", "GET again")
end

function M.pieces_are_put_together(a)
    check_same(a, "POST in one piece", "POST in many pieces", "POST in one piece again")
end

function M.a_body_may_have_no_bytes(a)
    check_whole(a.runs:get "POST of no body")
end

function M.it_ends_when_the_client_has_gone(a)
    for _, record in ipairs(a.runs.leaving) do
        holds(record.in_time, "%s: it goes on", record.name)
    end
end

function M.two_requests_at_a_time(a)
    for _, record in ipairs(a.runs.together) do
        check_whole(record)
    end
    eq(a.runs:get("a GET meanwhile").status, a.runs:get("GET again").status,
        "the status of a GET while a POST waits for its body")
end

function M.a_scope_of_an_unknown_type_ends(a)
    holds(a.runs.unknown.in_time, "it is still busy with a scope of the type 'lasgi.unknown'")
end

-- The lifespan.

local function need_lifespan(a)
    if a.lifespan.does_without then
        expect.skip "the application does without a lifespan"
    end
end

function M.start_up_is_answered(a)
    local life = a.lifespan

    need_lifespan(a)
    holds(life.started_in_time and not life.is_parked, "no answer to lifespan.startup")
    if life.job.raised and not life.is_stopping then
        fail("it raises after its first receive: %s", tostring(life.job.raised.error))
    end
    holds(life.answers.startup, "it returns without an answer to lifespan.startup")
    local answer = life.answers.startup
    if answer.type == "lifespan.startup.failed" then
        fail("the application has not started: %s", tostring(answer.message))
    end
end

function M.shutdown_is_answered(a)
    local life = a.lifespan

    need_lifespan(a)
    if not life.is_stopping then
        expect.skip "it had ended before the shutdown"
    end
    holds(life.stopped_in_time, "no answer to lifespan.shutdown")
    if life.job.raised then
        fail("it raises while it stops: %s", tostring(life.job.raised.error))
    end
    holds(life.answers.shutdown, "it returns without an answer to lifespan.shutdown")
    eq(life.answers.shutdown.type, "lifespan.shutdown.complete", "its answer to lifespan.shutdown")
end

function M.a_failure_has_a_message(a)
    need_lifespan(a)
    if a.lifespan.problems.messages_of_failures then
        fail("%s", a.lifespan.problems.messages_of_failures)
    end
end

-- WebSockets.

local function websocket_rule(name)
    return function(a)
        if not a.websocket.taken then
            expect.skip "the application takes no websocket scope"
        end
        if a.websocket.problems[name] then
            fail("%s", a.websocket.problems[name])
        end
    end
end

for _, name in ipairs {
    "websocket_messages_in_order", "websocket_messages_are_well_formed",
    "websocket_ends_with_the_client",
} do
    M[name] = websocket_rule(name)
end

return M
