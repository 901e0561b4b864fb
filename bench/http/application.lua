-- application.lua - the same as app.lua with atlas.Application.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local app = atlas.Application()

app:get("/plaintext", function()
    return "Hello, World!"
end)

app:get("/json", function()
    return { message = "Hello, World!" }
end)

app:get("/users/{id:int}/posts/{slug}", function(_, id, slug)
    return { id = id, slug = slug }
end)

app:post("/echo", function(request)
    return assert(request:json())
end)

app:get("/timer", function()
    atlas.sleep(0.001)
    return "Hello, World!"
end)

return { app = app }
