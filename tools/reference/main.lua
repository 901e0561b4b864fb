-- main.lua - docs/reference/ from the annotations in lua/ and src/bind/.
-- SPDX-License-Identifier: MIT
--
--     atlas run tools/reference/main.lua [--check]
--
-- Writes the pages; with --check it only says which are out of date.  Exit
-- status 1 if so, or if the annotations don't fit what there really is.

local check = require "tools.reference.check"
local parse = require "tools.reference.parse"
local render = require "tools.reference.render"

local FOLDER = "docs/reference/"
local only_check = ... == "--check"

local function list_files(command)
    local pipe = assert(io.popen(command))
    local paths = {}

    for path in pipe:lines() do
        paths[#paths + 1] = path
    end
    pipe:close()
    return paths
end

local function read(path)
    local file = io.open(path, "rb")
    local text = file and file:read "*a"

    if file then
        file:close()
    end
    return text
end

local function write(path, text)
    local file = assert(io.open(path, "wb"))

    file:write(text)
    file:close()
end

-- Make the pages as they should be; returns what was out of date.
local function update(files)
    local stale = {}

    for _, path in ipairs(list_files("ls " .. FOLDER .. "*.md 2>/dev/null")) do
        if not files[path:match "[^/]+$"] then
            stale[#stale + 1] = path .. ": of no module any more"
            if not only_check then
                os.remove(path)
            end
        end
    end
    for name, text in pairs(files) do
        if read(FOLDER .. name) ~= text then
            stale[#stale + 1] = FOLDER .. name .. ": out of date"
            if not only_check then
                write(FOLDER .. name, text)
            end
        end
    end
    table.sort(stale)
    return stale
end

local paths = list_files "LC_ALL=C find src/bind lua/atlas -name '*.lua' | sort -r"
local all = parse.read(paths)
local problems = check.find_problems(all)
local stale = update(render.render(all))
if only_check then
    for _, line in ipairs(stale) do
        problems[#problems + 1] = line .. ": `make reference`"
    end
end
for _, line in ipairs(problems) do
    print(line)
end
return #problems == 0 and 0 or 1
