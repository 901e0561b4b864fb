-- harness.lua - run one workload and print what an operation of it costs.
-- SPDX-License-Identifier: MIT
--
-- A workload is a function (n) that does `n` operations (a multiple of 1,000)
-- and returns when they are done.  `NAME COUNT` runs it once, so that callgrind
-- can compare two counts; `NAME COUNT PASSES` prints a line
--     ns of processor time of each pass ... ; bytes of garbage an operation

local clock = os.clock

local function bytes()
    return collectgarbage "count" * 1024
end

-- Bytes that an operation leaves to the collector, which is off meanwhile.
local function garbage(workload, n)
    collectgarbage()
    collectgarbage()
    collectgarbage "stop"
    local before = bytes()
    workload(n)
    local after = bytes()
    collectgarbage "restart"
    return (after - before) / n
end

return function(workloads)
    local workload = workloads[arg[1]] or error("no workload " .. tostring(arg[1]))
    local n, passes = tonumber(arg[2]), tonumber(arg[3])

    if not passes then
        workload(n)
        return
    end
    local figures = {}
    workload(n)
    for i = 1, passes do
        collectgarbage()
        local started = clock()
        workload(n)
        figures[i] = ("%.2f"):format((clock() - started) / n * 1e9)
    end
    print(table.concat(figures, " ") .. " ; " .. ("%.1f"):format(garbage(workload, n)))
end
