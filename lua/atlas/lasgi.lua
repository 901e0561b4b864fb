-- lasgi.lua - the frame in which a LASGI application runs for one request.
-- Loaded by src/lasgi/call.c, which passes the C halves of receive and send,
-- the tag with which they ask for an error to be raised, and what raises it.
-- Fixed numbers of values, since this runs for each request: `...` is slow.

return function(receive_from, send_to, RAISE, raise)
    return function(app, scope)
        local function receive()
            local message, kind, value, trace = receive_from(scope)

            if message == RAISE then
                raise(kind, value, trace)
            end
            return message
        end

        local function send(message)
            local ok, err, value, trace = send_to(scope, message)

            if ok == RAISE then
                raise(err, value, trace)
            end
            return ok, err
        end

        app(scope, receive, send)
    end
end
