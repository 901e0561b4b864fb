-- probe_websocket.lua - the probe's programs for WebSockets.

-- Those that accept.
local function add_accepting(programs, tools)
    local encode, try_send = tools.encode, tools.try_send

    --- Accepts, tells the scope and the first message, then echoes until the
    --- client leaves, which it reports.
    programs.ws_echo = function(call)
        local first = call.receive()
        local report = call.report

        report.accept = try_send(call.send, {
            type = "websocket.accept", subprotocol = call.argument,
            headers = { { "x-accept", "1" } },
        })
        local told = tools.describe_scope(call.scope)
        told.first = first.type
        call.send { type = "websocket.send", text = encode(told) }
        while true do
            local message = call.receive()
            if message.type ~= "websocket.receive" then
                report.last, report.code, report.reason = message.type, message.code, message.reason
                break
            end
            call.send { type = "websocket.send", text = message.text, bytes = message.bytes }
        end
        report.again = call.receive().type
        report.send = try_send(call.send, { type = "websocket.send", text = "late" })
        report.over = true
    end

    --- "CODE REASON", or nothing: closes at once.
    programs.ws_close = function(call)
        local code, reason = (call.argument or ""):match "^(%d+) (.*)$"

        call.receive()
        call.send { type = "websocket.accept" }
        call.send { type = "websocket.close", code = tonumber(code), reason = reason }
    end

end

-- Those that don't, or do what they may not.
local function add_refusing(programs, tools)
    local encode, try_send = tools.encode, tools.try_send

    programs.ws_refuse = function(call)
        call.receive()
        call.send { type = "websocket.close" }
    end

    programs.ws_refuse_with = function(call)
        call.receive()
        call.send {
            type = "websocket.http.response.start", status = 451,
            headers = { { "x-refused", "1" } },
        }
        call.send { type = "websocket.http.response.body", body = "no" }
    end

    programs.ws_misuse = function(call)
        call.receive()
        local early = try_send(call.send, { type = "websocket.send", text = "x" })
        local unknown = try_send(call.send, { type = "websocket.bogus" })
        call.send { type = "websocket.accept" }
        local twice = try_send(call.send, { type = "websocket.accept" })
        call.send {
            type = "websocket.send",
            text = encode { early = early, unknown = unknown, twice = twice },
        }
        call.send { type = "websocket.close" }
    end
end

return function(programs, tools)
    add_accepting(programs, tools)
    add_refusing(programs, tools)
end
