-- config.lua - the sample site's configuration: `make run` names it with
-- --config.  docs/guide/configuration.md lists what may stand here.

return {
    template_dirs = { "app/templates" },
    log_file = "", -- standard output
}
