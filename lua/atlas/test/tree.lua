-- tree.lua - the blocks and tests of a file, as its code names them.
--
-- A node is a block ("file", "describe", "insulate", "expose") or a test ("it",
-- "pending").  What describes it is called at once; only the body of an
-- insulated block waits until its turn, since it requires modules of its own.

local M = {}

--- The block whose body runs now, or nil: what `it` and its kind add to.
M.current = nil

local OPTIONS = {
    clock = "string", patience = "number", timeout = "number", leaks = "boolean",
}

local function check_option(word, name, value)
    local want = OPTIONS[name]

    if not want then
        error(("%s: there is no option '%s'"):format(word, tostring(name)), 4)
    elseif type(value) ~= want then
        error(("%s: %s is a %s, got %s"):format(word, name, want, type(value)), 4)
    elseif name == "clock" and value ~= "virtual" and value ~= "real" then
        error(("%s: clock is 'virtual' or 'real'"):format(word), 4)
    elseif want == "number" and not (value >= 0 and value <= 1e6) then
        error(("%s: %s is in seconds, from 0 to 1e6"):format(word, name), 4)
    end
end

local function find_tags(name, tags)
    for tag in name:gmatch "#([%w_%-]+)" do
        tags[tag] = true
    end
    return tags
end

-- The user's line: the first that isn't Atlas's own.
local function find_place()
    local level = 2
    local info

    repeat
        level = level + 1
        info = debug.getinfo(level, "Sl")
    until not info or (info.currentline > 0 and not info.source:find("@<atlas>/", 1, true))
    if not info then
        return nil
    end
    return info.short_src, info.currentline
end

local function new_node(kind, name, options, parent)
    local path, line = find_place()

    return {
        kind = kind,
        name = name,
        parent = parent,
        full_name = parent and parent.full_name ~= "" and parent.full_name .. " " .. name or name,
        tags = find_tags(name, setmetatable({}, { __index = parent and parent.tags })),
        options = setmetatable(options or {}, { __index = parent and parent.options }),
        path = path,
        line = line,
    }
end

--- A block without a parent: a file, whose options are those of the command.
function M.new_file(path, options, fn)
    local block = new_node("file", "", {}, { full_name = "", tags = {}, options = options })

    block.parent, block.path, block.line, block.fn = nil, path, nil, fn
    block.children = {}
    block.hooks = {}
    return block
end

--- Run the body of a block, which adds to it.  Returns true, or false, the
--- error and its traceback.
function M.collect(block)
    local outer, trace = M.current, nil
    local fn = block.fn

    if not fn then
        return true
    end
    block.fn = nil
    M.current = block
    local ok, err = xpcall(fn, function(err)
        trace = require("atlas.task").current():traceback()
        return err
    end)
    M.current = outer
    return ok, err, trace
end

local function check_place(word)
    if not M.current then
        error(("'%s' stands in a file of tests or in a block, not in a test"):format(word), 3)
    end
end

local function check_name(word, name)
    if type(name) ~= "string" then
        error(("%s: the name is a string, got %s"):format(word, type(name)), 3)
    end
end

local function split(word, options, fn)
    if fn == nil and type(options) ~= "table" then
        return nil, options
    end
    for name, value in pairs(options or {}) do
        check_option(word, name, value)
    end
    return options, fn
end

--- Add a block, called `word`, and run its body.
function M.add_block(word, kind, name, options, fn)
    check_place(word)
    check_name(word, name)
    options, fn = split(word, options, fn)
    if type(fn) ~= "function" then
        error(("%s: a function is its body, got %s"):format(word, type(fn)), 2)
    end
    local block = new_node(kind, name, options, M.current)
    block.fn = fn
    block.children = {}
    block.hooks = {}
    table.insert(M.current.children, block)
    if kind == "insulate" then
        return
    end
    local ok, err, trace = M.collect(block)
    if not ok then
        block.failure = { err = err, trace = trace }
    end
end

--- Add a test.
function M.add_test(word, name, options, fn)
    check_place(word)
    check_name(word, name)
    options, fn = split(word, options, fn)
    if fn ~= nil and type(fn) ~= "function" then
        error(("%s: a function is its body, got %s"):format(word, type(fn)), 2)
    end
    local test = new_node(fn and word ~= "pending" and "it" or "pending", name, options, M.current)
    test.fn = fn
    table.insert(M.current.children, test)
end

--- Add a function that is run around tests: `when` is "setup", "teardown",
--- "before_each" or "after_each".
function M.add_hook(word, when, fn)
    check_place(word)
    if type(fn) ~= "function" then
        error(("%s: a function expected, got %s"):format(word, type(fn)), 2)
    end
    local hooks = M.current.hooks
    hooks[when] = hooks[when] or {}
    table.insert(hooks[when], fn)
end

return M
