"""test_run.py - `atlas run`: arguments, statuses, errors, deadlocks.

SPDX-License-Identifier: MIT
"""

import time

from harness import check_no_own_frames, eq, has, lacks, line_of_log, matches

# --- arguments and statuses ---


def test_arguments_are_in_varargs(place):
    done = place.run_script('print(select("#", ...), ...)', "a", "", "--b", "c d")
    eq(done.out, "4\ta\t\t--b\tc d\n")
    eq(done.status, 0)


def test_arguments_are_in_arg_with_the_script_at_0(place):
    done = place.run_script("print(arg[0], #arg, arg[1], arg[2], arg[3])", "a", "b")
    eq(done.out, "script.lua\t2\ta\tb\tnil\n")


def test_no_arguments(place):
    done = place.run_script('print(select("#", ...), #arg)')
    eq(done.out, "0\t0\n")


def test_many_arguments(place):
    done = place.run_script('print(select("#", ...), (select(2000, ...)), arg[2000])',
                            *range(1, 2001))
    eq(done.out, "2000\t2000\t2000\n")


def test_the_main_chunk_may_await(place):
    done = place.run_script("""
        local atlas = require "atlas"
        atlas.sleep(0.001)
        print(atlas.spawn(function() return "from a task" end):await())
    """)
    eq(done.out, "from a task\n")
    eq(done.status, 0)


def test_children_are_joined_before_the_end(place):
    done = place.run_script("""
        local atlas = require "atlas"
        atlas.spawn(function() atlas.sleep(0.02) print "child" end)
        print "main"
    """)
    eq(done.out, "main\nchild\n")
    eq(done.status, 0)


def test_modules_of_the_working_directory_are_found(place):
    place.write("part/init.lua", 'return "part"')
    eq(place.run_script('print((require "part"))').out, "part\n")


def test_standard_input_can_be_read(place):
    eq(place.run_script('print(io.read "*l")', stdin="a line\nanother\n").out, "a line\n")


def test_an_integer_that_the_script_returns_is_the_status(place):
    for value in 0, 1, 3, 42:
        eq(place.run_script(f"return {value}").status, value)


def test_other_returned_values_mean_success(place):
    for value in "", "nil", '"text"', "{}", "false":
        eq(place.run_script(f"return {value}").status, 0)


def test_os_exit_ends_the_script(place):
    done = place.run_script('io.write "partial" os.exit(7)')
    eq(done.out, "partial")
    eq(done.status, 7)


# --- scripts that cannot be loaded ---


def test_run_without_a_file_is_wrong_usage(place):
    done = place.run("run")
    eq(done.err, "atlas: usage: atlas run [OPTION...] FILE [ARG...]\n")
    eq(done.status, 2)


def test_an_option_in_the_place_of_the_file_is_wrong_usage(place):
    done = place.run("run", "--fast", "script.lua")
    matches(r"atlas: [^\n]*\n", done.err)
    eq(done.status, 2)


def test_a_missing_file(place):
    done = place.run("run", "nosuch.lua")
    matches(r"atlas: cannot open nosuch\.lua[^\n]*\n", done.err)
    eq(done.status, 3)


def test_a_folder_is_no_script(place):
    done = place.run("run", ".")
    matches(r"atlas: [^\n]*\n", done.err)
    eq(done.status, 3)


def test_a_syntax_error_is_one_line_with_its_place(place):
    done = place.run_script("local x = 1\nx = = 2")
    matches(r"atlas: script\.lua:2: [^\n]* near '='\n", done.err)
    eq(done.status, 3)


def test_a_first_line_for_the_shell_is_skipped(place):
    done = place.run_script('#!/usr/bin/env -S atlas run\nprint "ran"\nerror "here"')
    eq(done.out, "ran\n")
    has(done.err, "script.lua:3: here")


# --- errors ---


def test_an_error_is_told_with_its_traceback(place):
    done = place.run_script('local function fail()\n    error("on purpose")\nend\n\nfail()\n')
    matches(r"atlas: script\.lua:2: on purpose\nstack traceback:\n.*", done.err)
    has(done.err, "\tscript.lua:2: in ")
    has(done.err, "\tscript.lua:5: in main chunk\n")
    check_no_own_frames(done.err)
    eq(done.status, 1)


def test_an_error_behind_a_wait_is_told_with_its_traceback(place):
    done = place.run_script('require("atlas").sleep(0.001)\nerror("on purpose")\n')
    matches(r"atlas: script\.lua:2: on purpose\nstack traceback:\n.*script\.lua:2: in main chunk\n",
            done.err)
    check_no_own_frames(done.err)
    eq(done.status, 1)


def test_an_error_of_an_awaited_task_is_told_out_to_the_main_chunk(place):
    done = place.run_script("""local atlas = require "atlas"
        local task = atlas.spawn(function()
            atlas.sleep(0.001)
            error("on purpose")
        end)
        task:await()
    """)
    has(done.err, "atlas: script.lua:4: on purpose\n")
    matches(r".*\tscript\.lua:4: in .*\nspawned at script\.lua:2\n"
            r"awaited by task 'main' at script\.lua:6\n\tscript\.lua:6: in main chunk\n", done.err)
    check_no_own_frames(done.err)
    eq(done.status, 1)


def test_an_error_that_nobody_awaited_ends_the_script(place):
    done = place.run_script("""local atlas = require "atlas"
        atlas.spawn(error, "unheard", 0)
        atlas.sleep(0.005)
        print "the body ended"
    """)
    eq(done.out, "the body ended\n")
    has(done.err, "atlas: unheard\n")
    has(done.err, "spawned at script.lua:2")
    eq(done.status, 1)


def test_further_errors_that_nobody_awaited_are_logged(place):
    done = place.run_script("""local atlas = require "atlas"
        for i = 1, 3 do
            atlas.spawn(error, "unheard " .. i, 0)
        end
    """)
    matches(r".* ERROR atlas: error in task \d+: unheard 2\n.*", done.err)
    matches(r".* ERROR atlas: error in task \d+: unheard 3\n.*", done.err)
    matches(r"(.*\n)?atlas: unheard 1\n.*", done.err)
    eq(done.status, 1)


def test_an_error_of_any_type_is_told(place):
    for value, text in ("nil", "nil"), ("false", "false"), ("5", "5"), ("{}", "table: "), \
            ("setmetatable({}, {__tostring = function() return 'an object' end})", "an object"), \
            ("setmetatable({}, {__tostring = function() error 'x' end})", "table"):
        done = place.run_script(f"error({value}, 0)")
        matches(rf"atlas: [^\n]*{text}[^\n]*\n.*", done.err)
        eq(done.status, 1)


def test_a_script_that_is_cancelled_says_so(place):
    done = place.run_script("""local atlas = require "atlas"
        atlas.current():cancel "enough"
        atlas.sleep(1)
    """)
    has(done.err, "atlas: cancelled: enough")
    eq(done.status, 1)


def test_lines_are_told_in_a_folder_that_is_called_atlas(place):
    place.write("atlas/script.lua", 'local atlas = require "atlas"\natlas.sleep("long")\n')
    done = place.run("run", "atlas/script.lua")
    has(done.err, "atlas: atlas/script.lua:2: bad argument #1 to 'sleep'")
    has(done.err, "\tatlas/script.lua:2: in main chunk")


# --- detached tasks ---


def test_a_detached_task_is_finished_before_the_end(place):
    done = place.run_script("""
        local atlas = require "atlas"
        atlas.detach(function() atlas.sleep(0.05) print "detached" end)
        print "main"
    """)
    eq(done.out, "main\ndetached\n")
    eq(done.status, 0)


def test_the_end_comes_with_the_last_detached_task(place):
    for body in "atlas.sleep(0.05)", "atlas.checkpoint()", "":
        started = time.monotonic()
        done = place.run_script(f"""
            local atlas = require "atlas"
            atlas.detach(function() {body} end)
        """)
        eq(done.status, 0)
        elapsed = time.monotonic() - started
        assert elapsed < 4, f"ended after {elapsed:.1f} s"


def test_an_error_of_a_detached_task_is_logged_with_its_traceback(place):
    done = place.run_script("""local atlas = require "atlas"
        atlas.detach(function()
            atlas.sleep(0.001)
            error "on purpose"
        end)
        atlas.sleep(0.02)
        print "main"
    """)
    matches(r"[^\n]* ERROR atlas: error in task \d+: script\.lua:4: on purpose\n"
            r"    stack traceback:\n"
            r".*    script\.lua:4: in .*spawned at script\.lua:2\n", done.err)
    eq(done.out, "main\n")
    eq(done.status, 0)


# --- what is logged ---


def test_a_lock_that_was_left_behind_is_logged_with_its_task_and_place(place):
    done = place.run_script("""local atlas = require "atlas"
        local lock = atlas.lock()
        atlas.spawn(function()
            lock:acquire()
        end):name("careless"):await()
        lock:with(function()
            print "free"
        end)
    """)
    matches(line_of_log("ERROR", r"task 'careless' has ended with a lock that it acquired at "
                                 r"script\.lua:4 and didn't release: it is released now"),
            done.err)
    eq(done.out, "free\n")


def test_a_lock_that_was_waited_for_is_logged_with_the_place_of_its_acquire(place):
    done = place.run_script("""local atlas = require "atlas"
        local lock = atlas.lock()
        lock:acquire()
        local task = atlas.spawn(function()
            lock:acquire()
        end):name "late"
        atlas.checkpoint()
        lock:release()
        task:await()
    """)
    has(done.err, "task 'late' has ended with a lock that it acquired at script.lua:5 ")


def test_each_failed_run_of_a_supervised_task_is_logged_with_its_traceback(place):
    done = place.run_script("""local atlas = require "atlas"
        local task = atlas.supervise(function()
            error "on purpose"
        end, { max = 1, backoff = { 0.001, 0.002 } }):name "poller"
        print(task:pawait())
    """)
    def run(what):
        return line_of_log("ERROR", rf"task 'poller', supervised, has failed and {what}: "
                                    r"script\.lua:3: on purpose") + (
            r"    stack traceback:\n(?:        \[C\][^\n]*\n)?"
            r"        script\.lua:3: in [^\n]*\n    awaited by task 'poller'\n"
            r"    spawned at script\.lua:2\n    awaited [^\n]*\n        [^\n]*\n")
    matches(run(r"starts again in 0\.001\d* s") + run("is given up after 1 restarts"), done.err)
    eq(done.err.count("on purpose"), 2)
    check_no_own_frames(done.err)
    has(done.out, "false\tscript.lua:3: on purpose")


def test_an_error_in_a_function_for_a_tasks_end_is_logged(place):
    done = place.run_script("""local atlas = require "atlas"
        atlas.spawn(function() end):on_complete(function()
            error "on purpose"
        end)
    """)
    matches(line_of_log("ERROR", r"error in task \d+: script\.lua:3: on purpose")
            + r"    stack traceback:\n(?:        [^\n]*\n)*    spawned at script\.lua:2\n", done.err)
    eq(done.status, 0)


def test_an_error_in_a_function_that_withdraws_is_logged(place):
    done = place.run_script("""local atlas = require "atlas"
        local wait = atlas.wrap(function() end, {
            cancel = function() error "on purpose" end,
        })
        print(atlas.move_on(0.001, wait))
    """)
    matches(line_of_log("ERROR", r"error in a function that withdraws an operation: "
                                 r"script\.lua:3: on purpose")
            + r"    stack traceback:\n(?:        [^\n]*\n)*", done.err)
    eq(done.out, "false\ttimed out after 0.001 s\n")


# --- deadlocks ---


def deadlock(place, text):
    """Run a script that has to end in a deadlock; returns what was said."""
    done = place.run_script('local atlas = require "atlas" ' + text)
    has(done.err, "atlas: deadlock: ")
    eq(done.status, 1)
    return done.err


def test_a_wait_that_nobody_can_end_is_a_deadlock_with_its_place(place):
    text = deadlock(place, "\n\natlas.suspend(function() end)\n")
    has(text, "'callback'")
    has(text, "script.lua:3: in main chunk")


def test_the_traceback_of_a_deadlock_shows_no_frames_of_atlas(place):
    check_no_own_frames(deadlock(place, "atlas.suspend(function() end)"))


def test_a_deadlock_in_a_child_names_the_child_and_its_wait(place):
    for end in "task:await()", "":
        text = deadlock(place, """
            local task = atlas.spawn(function()
                atlas.suspend(function() end)
            end)
            task:name "the reader"
        """ + end)
        has(text, "the reader")
        has(text, "'callback'")
        has(text, "script.lua:3")


def test_a_main_chunk_that_has_ended_has_no_traceback_in_a_deadlock(place):
    text = deadlock(place, "atlas.spawn(function() atlas.suspend(print) end)")
    has(text, "task 1 'main': joining\n")
    lacks(text, "stack traceback of the main task")


def test_two_tasks_that_await_each_other_are_a_deadlock(place):
    text = deadlock(place, """
        local first, second
        first = atlas.spawn(function() second:await() end)
        second = atlas.spawn(function() first:await() end)
        first:name "the first"
        second:name "the second"
    """)
    has(text, "the first")
    has(text, "the second")


def test_a_timer_is_no_deadlock(place):
    done = place.run_script("""
        local atlas = require "atlas"
        atlas.suspend(function(resume)
            atlas.spawn(function() atlas.sleep(0.05) resume() end)
        end)
        print "went on"
    """)
    eq(done.out, "went on\n")
    eq(done.status, 0)
