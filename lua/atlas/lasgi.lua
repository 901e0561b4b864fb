-- lasgi.lua - the frame in which a LASGI application runs for one request.
-- Loaded by src/lasgi/call.c, which passes the C halves of receive and send.

return function(core, check)
    local receive_from, send_to = core.receive, core.send

    return function(app, scope)
        local function receive()
            return check(receive_from(scope))
        end

        local function send(message)
            return check(send_to(scope, message))
        end

        app(scope, receive, send)
    end
end
