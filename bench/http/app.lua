-- app.lua - the application that bench/http measures.
-- SPDX-License-Identifier: MIT

-- Each request its own tables, as an application would make them.
local function plaintext(send)
    send {
        type = "http.response.start",
        status = 200,
        headers = { { "content-type", "text/plain" } },
    }
    send { type = "http.response.body", body = "Hello, World!" }
end

local function not_found(send)
    send { type = "http.response.start", status = 404 }
    send { type = "http.response.body", body = "" }
end

local routes = {
    ["/plaintext"] = plaintext,
}

local function app(scope, _receive, send)
    if scope.type == "http" then
        (routes[scope.path] or not_found)(send)
    end
end

return { app = app }
