-- One source for two VMs: what either of them has is known.
std = "luajit+lua54"
max_line_length = 100
max_comment_line_length = 160 -- types in annotations can't be broken
self = false -- a method need not use its object
-- Annotations: functions without a body.
files["src/bind"] = { ignore = { "211", "212", "241" } }
