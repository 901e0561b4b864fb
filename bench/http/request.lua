-- request.lua - what wrk sends: wrk -s request.lua URL -- METHOD DEPTH [BODY]
-- SPDX-License-Identifier: MIT
--
-- DEPTH equal requests in one write, with the file BODY as their body.  Fields
-- are wrk's own -H.  The bytes are made once: wrk has the core to itself, but
-- must not be what is measured.
-- luacheck: globals init request wrk

local bytes

function init(arguments)
    local method, depth, name = arguments[1], tonumber(arguments[2]), arguments[3]
    local body

    if name then
        local file = assert(io.open(name, "rb"))
        body = file:read "*a"
        file:close()
    end
    bytes = wrk.format(method, nil, nil, body):rep(depth)
end

function request()
    return bytes
end
