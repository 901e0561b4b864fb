-- work.lua - computing on libuv's threads.
local uv = require "luv"

local results, left = {}, 8
local work = uv.new_work(function(n)
    local a, b = 0, 1
    for _ = 1, n do
        a, b = b, a + b
    end
    return n, a
end, function(n, value)
    results[n] = value
    left = left - 1
    if left == 0 then
        print(table.concat(results, " "))
    end
end)
for n = 1, left do
    work:queue(n)
end
print("run", uv.run())
