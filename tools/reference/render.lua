-- render.lua - annotations become Markdown: one page a module, and an index.
-- SPDX-License-Identifier: MIT

local atlas = require "atlas"

local M = {}

local NOTE = "<!-- Written by `make reference` from the annotations: edit those. -->\n"

-- How users write it: atlas.sleep, task:await, json.encode, Response.json.
local function full_name(entry)
    local class = entry.owner
    local short = class.name:match "[%w_]+$"

    if entry.is_call then
        return class.name
    elseif not class.is_module and not entry.static then
        return short:lower() .. ":" .. entry.name
    end
    local holder = class.is_module and require(class.name) or atlas[short]
    if atlas[entry.name] ~= nil and atlas[entry.name] == (holder or {})[entry.name] then
        return "atlas." .. entry.name
    end
    return short .. "." .. entry.name
end

local function heading(entry)
    local names = {}

    for i, param in ipairs(entry.params) do
        names[i] = param.name
    end
    return ("%s(%s)"):format(full_name(entry), table.concat(names, ", "))
end

-- The name that GitHub gives to a heading.
local function anchor(text)
    return (text:lower():gsub("[^%w_%- ]", ""):gsub(" ", "-"))
end

local function first_sentence(entry)
    local text = table.concat(entry.text, " ")
    local sentence = text:match "^(.-[.:])%s" or text

    if sentence == "" and entry.returns and entry.returns[1] then
        sentence = entry.returns[1].text
    end
    return (sentence:gsub("[.:]$", ""):gsub("^%l", string.upper))
end

-- "- `name` `type`: text"
local function item(prefix, it)
    local line = "- " .. prefix

    if it.name then
        line = line .. ("`%s` "):format(it.name)
    end
    line = line .. ("(`%s`)"):format(it.type)
    if it.text ~= "" then
        line = line .. ": " .. it.text
    end
    return line
end

-- Lines of text; examples get an empty line around them, as all readers of
-- Markdown understand.
local function add_text(out, text)
    for i, line in ipairs(text) do
        if line:find "^```%a" and text[i - 1] and text[i - 1] ~= "" then
            out[#out + 1] = ""
        end
        out[#out + 1] = line
    end
    out[#out + 1] = ""
end

local function add_entry(out, entry)
    out[#out + 1] = "### " .. heading(entry)
    out[#out + 1] = ""
    if entry.async then
        out[#out + 1] = "*May wait.*"
        out[#out + 1] = ""
    end
    -- Examples come last, behind what a reader looks for first.
    local text, example, target = {}, {}, nil
    for _, line in ipairs(entry.text) do
        target = line:find "^```%a" and example or target or text
        target[#target + 1] = line
    end
    while text[#text] == "" do
        text[#text] = nil
    end
    if #text > 0 then
        add_text(out, text)
    end
    for _, param in ipairs(entry.params) do
        out[#out + 1] = item("", param)
    end
    for _, result in ipairs(entry.returns) do
        out[#out + 1] = item("returns ", result)
    end
    if #entry.params + #entry.returns > 0 then
        out[#out + 1] = ""
    end
    if #example > 0 then
        add_text(out, example)
    end
end

-- A list of links with a sentence each, to `file` or within the page.
local function add_overview(out, list, title_of, file)
    for _, it in ipairs(list) do
        local title = title_of(it)
        out[#out + 1] = ("- [%s](%s#%s): %s"):format(title, file or "", anchor(title),
            first_sentence(it))
    end
    out[#out + 1] = #list > 0 and not file and "" or nil
end

local function class_name(class)
    return class.name
end

local function add_fields(out, class)
    for _, field in ipairs(class.fields) do
        out[#out + 1] = item("", field)
    end
    if #class.fields > 0 then
        out[#out + 1] = ""
    end
end

local function add_class(out, class)
    out[#out + 1] = "## " .. class.name
    out[#out + 1] = ""
    add_text(out, class.text)
    add_fields(out, class)
    add_overview(out, class.entries, heading)
    for _, entry in ipairs(class.entries) do
        add_entry(out, entry)
    end
end

-- The file of the page, without its folder.
local function file_of(page)
    return page.name:gsub("^atlas%.", "") .. ".md"
end

local function render_page(page)
    local out = { NOTE, "# " .. page.name, "" }
    local module = page.module

    if module then
        add_text(out, module.text)
        add_fields(out, module)
        add_overview(out, module.entries, heading)
    end
    add_overview(out, page.classes, class_name)
    if module then
        for _, entry in ipairs(module.entries) do
            add_entry(out, entry)
        end
    end
    for _, class in ipairs(page.classes) do
        add_class(out, class)
    end
    return (table.concat(out, "\n"):gsub("\n+$", "\n"))
end

-- Those of the class's functions that need no object.
local function get_static(class)
    local list = {}

    for _, entry in ipairs(class.entries) do
        list[#list + 1] = (entry.static or entry.is_call) and entry or nil
    end
    return list
end

local function render_index(pages)
    local out = { NOTE, "# Reference", "" }

    for _, line in ipairs {
        "What `require \"atlas\"` holds, and its modules. A function that *may wait*",
        "suspends the task that calls it, never the process; a task can be cancelled",
        "there. `atlas help NAME` prints an entry.",
        "",
        "An editor with a Lua language server completes these names if it is told of",
        "the folder that `make install` makes: `\"workspace.library\":",
        "[\"/usr/local/share/atlas\"]` in `.luarc.json`.",
        "",
    } do
        out[#out + 1] = line
    end
    for _, page in ipairs(pages) do
        local file = file_of(page)
        out[#out + 1] = ("## [%s](%s)"):format(page.name, file)
        out[#out + 1] = ""
        add_overview(out, page.module and page.module.entries or {}, heading, file)
        for _, class in ipairs(page.classes) do
            add_overview(out, get_static(class), heading, file)
        end
        add_overview(out, page.classes, class_name, file)
        if out[#out] == "" then -- fields are all that it has
            out[#out + 1] = first_sentence(page.module) .. "."
        end
        out[#out + 1] = ""
    end
    return (table.concat(out, "\n"):gsub("\n+$", "\n"))
end

local function by_name(a, b)
    return a.name < b.name
end

-- What a page shows of the class: how it is called, and what is not private.
local function get_entries(class)
    local list = {}

    for _, entry in ipairs(class.calls) do
        list[#list + 1] = entry
    end
    for _, entry in ipairs(class.functions) do
        list[#list + 1] = not entry.private and entry or nil
    end
    return list
end

-- The pages, each with its module and its classes, in the order of the names.
local function make_pages(all)
    local pages, found = {}, {}

    for _, class in ipairs(all.order) do
        local name = class.is_module and class.name or all.page_of[class.file]
        if class.name ~= "atlas" then
            if not found[name] then
                found[name] = { name = name, classes = {} }
                pages[#pages + 1] = found[name]
            end
            if class.is_module then
                found[name].module = class
                table.sort(class.functions, by_name)
            end
            class.entries = get_entries(class)
            if not class.is_module then
                table.insert(found[name].classes, class)
            end
        end
    end
    for _, page in ipairs(pages) do
        table.sort(page.classes, by_name)
    end
    table.sort(pages, by_name)
    return pages
end

--- All pages: their text, by the name of their file.
function M.render(all)
    local files, pages = {}, make_pages(all)

    for _, page in ipairs(pages) do
        files[file_of(page)] = render_page(page)
    end
    files["README.md"] = render_index(pages)
    return files
end

return M
