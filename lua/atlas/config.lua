-- config.lua - the configuration: Atlas's defaults with what the module named
-- by ATLAS_CONFIG (or --config) returns.

--- The configuration: Atlas's defaults with what the module returns that
--- `--config` or `ATLAS_CONFIG` names. An application may keep settings of its
--- own there.
---@class atlas.config
---@field log_file string  where the log goes: a path, or "" for standard output
---@field backlog_connections integer  that may wait to be accepted
---@field template_dirs string[]  where templates are looked for, in this order
local M = {
    -- Where log lines go: a file's path, or "" for standard output.
    log_file = "",
    -- Connections that may wait to be accepted.
    backlog_connections = 128,
    -- Where templates are looked for, in this order.
    template_dirs = { "templates" },
}

local name = os.getenv "ATLAS_CONFIG"

if name and name ~= "" then
    local user = require(name)
    if type(user) ~= "table" then
        error(("configuration module '%s' returns a %s, not a table"):format(name, type(user)), 0)
    end
    for key, value in pairs(user) do
        M[key] = value
    end
end

return M
