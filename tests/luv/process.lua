-- process.lua - a child process, its pipes and its end.
local uv = require "luv"

local function collect(pipe, done)
    local parts = {}
    pipe:read_start(function(err, chunk)
        assert(not err, err)
        if chunk then
            parts[#parts + 1] = chunk
        else
            pipe:close()
            done(table.concat(parts))
        end
    end)
end

local function run(options, input, done)
    local stdin, stdout, stderr = uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false)
    local left, result = 3, {}
    local function finish(key, value)
        result[key] = value
        left = left - 1
        if left == 0 then
            done(result)
        end
    end

    options.stdio = { stdin, stdout, stderr }
    local process, pid
    process, pid = uv.spawn(options.file, options, function(code, signal)
        process:close()
        finish("status", ("%d %d"):format(code, signal))
    end)
    assert(process, pid)
    collect(stdout, function(text)
        finish("out", text)
    end)
    collect(stderr, function(text)
        finish("err", text)
    end)
    if input then
        stdin:write(input)
    end
    stdin:shutdown(function()
        stdin:close()
    end)
    return process
end

run({ file = "cat" }, "from the parent\n", function(result)
    io.write(result.out)
    print(result.status)
    run({
        file = "sh",
        args = { "-c", "echo $WORD; pwd; echo trouble >&2; exit 7" },
        env = { "WORD=set" },
        cwd = "/",
    }, nil, function(second)
        io.write(second.out, second.err)
        print(second.status)
        local sleeper
        sleeper = run({ file = "sleep", args = { "1000" } }, nil, function(third)
            print(third.status)
        end)
        sleeper:kill "sigterm"
    end)
end)
print("run", uv.run())
