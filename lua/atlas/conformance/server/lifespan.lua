-- lifespan.lua - checks of a server: what it has done at its start.

local expect = require "atlas.conformance.expect"

local eq = expect.eq

local M = {}

local function seen(c)
    local lifespan = c:ask({ probe = "state" }).lifespan

    expect.holds(type(lifespan) == "table", "nothing of a lifespan is in scope.state")
    return lifespan
end

function M.one_call_for_the_lifespan(c)
    eq(seen(c).calls, 1, "the number of calls for the lifespan")
end

function M.lifespan_has_a_state(c)
    local read = seen(c).scope.read

    eq(read.type, "lifespan", "scope.type")
    eq(type(read.state), "table", "the type of scope.state")
    eq(read.lasgi and read.lasgi.version, "1.0", "scope.lasgi.version")
end

function M.start_up_comes_first(c)
    eq(seen(c).message.type, "lifespan.startup", "the type of the first message")
end

function M.unknown_types_raise(c)
    expect.matches(seen(c).wrong_type, "^raised .*lifespan%.bogus", "what send() does")
end

function M.messages_out_of_order_raise(c)
    expect.matches(seen(c).too_early, "^raised .*lifespan%.shutdown%.complete",
        "what send() does with an answer to what was not asked")
    expect.matches(seen(c).again, "^raised .*lifespan%.startup%.complete",
        "what send() does with a second answer")
end

return M
