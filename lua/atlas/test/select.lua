-- select.lua - which tests are run, and in which order.

local M = {}

local function matches_any(name, patterns)
    for _, pattern in ipairs(patterns) do
        if name:find(pattern) then
            return true
        end
    end
    return false
end

local function has_any(tags, names)
    for _, name in ipairs(names) do
        if tags[name] then
            return true
        end
    end
    return false
end

--- Is this test one of those that the options name?
function M.is_wanted(test, options)
    local name = test.full_name

    return (#options.name == 0 or name == options.name[1])
        and (#options.filter == 0 or matches_any(name, options.filter))
        and not matches_any(name, options["filter-out"])
        and (#options.tag == 0 or has_any(test.tags, options.tag))
        and not has_any(test.tags, options["exclude-tag"])
end

--- Does the block hold a test that is wanted?  Of an insulated one it isn't
--- known before its turn.
function M.has_wanted(block, options)
    for _, child in ipairs(block.children) do
        if child.failure or child.kind == "insulate" then
            return true
        elseif child.children then
            if M.has_wanted(child, options) then
                return true
            end
        elseif M.is_wanted(child, options) then
            return true
        end
    end
    return false
end

--- A number from a seed and a name, the same on every machine: 1 to 2^32.
function M.hash(seed, name)
    local hash = seed % 4294967296

    for i = 1, #name do
        hash = (hash * 65599 + name:byte(i)) % 4294967296
    end
    return hash + 1
end

--- The list in an order that the seed and the name decide.
function M.shuffle(list, seed, name)
    local shuffled, state = {}, M.hash(seed, name)

    for i, value in ipairs(list) do
        state = (state * 1103515 + 12345) % 4294967296
        local at = math.floor(state / 65536) % i + 1
        shuffled[i] = shuffled[at]
        shuffled[at] = value
    end
    return shuffled
end

return M
