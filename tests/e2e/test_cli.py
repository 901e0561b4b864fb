"""test_cli.py - the command line: commands, help, options, wrong usage.

SPDX-License-Identifier: MIT
"""

from harness import eq, fails_with, has, lacks, matches

APP = 'return { app = function() end, number = 5, list = {} }'
COMMANDS = ["serve", "run", "routes", "help"]


def test_version_is_one_line(place):
    done = place.run("--version")
    matches(r"atlas \d+\.\d+\.\d+ \((LuaJIT|Lua 5\.4)\)\n", done.out)
    eq(done.err, "")
    eq(done.status, 0)


def test_help_lists_every_command(place):
    done = place.run("help")
    for command in COMMANDS:
        matches(rf".*\n  {command} +\S.*", done.out)
    has(done.out, "--version")
    eq(done.err, "")
    eq(done.status, 0)


def test_no_command_is_help(place):
    done, help_ = place.run(), place.run("help")
    eq(done.err, "")
    eq(done.out, help_.out)
    eq(done.status, 0)


def test_dash_dash_help_and_dash_h_are_help(place):
    want = place.run("help").out
    for option in "--help", "-h":
        done = place.run(option)
        eq(done.out, want)
        eq(done.status, 0)


def test_help_tells_the_usage_of_each_command(place):
    for command in COMMANDS:
        done = place.run("help", command)
        matches(rf"usage: atlas {command} .*", done.out)
        eq(done.err, "")
        eq(done.status, 0)


def test_help_serve_lists_the_options_with_their_defaults(place):
    text = place.run("help", "serve").out
    for option, default in (("port", "8000"), ("host", "127.0.0.1"), ("keep-alive", "75"),
                            ("drain", "30"), ("max-body", "16777216"),
                            ("backlog-connections", "128")):
        matches(rf".*\n  --{option} [^\n]*\({default}\b.*", text)


def test_help_tells_of_a_lua_function(place):
    text = place.run("help", "atlas.timeout").out
    eq(text.splitlines()[0], "atlas.timeout(seconds, fn, ...)")
    has(text, "*May wait.*")
    has(place.run("help", "timeout").out, text)
    has(place.run("help", "task:await").out, "task:await()")


def test_help_tells_of_all_functions_of_a_name(place):
    text = place.run("help", "await").out
    has(text, "atlas.await(fn, ...)")
    has(text, "task:await()")


def test_help_tells_of_a_module_and_a_class(place):
    has(place.run("help", "atlas.task").out, "\n- atlas.sleep(seconds): Wait\n")
    has(place.run("help", "atlas.Task").out, "\n- task:await(): Wait until it has ended\n")


def test_help_on_an_unknown_topic_is_wrong_usage(place):
    fails_with(place.run("help", "bogus"), 2,
               "no help on 'bogus'; 'atlas help' lists the commands")


def test_an_unknown_command_is_wrong_usage(place):
    fails_with(place.run("bogus"), 2, "unknown command 'bogus'; 'atlas help' lists them")


def test_an_unknown_option_of_the_program_is_wrong_usage(place):
    done = place.run("--bogus")
    eq(done.status, 2)
    has(done.err, "--bogus")


def test_serve_without_a_target_is_wrong_usage(place):
    fails_with(place.run("serve"), 2, "usage: atlas serve MODULE:ATTR [OPTION...]")


def test_serve_with_options_alone_is_wrong_usage(place):
    fails_with(place.run("serve", "--port", 0), 2, "usage: atlas serve MODULE:ATTR [OPTION...]")


def test_a_second_target_is_wrong_usage(place):
    fails_with(place.run("serve", "one:app", "two:app"), 2, "unexpected argument 'two:app'")


def test_a_target_without_a_module_is_wrong_usage(place):
    for target in ":app", "":
        fails_with(place.run("serve", target), 2, f"'{target}' is not MODULE:ATTR")


def test_an_unknown_option_is_wrong_usage(place):
    place.write("site.lua", APP)
    want = "unknown option '--bogus'; 'atlas help serve' lists them"
    fails_with(place.run("serve", "site:app", "--bogus", 1), 2, want)
    fails_with(place.run("serve", "site:app", "--bogus=1"), 2, want)
    fails_with(place.run("serve", "--bogus", "site:app"), 2, want)


def test_a_short_option_is_wrong_usage(place):
    place.write("site.lua", APP)
    for args in ["-p", "0", "site:app"], ["site:app", "-p", "0"], ["-p"]:
        fails_with(place.run("serve", *args), 2,
                   "unknown option '-p'; 'atlas help serve' lists them")


def test_the_beginning_of_an_option_is_not_the_option(place):
    fails_with(place.run("serve", "site:app", "--por", 0), 2,
               "unknown option '--por'; 'atlas help serve' lists them")


def test_a_bad_number_is_wrong_usage(place):
    for value in "abc", "", "1x", "-1", "nan", "inf", " ":
        fails_with(place.run("serve", "site:app", f"--port={value}"), 2,
                   f"--port needs an integer from 0 to 65535, got '{value}'")


def test_a_bad_number_behind_a_space_is_wrong_usage(place):
    fails_with(place.run("serve", "site:app", "--keep-alive", "soon"), 2,
               "--keep-alive needs a number of seconds, got 'soon'")


def test_a_missing_value_is_wrong_usage(place):
    fails_with(place.run("serve", "site:app", "--port"), 2, "--port needs a value")
    fails_with(place.run("serve", "--host"), 2, "--host needs a value")


def test_an_unknown_log_level_is_wrong_usage(place):
    place.write("site.lua", APP)
    done = place.run("serve", "site:app", "--port", 7000, "--log-level", "loud")
    eq(done.status, 2)
    has(done.err, "log-level")
    has(done.err, "loud")


def test_a_bad_number_in_the_environment_is_wrong_usage(place):
    place.write("site.lua", APP)
    fails_with(place.run("serve", "site:app", env={"ATLAS_PORT": "http"}), 2,
               "ATLAS_PORT needs an integer from 0 to 65535, got 'http'")


def test_wrong_usage_is_told_before_anything_is_loaded(place):
    place.write("site.lua", 'io.stderr:write("loaded\\n") ' + APP)
    done = place.run("serve", "site:app", "--port", "abc")
    lacks(done.err, "loaded")
    eq(done.status, 2)
