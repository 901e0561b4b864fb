-- parse.lua - the annotations of Lua files, as data.
-- SPDX-License-Identifier: MIT
--
-- Understood are the LuaCATS tags that Atlas uses: @class, @field, @param,
-- @return, @async, @overload, @private and @meta.  What follows a tag without a
-- tag of its own belongs to it.  A class in lower case, such as atlas.task, is a
-- module; what it holds goes on its page.  A function of another class is
-- static if it is declared with a dot.  An @overload of a class is how its
-- objects are made: `atlas.Route(path, handler)`.

local M = {}

-- Where the type at the start of `text` ends: spaces count inside of brackets
-- and quotes, and behind `fun(...):`.
local function end_of_type(text)
    local depth, i = 0, 1

    while i <= #text do
        local c = text:sub(i, i)
        if c == '"' then
            i = text:find('"', i + 1, true) or #text
        elseif c:find "[%({%[<]" then
            depth = depth + 1
        elseif c:find "[%)}%]>]" then
            depth = depth - 1
        elseif c == " " and depth == 0 and not text:sub(1, i - 1):find "[:|,]$" then
            return i - 1
        end
        i = i + 1
    end
    return #text
end

local function split_type(text)
    local last = end_of_type(text)

    return text:sub(1, last), text:sub(last + 1)
end

local tags = {}

function tags.class(doc, rest)
    doc.class = rest:match "^[%w_.]+"
end

function tags.async(doc)
    doc.async = true
end

-- What only Atlas's own modules use.
function tags.private(doc)
    doc.private = true
end

function tags.meta(doc)
    doc.meta = true
end

-- ---@field name type  text; `private` ones are nobody's business.  What
-- stands in brackets instead of a name is the type of the keys.
function tags.field(doc, rest)
    local name, more = rest:match "^([%w_]+%??)%s+(.*)$"
    if not name then
        name, more = rest:match "^(%b[])%s+(.*)$"
    end
    local type, text = split_type(more)

    if name == "private" then
        return
    end
    local field = { name = name, type = type, text = text:match "^%s*(.*)$" }
    doc.fields[#doc.fields + 1] = field
    return field
end

-- ---@param name type  text
function tags.param(doc, rest)
    local name, optional, more = rest:match "^([%w_.]+)(%??)%s+(.*)$"
    local type, text = split_type(more)
    local param = { name = name, type = type .. optional, text = text:match "^%s*(.*)$" }

    doc.params[#doc.params + 1] = param
    return param
end

-- ---@return type name  text; two spaces behind the type: it has no name.
tags["return"] = function(doc, rest)
    local type, more = split_type(rest)
    local name, text = more:match "^ ([%w_.]+)%s*(.*)$"
    local result = { name = name, type = type, text = text or more:match "^%s*(.*)$" }

    doc.returns[#doc.returns + 1] = result
    return result
end

-- The parts of "a: T, b?: fun(c: U, d: V)": commas count outside of brackets.
local function split_list(text)
    local parts, depth, first = {}, 0, 1

    for i = 1, #text do
        local c = text:sub(i, i)
        if c:find "[%({%[<]" then
            depth = depth + 1
        elseif c:find "[%)}%]>]" then
            depth = depth - 1
        elseif c == "," and depth == 0 then
            parts[#parts + 1] = text:sub(first, i - 1)
            first = i + 1
        end
    end
    parts[#parts + 1] = text:match("%S.*", first)
    return parts
end

-- ---@overload fun(name: type, ...): type  text
function tags.overload(doc, rest)
    local type, text = split_type(rest)
    local list, result = type:match "^fun(%b()):%s*(.*)$"
    local call = { text = text:match "^%s*(.*)$", params = {}, returns = {} }

    for i, part in ipairs(split_list(list:sub(2, -2))) do
        local name, optional, kind = part:match "^%s*([%w_]+)(%??):%s*(.*)$"
        call.params[i] = { name = name, type = kind .. optional, text = "" }
    end
    call.returns[1] = { type = result, text = "" }
    doc.calls[#doc.calls + 1] = call
    return call
end

local function new_doc(file, line)
    return {
        file = file,
        line = line,
        text = {},
        fields = {},
        params = {},
        returns = {},
        calls = {},
    }
end

-- Add a line of a comment, without its dashes.
local function add(doc, line)
    local tag, rest = line:match "^@(%a+)%s*(.*)$"

    if tag then
        if not tags[tag] then
            error(("%s:%d: unknown tag @%s"):format(doc.file, doc.line, tag), 0)
        end
        doc.last = tags[tag](doc, rest)
        doc.in_tags = true
    elseif doc.in_tags and doc.last then
        doc.last.text = doc.last.text .. " " .. line:match "^%s*(.*)$"
    else
        doc.text[#doc.text + 1] = line:gsub("^ ", "")
    end
end

-- What the line of code behind a comment declares: the variable, the name in
-- it, is it a method, and the arguments (nil: not known).
local function read_declaration(code)
    local owner, sep, name, args = code:match "^function ([%w_]+)([.:])([%w_]+)(%b())"

    if owner then
        return owner, name, sep == ":", args:sub(2, -2)
    end
    owner, name = code:match "^([%w_]+)%.([%w_]+) = "
    if owner then
        return owner, name
    end
    return code:match "^local ([%w_]+)"
end

-- A class may be declared in several files; its page is that of the first one
-- that describes it.
local function get_class(all, name, file)
    local class = all.classes[name]

    if not class then
        class = { name = name, file = file, text = {}, fields = {}, functions = {}, calls = {} }
        class.is_module = name:find "^atlas%.%l[%w_]*$" ~= nil
        all.classes[name] = class
        all.order[#all.order + 1] = class
    end
    return class
end

local function merge_class(class, doc)
    if #doc.text > 0 then
        class.text = doc.text
        class.file, class.line = doc.file, doc.line
    end
    for _, field in ipairs(doc.fields) do
        class.fields[#class.fields + 1] = field
    end
    for _, call in ipairs(doc.calls) do
        call.file, call.line, call.owner, call.is_call = doc.file, doc.line, class, true
        call.name, call.text = class.name:match "[%w_]+$", { call.text }
        class.calls[#class.calls + 1] = call
    end
end

local function declare(all, variables, doc, code)
    local owner, name, is_method, args = read_declaration(code)

    if doc.class then
        local class = get_class(all, doc.class, doc.file)
        merge_class(class, doc)
        if owner and not name then
            variables[owner] = class
        end
        return class
    end
    local class = variables[owner]
    if not class or not name or name:find "^_" then
        return
    end
    doc.name, doc.is_method, doc.args, doc.owner = name, is_method, args, class
    doc.static = not class.is_module and args ~= nil and not is_method
    class.functions[#class.functions + 1] = doc
end

local function read_file(all, path)
    local variables, doc, number = {}, nil, 0
    local page = "atlas." .. path:match "([%w_]+)%.lua$"

    for line in io.lines(path) do
        number = number + 1
        local comment = line:match "^%-%-%-(.*)$"
        if comment and not comment:find "^%-" then
            doc = doc or new_doc(path, number)
            add(doc, comment)
        elseif doc then
            if not doc.meta then
                local class = declare(all, variables, doc, line)
                if class and class.is_module then
                    page = class.name
                end
            end
            doc = nil
        end
    end
    all.page_of[path] = page
end

--- Read the files.  Returns classes by name, their order, and the page of each
--- file.
function M.read(paths)
    local all = { classes = {}, order = {}, page_of = {} }

    for _, path in ipairs(paths) do
        read_file(all, path)
    end
    return all
end

return M
