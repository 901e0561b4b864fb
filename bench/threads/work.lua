-- work.lua - what the threads do.
-- SPDX-License-Identifier: MIT

local M = {}

function M.id(...)
    return ...
end

-- Some milliseconds of plain arithmetic.
function M.primes(limit)
    local count = 0

    for n = 2, limit do
        local is_prime = true
        for d = 2, math.floor(n ^ 0.5) do
            if n % d == 0 then
                is_prime = false
                break
            end
        end
        count = count + (is_prime and 1 or 0)
    end
    return count
end

return M
