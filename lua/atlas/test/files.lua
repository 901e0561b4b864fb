-- files.lua - the files of tests that are meant by a path.

local core = require "atlas.test.core"

local M = {}

local DEFAULTS = { "tests", "spec" }

local function is_test(name)
    return name:find "_test%.lua$" or name:find "_spec%.lua$"
end

-- Append the files of tests in a folder and below it, in order of their names.
local function walk(folder, files)
    local names = assert(core.list(folder))

    table.sort(names)
    for _, name in ipairs(names) do
        local inner = name:match "^([^.].*)/$"
        local path = (folder:gsub("/$", "")) .. "/" .. (inner or name)
        if inner then
            walk(path, files)
        elseif is_test(name) then
            files[#files + 1] = (path:gsub("^%./", ""))
        end
    end
end

--- The files of these paths: a file is meant as it is, a folder means the
--- *_test.lua and *_spec.lua in it and below.  nil and a message if there is no
--- such path.
function M.find(paths)
    local files = {}

    if #paths == 0 then
        for _, path in ipairs(DEFAULTS) do
            if core.kind(path) == "folder" then
                paths[#paths + 1] = path
            end
        end
        if #paths == 0 then
            return nil, "there is no folder 'tests' or 'spec' here; 'atlas help test' tells more"
        end
    end
    for _, path in ipairs(paths) do
        local kind, err = core.kind(path)
        if not kind then
            return nil, tostring(err)
        elseif kind == "folder" then
            walk(path, files)
        else
            files[#files + 1] = path
        end
    end
    return files
end

return M
