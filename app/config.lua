-- config.lua - the sample site's configuration: `make run` names it with
-- --config.  Each option of `atlas serve` may stand here too: port = 9000.

return {
    template_dirs = { "app/templates" },
    log_file = "", -- standard output
}
