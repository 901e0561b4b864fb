-- One source for two VMs: what either of them has is known.
std = "luajit+lua54"
max_line_length = 100
max_comment_line_length = 160 -- types in annotations can't be broken
self = false -- a method need not use its object
-- Annotations: functions without a body.
files["src/bind"] = { ignore = { "211", "212", "241" } }
-- The words of tests are globals there.
files["tests/lua/*_test.lua"] = {
    read_globals = {
        "describe", "context", "insulate", "expose", "it", "spec", "test", "pending", "finally",
        "before_each", "after_each", "setup", "teardown", "before_all", "after_all",
        "lazy_setup", "lazy_teardown", "strict_setup", "strict_teardown",
        "assert", "spy", "stub", "mock", "match",
    },
}
