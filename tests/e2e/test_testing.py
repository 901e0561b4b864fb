"""test_testing.py - atlas test: what it runs, says and finds left behind."""

import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

from harness import eq, eventually, fails_with, has, lacks, matches


def run_tests(place, text, *args, **more):
    """`atlas test ARGS` of one file that holds `text` from line 2 on, and
    before it atlas as a local."""
    place.write("a_test.lua", 'local atlas = require "atlas"\n' + text.removeprefix("\n"))
    return place.run("test", *args, "a_test.lua", **more)


def counts(done, text, status):
    """The last line of the output is `text`, on its own."""
    eq(done.out.rstrip("\n").split("\n")[-1], text, repr(done))
    eq(done.status, status, repr(done))


def names(done):
    """The tests in their order: "ok NAME", "FAIL NAME", "wait NAME"."""
    return re.findall(r"^((?:ok|FAIL|wait) +.*?) \(", done.out, re.M)


# --- words ---


def test_blocks_hooks_and_tests_run_in_the_order_of_busted(place):
    done = run_tests(place, """
        local log = {}
        local function note(text) return function() log[#log + 1] = text end end
        describe("outer", function()
            setup(note "setup") teardown(function() print(table.concat(log, " ")) end)
            before_each(note "b1") after_each(note "a1")
            it("one", note "one")
            context("inner", function()
                before_all(note "all") after_all(note "end")
                before_each(note "b2") after_each(note "a2")
                spec("two", note "two")
                test("three", function() finally(note "finally") note "three"() end)
            end)
        end)
    """)
    has(done.out, "setup b1 one a1 all b1 b2 two a2 a1 b1 b2 three finally a2 a1 end\n")
    eq(names(done), ["ok   outer one", "ok   outer inner two", "ok   outer inner three"])
    counts(done, "3 passed, 0 failed", 0)


def test_a_test_and_its_hooks_may_wait(place):
    done = run_tests(place, """
        local opened
        before_each(function() atlas.sleep(0.001) opened = atlas.event() end)
        after_each(function() atlas.sleep(0.001) assert(opened:is_set()) end)
        setup(function() atlas.sleep(0.001) end)
        it("waits", function()
            atlas.spawn(function() atlas.sleep(0.001) opened:set() end)
            opened:wait()
        end)
    """)
    counts(done, "1 passed, 0 failed", 0)


def test_pending_tests_are_told_and_no_failure(place):
    done = run_tests(place, """
        it("not written")
        pending("later", function() error "is not run" end)
        it("gives up", function() pending "no network" error "not here" end)
        it("runs", function() end)
    """)
    has(done.out, "wait not written (not written)\n")
    has(done.out, "wait gives up (no network)\n")
    counts(done, "1 passed, 0 failed, 3 pending", 0)


def test_luassert_with_spies_stubs_mocks_and_matchers(place):
    done = run_tests(place, """
        local t = { f = function() return 1 end }
        it("asserts", function()
            assert.equal(1, 1) assert.are.same({ 1, { 2 } }, { 1, { 2 } })
            assert.is_true(true) assert.has_error(function() error "x" end)
            assert.is_not.falsy(1)
        end)
        it("spies", function()
            local s = spy.on(t, "f") t.f(1, 2)
            assert.spy(s).was.called_with(1, match.is_number())
        end)
        it("takes the spy back behind the test", function()
            assert.is_function(t.f) stub(t, "f") assert.is_nil(t.f())
        end)
        it("takes the stub back too", function() assert.equal(1, t.f()) end)
        it("mocks", function()
            local m = mock({ g = function() end }) m.g() assert.spy(m.g).was.called(1)
        end)
    """)
    counts(done, "5 passed, 0 failed", 0)


def test_without_luassert_assert_works_and_the_rest_says_what_is_missing(place):
    hide = """
        package.preload.luassert = nil
        package.path = "./?.lua"
    """
    done = run_tests(place, hide + """
        it("asserts", function() assert(true) assert(1, "text") end)
        it("passes errors on", function()
            local err = {}
            assert(select(2, pcall(assert, nil, err)) == err)
        end)
        it("compares", function() assert.equal(1, 1) end)
        it("spies", function() spy.new(print) end)
    """)
    has(done.out, "a_test.lua:10: 'assert.equal' is of luassert, which isn't installed for this "
                  "Lua: apt install lua-luassert, or luarocks install luassert")
    has(done.out, "a_test.lua:11: 'spy.new' is of luassert")
    counts(done, "2 passed, 2 failed", 1)


def test_tables_that_differ_are_shown_line_by_line(place):
    done = run_tests(place, """
        it("compares", function()
            assert.same({ a = 1, b = { 2, 3 } }, { a = 1, b = { 2, 4 } })
        end)
    """)
    has(done.out, "-     [2] = 3 } }\n")
    has(done.out, "+     [2] = 4 } }\n")
    has(done.out, "  [a] = 1\n")
    lacks(done.out, "table: 0x")


def test_a_file_sees_nothing_of_another(place):
    place.write("helper.lua", "loads = (loads or 0) + 1 return {}")
    for name in "a", "b":
        place.write(f"tests/{name}_test.lua", """
            require "helper"
            it("has its own", function() assert(loads == 1) assert(other == nil) other = 1 end)
            insulate("apart", function()
                mine = 1
                it("sees it", function() assert(mine == 1) end)
            end)
            it("doesn't", function() assert(mine == nil) end)
        """)
    counts(place.run("test"), "6 passed, 0 failed", 0)


# --- failures ---


def test_an_error_is_told_with_its_trace_and_the_place_of_the_test(place):
    done = run_tests(place, """
        it("fails", function()
            local task = atlas.spawn(function() atlas.sleep(0.001) error "boom" end)
            task:await()
        end)
    """)
    has(done.out, "FAIL fails (a_test.lua:2, ")
    has(done.out, "     a_test.lua:3: boom\n")
    has(done.out, "     spawned at a_test.lua:3\n     awaited by task 'fails' at a_test.lua:4\n")
    has(done.out, "     again: atlas test --seed 0 --name fails a_test.lua\n")
    lacks(done.out, "<atlas>")
    lacks(done.out, "'main'")
    counts(done, "0 passed, 1 failed", 1)


def test_hooks_that_fail_fail_the_test_and_after_each_is_run(place):
    done = run_tests(place, """
        describe("before", function()
            before_each(function() error "early" end)
            after_each(function() print "cleaned" end)
            it("is not run", function() print "it ran" end)
        end)
        describe("after", function()
            after_each(function() error "late" end)
            it("runs", function() print "it did" end)
        end)
    """)
    has(done.out, "in before_each: a_test.lua:3: early\n")
    has(done.out, "in after_each: a_test.lua:8: late\n")
    has(done.out, "cleaned\n")
    has(done.out, "it did\n")
    lacks(done.out, "it ran")
    counts(done, "0 passed, 2 failed", 1)


def test_a_setup_that_fails_is_a_failure_and_teardown_is_run(place):
    done = run_tests(place, """
        describe("block", function()
            setup(function() error "no" end)
            teardown(function() print "torn down" end)
            it("is not run", function() print "it ran" end)
        end)
        it("goes on", function() end)
    """)
    has(done.out, "FAIL block: setup (a_test.lua:2")
    has(done.out, "torn down\n")
    lacks(done.out, "it ran")
    counts(done, "1 passed, 1 failed", 1)


def test_a_test_that_hangs_ends_with_the_tasks_that_it_waits_for(place):
    done = run_tests(place, """
        it("hangs", { timeout = 0.1 }, function()
            atlas.spawn(function() atlas.sleep(100) end):name "the child"
        end)
        it("goes on", function() end)
    """)
    has(done.out, "the test took more than 0.1 s\n")
    matches(r".*task \d+ 'hangs': joining\n\s+task \d+ 'the child': waits for 'sleep'[^\n]* at "
            r"a_test\.lua:3, spawned at a_test\.lua:3\n.*", done.out)
    counts(done, "1 passed, 1 failed", 1)


def test_a_shield_does_not_keep_a_test_that_hangs(place):
    done = run_tests(place, """
        it("hangs", function() atlas.shield(atlas.sleep, 100) end)
    """, "--timeout", "0.1")
    counts(done, "0 passed, 1 failed", 1)
    has(done.out, "more than 0.1 s")


def test_tasks_that_are_always_ready_do_not_keep_a_test_from_its_limit(place):
    for clock in "real", "virtual":
        done = run_tests(place, """
            it("spins", { timeout = 0.1 }, function() while true do atlas.checkpoint() end end)
            it("ticks", { timeout = 0.1, clock = "virtual" }, function()
                while true do atlas.sleep(1) end
            end)
        """, "--clock", clock)
        eq(done.out.count("the test took more than 0.1 s"), 2, repr(done))
        counts(done, "0 passed, 2 failed", 1)


def test_a_deadlock_fails_the_test_at_once(place):
    for clock in "real", "virtual":
        done = run_tests(place, """
            it("waits", function() atlas.event():wait() end)
            it("goes on", function() atlas.sleep(0.001) end)
        """, "--clock", clock)
        has(done.out, "the test waits, and nothing is left that could wake it\n")
        has(done.out, "'waits': waits for 'event'")
        counts(done, "1 passed, 1 failed", 1)


def test_a_test_that_never_waits_ends_the_process_with_its_name(place):
    done = run_tests(place, """
        it("is busy", { timeout = 0.1 }, function() while true do end end)
    """, timeout=60)
    has(done.err, "atlas: the test keeps the loop busy, and cannot be ended: is busy\n")
    eq(done.status, 1)


def test_a_test_that_catches_its_cancellation_ends_the_process(place):
    done = run_tests(place, """
        it("clings", { timeout = 0.1 }, function()
            while true do pcall(atlas.sleep, 1) end
        end)
    """, timeout=60)
    has(done.err, "the test was cancelled, and goes on")
    eq(done.status, 1)


# --- what is left behind ---


def test_a_task_that_is_left_behind_is_named_and_ended(place):
    done = run_tests(place, """
        it("leaves", function()
            atlas.detach(function() atlas.sleep(100) end):name "the old one"
        end)
        it("is alone", function() assert(not require("atlas.task").dump():find "the old one") end)
    """)
    matches(r".*left behind:\n +task \d+ 'the old one': waits for 'sleep', [0-9.]+ s at "
            r"a_test\.lua:3, spawned at a_test\.lua:3\n.*", done.out)
    counts(done, "1 passed, 1 failed", 1)


def test_a_detached_task_that_ends_soon_is_no_leak(place):
    done = run_tests(place, """
        it("leaves nothing", function() atlas.detach(function() atlas.checkpoint() end) end)
    """)
    counts(done, "1 passed, 0 failed", 0)


def test_descriptors_that_are_left_behind_are_named_once(place):
    done = run_tests(place, """
        describe("block", function()
            it("leaves", function() LEFT = io.open("a_test.lua") end)
            it("doesn't", function() io.open("a_test.lua"):close() end)
            it("leaves it to the collector", function() io.open("a_test.lua") end)
        end)
    """)
    has(done.out, f"left behind:\n       descriptor ")
    has(done.out, f": {os.path.realpath(place.path)}/a_test.lua\n")
    eq(done.out.count("left behind"), 1)
    counts(done, "2 passed, 1 failed", 1)


def test_what_setup_leaves_is_the_blocks_failure(place):
    done = run_tests(place, """
        describe("good", function()
            local task
            setup(function() task = atlas.spawn(function() atlas.sleep(100) end) end)
            teardown(function() task:cancel() end)
            it("runs beside it", function() assert(task:status() ~= "done") end)
        end)
        describe("bad", function()
            setup(function() atlas.spawn(function() atlas.sleep(100) end):name "helper" end)
            it("runs", function() end)
        end)
    """)
    has(done.out, "FAIL bad (a_test.lua:8")
    has(done.out, "'helper': waits for 'sleep'")
    counts(done, "2 passed, 1 failed", 1)


def test_leaks_may_be_allowed(place):
    done = run_tests(place, """
        it("leaves", { leaks = false }, function() LEFT = io.open("a_test.lua") end)
    """)
    counts(done, "1 passed, 0 failed", 0)


# --- the clock ---

HOUR = """
    describe("an hour", { clock = "virtual" }, function()
        it("passes at once, and exactly", function()
            local start = atlas.now()
            atlas.sleep(3600)
            assert.equal(3600, atlas.now() - start)
        end)
        it("is what timeouts and deadlines go by", function()
            local start = atlas.now()
            local ok, err = atlas.move_on(3600, atlas.sleep, 7200)
            assert.is_false(ok) assert.is_true(atlas.Timeout.is(err))
            assert.equal(3600, atlas.now() - start)
            atlas.timeout(60, function() assert.equal(60, atlas.deadline()) end)
        end)
        it("is what intervals and limiters go by", function()
            local start, ticks = atlas.now(), 0
            for n in atlas.interval(60) do ticks = n if n == 60 then break end end
            assert.equal(3600, atlas.now() - start)
            local limiter = atlas.limiter { rate = 1, burst = 1 }
            for _ = 1, 11 do limiter:take(1) end
            assert.near(3610, atlas.now() - start, 1e-6)
        end)
        it("has tasks wake in the order of their times", function()
            local log = {}
            for i = 9, 1, -1 do
                atlas.spawn(function() atlas.sleep(i / 1e6) log[#log + 1] = i end)
            end
            atlas.sleep(1)
            assert.equal("123456789", table.concat(log))
        end)
        it("lets a busy loop end", function()
            local stop = atlas.now() + 1
            while atlas.now() < stop do end
        end)
    end)
"""


def test_a_virtual_clock_jumps_to_the_next_timer(place):
    started = time.monotonic()
    done = run_tests(place, HOUR)
    counts(done, "5 passed, 0 failed", 0)
    has(done.out, "3600 s on its clock)")
    assert time.monotonic() - started < 30


def test_the_clock_may_be_chosen_for_all_and_for_one(place):
    done = run_tests(place, """
        local is_virtual = require("atlas.test").is_virtual
        it("all", function() assert(is_virtual()) atlas.sleep(1000) end)
        it("one", { clock = "real" }, function() assert(not is_virtual()) end)
    """, "--clock", "virtual")
    counts(done, "2 passed, 0 failed", 0)


def test_time_goes_on_behind_a_virtual_test(place):
    done = run_tests(place, """
        local last
        it("jumps", { clock = "virtual" }, function() atlas.sleep(1e6) last = atlas.now() end)
        it("is later", function()
            local start = atlas.now()
            assert(start >= last)
            atlas.sleep(0.01)
            assert(atlas.now() - start >= 0.01)
        end)
    """)
    counts(done, "2 passed, 0 failed", 0)


LUV = """
    local uv = require "luv"
    describe("luv", { clock = "virtual", patience = 0 }, function()
        it("has files hold the clock", function()
            local fd = atlas.timeout(3600, atlas.await, uv.fs_open, "a_test.lua", "r", 420)
            assert.is_number(fd)
            assert.equal("local", atlas.await(uv.fs_read, fd, 5, 0))
            atlas.await(uv.fs_close, fd)
        end)
        it("has its own timers hold the clock", function()
            local rung
            local timer = uv.new_timer()
            timer:start(50, 0, function() rung = true timer:close() end)
            atlas.sleep(3600)
            assert.is_true(rung)
        end)
        it("has client and server meet without patience", function()
            local server = uv.new_tcp()
            server:bind("127.0.0.1", 0)
            server:listen(1, function()
                local peer = uv.new_tcp()
                server:accept(peer)
                peer:read_start(function(_, data)
                    if data then peer:write(data:upper()) else peer:close() server:close() end
                end)
            end)
            local client = uv.new_tcp()
            assert.is_nil(select(2, atlas.timeout(1, atlas.await, function(callback)
                client:connect("127.0.0.1", server:getsockname().port, callback)
            end)))
            local read, wait = atlas.callback()
            client:read_start(read)
            client:write "hello"
            assert.equal("HELLO", select(2, atlas.timeout(1, wait)))
            client:close()
        end)
        it("has a peer that says nothing run into its limit", function()
            local server = uv.new_tcp()
            server:bind("127.0.0.1", 0)
            server:listen(1, function() end)
            local start = atlas.now()
            assert.is_false((atlas.move_on(3600, function() atlas.event():wait() end)))
            assert.equal(3600, atlas.now() - start)
            server:close()
        end)
    end)
    it("leaves a timer", function() uv.new_timer():start(100000, 0, function() end) end)
    it("leaves a listener", function()
        local server = uv.new_tcp()
        server:bind("127.0.0.1", 0)
        server:listen(1, function() end)
    end)
"""


def test_what_luv_has_in_hand_holds_the_clock_and_is_named_when_left(place):
    done = run_tests(place, LUV)
    counts(done, "4 passed, 2 failed", 1)
    matches(r".*left behind:\n +a timer of libuv's, due in [0-9.]+ s\n.*", done.out)
    matches(r".*left behind:\n +a handle of libuv's, 'tcp'\n +descriptor \d+: "
            r"socket 127\.0\.0\.1:\d+, listening\n.*", done.out)


def test_work_in_other_threads_holds_the_clock(place):
    place.write("slow.lua", """
        return { work = function()
            local stop = os.clock() + 0.05
            repeat until os.clock() > stop
            return "done"
        end }
    """)
    done = run_tests(place, """
        it("takes its time", { clock = "virtual" }, function()
            assert.equal("done", atlas.timeout(0.001, atlas.thread, "slow", "work"))
        end)
    """)
    counts(done, "1 passed, 0 failed", 0)


# --- order ---

RACE = """
    it("races", function()
        local log = {}
        for i = 1, 8 do atlas.spawn(function() log[#log + 1] = i end) end
        atlas.sleep(0.001)
        print("order " .. table.concat(log))
        assert(%s)
    end)
"""


def test_a_seed_replays_one_order(place):
    orders = set()
    for seed in range(5):
        first = run_tests(place, RACE % "true", "--seed", str(seed))
        again = run_tests(place, RACE % "true", "--seed", str(seed))
        order = re.search(r"order (\d+)", first.out)[1]
        eq(order, re.search(r"order (\d+)", again.out)[1])
        eq("".join(sorted(order)), "12345678")
        orders.add(order)
        if seed == 0:
            eq(order, "12345678")
    assert len(orders) > 2, orders


def test_rounds_have_a_seed_each_and_a_failure_names_its_own(place):
    text = RACE % 'log[1] == 1, "the first is not first"'
    done = run_tests(place, text, "--repeat", "10")
    found = re.search(r"again: (atlas test --seed (\d+) --name races a_test\.lua)\n", done.out)
    assert found and int(found[2]) > 0, repr(done)
    has(done.out, "round 10, seed 9")
    again = place.run(*found[1].split()[1:])
    counts(again, "0 passed, 1 failed", 1)
    stopped = run_tests(place, text, "--repeat", "1000", "--fail-fast")
    counts(stopped, f"{found[2]} passed, 1 failed", 1)


def test_shuffled_tests_run_in_the_order_of_the_seed(place):
    text = 'for i = 1, 9 do it("test " .. i, function() end) end'
    plain = names(run_tests(place, text))
    first = names(run_tests(place, text, "--shuffle", "--seed", "1"))
    eq(names(run_tests(place, text, "--shuffle", "--seed", "1")), first)
    assert first != plain and sorted(first) == plain, first
    assert names(run_tests(place, text, "--shuffle", "--seed", "2")) != first


# --- which tests ---


def test_tests_are_chosen_by_name_and_tag(place):
    text = """
        describe("notes #db", function()
            setup(function() print "SETUP" end)
            it("are saved", function() end)
            it("are deleted #slow", function() end)
        end)
        it("adds", function() end)
    """
    both = ["ok   notes #db are saved", "ok   notes #db are deleted #slow"]
    eq(names(run_tests(place, text, "--filter", "^notes")), both)
    eq(names(run_tests(place, text, "--tag", "db")), both)
    eq(names(run_tests(place, text, "--tag", "db", "--exclude-tag", "slow")), both[:1])
    eq(names(run_tests(place, text, "--tag=slow", "--tag=db")), both)
    eq(names(run_tests(place, text, "--filter-out", "are")), ["ok   adds"])
    eq(names(run_tests(place, text, "--filter", "saved", "--filter", "adds")),
       [both[0], "ok   adds"])
    lacks(run_tests(place, text, "--name", "adds").out, "SETUP")
    none = run_tests(place, text, "--filter", "nothing")
    eq(none.err, "atlas: no test was found\n")
    counts(none, "0 passed, 0 failed", 1)


def test_list_names_tests_and_runs_none(place):
    done = run_tests(place, """
        describe("block", function() it("one", function() print "ran" end) end)
        insulate("apart", function() it("two", function() print "ran" end) end)
    """, "--list")
    eq(done.out, "a_test.lua:2: block one\na_test.lua:3: apart two\n")
    eq(done.status, 0)


def test_folders_mean_the_files_of_tests_in_them(place):
    for name in "tests/b_test.lua", "tests/deep/a_spec.lua", "tests/.x/c_test.lua", \
            "tests/helper.lua", "spec/d_spec.lua", "other/e_test.lua":
        place.write(name, f'it("{name}", function() end)')
    eq(names(place.run("test")),
       ["ok   tests/b_test.lua", "ok   tests/deep/a_spec.lua", "ok   spec/d_spec.lua"])
    eq(names(place.run("test", "other", "tests/helper.lua")),
       ["ok   other/e_test.lua", "ok   tests/helper.lua"])


# --- reports ---


def test_tap(place):
    done = run_tests(place, """
        it("one # two", function() end)
        it("fails", function() error "boom" end)
        pending("later")
    """, "--output", "tap")
    matches(r"TAP version 13\nok 1 - one \\# two\n(?:# took [^\n]*\n)?"
            r"not ok 2 - fails\n(?:# took [^\n]*\n)?# a_test\.lua:3: boom\n# stack traceback:\n.*"
            r"ok 3 - later # TODO not written\n1\.\.3\n# 1 passed, 1 failed, 1 pending\n", done.out)
    assert all(re.match(r"TAP |ok |not ok |# |1\.\.", line) for line in done.out.splitlines())
    eq(done.status, 1)


def test_junit(place):
    done = run_tests(place, """
        it("a <b> & \\"c\\"", function() end)
        it("fails", function() error("x < 1\\27", 0) end)
        pending("later")
    """, "--junit", "out.xml")
    counts(done, "1 passed, 1 failed, 1 pending", 1)
    suite = ElementTree.fromstring(place.read("out.xml"))
    eq((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
    eq([case.get("name") for case in suite], ['a <b> & "c"', "fails", "later"])
    eq(suite[1].find("failure").get("message"), "x < 1?")


def test_quiet_is_silent_about_what_passed(place):
    done = run_tests(place, 'it("passes", function() end)', "-q")
    lacks(done.out, "passes")
    lacks(done.out, "\033")
    counts(done, "1 passed, 0 failed", 0)


# --- wrong usage, and files that can't be loaded ---


def test_wrong_usage_is_status_2(place):
    for args, text in [
        (["--nosuch"], "unknown option '--nosuch'; 'atlas help test' lists them"),
        (["--seed", "x"], "--seed needs an integer from 0 to 4294967295, got 'x'"),
        (["--seed", "1.5"], "--seed needs an integer from 0 to 4294967295, got '1.5'"),
        (["--timeout", "0"], "--timeout needs a number from 0.001 to 1000000, got '0'"),
        (["--clock", "fast"], "--clock is virtual or real, got 'fast'"),
        (["--output=xml"], "--output is plain or tap, got 'xml'"),
        (["--filter"], "--filter needs a value"),
        (["--list=1"], "--list takes no value"),
    ]:
        fails_with(place.run("test", *args), 2, text)


def test_paths_that_are_missing(place):
    done = place.run("test")
    eq(done.err, "atlas: there is no folder 'tests' or 'spec' here; 'atlas help test' tells more\n")
    eq(done.status, 3)
    done = place.run("test", "nosuch_test.lua")
    matches(r"atlas: nosuch_test\.lua: no such file or directory\n", done.err)
    eq(done.status, 3)


def test_a_file_that_cannot_be_loaded_is_status_3_and_the_others_run(place):
    place.write("tests/a_test.lua", "x = = 1")
    place.write("tests/b_test.lua", 'error "in the file"')
    place.write("tests/c_test.lua", 'it("runs", function() end)')
    done = place.run("test")
    has(done.out, "tests/a_test.lua:1: unexpected symbol near '='")
    has(done.out, "tests/b_test.lua:1: in the file")
    has(done.out, "ok   runs")
    counts(done, "1 passed, 2 failed", 3)


def test_words_in_wrong_places_say_so(place):
    done = run_tests(place, """
        it("nests", function() it("inner", function() end) end)
        it("misspells", function() describe("x", { clok = "virtual" }, function() end) end)
    """)
    has(done.out, "a_test.lua:2: 'it' stands in a file of tests or in a block, not in a test")
    done = run_tests(place, 'it("x", { clok = "virtual" }, function() end)')
    has(done.out, "a_test.lua:2: it: there is no option 'clok'")
    eq(done.status, 3)


# --- watch ---


def test_watch_runs_again_when_a_lua_file_changes(place):
    place.write("tests/a_test.lua", 'it("is first", function() end)')
    with open(place.path / "out.txt", "w") as out:
        process = subprocess.Popen([place.options.atlas, "test", "--watch"], cwd=place.path,
                                   env=place.environment({}), stdout=out, stderr=out)
    try:
        def runs():
            return place.read("out.txt").count("watching ")
        eventually(lambda: runs() == 1, "the first run", 30)
        place.write("notes.txt", "not Lua")
        place.write("tests/a_test.lua", 'it("is second", function() end)')
        eventually(lambda: "is second" in place.read("out.txt"), "the second run", 30)
        eventually(lambda: runs() == 2, "its end", 30)
        place.write("tests/new/b_test.lua", 'it("is new", function() end)')
        place.write("tests/a_test.lua", 'it("is third", function() end)')
        eventually(lambda: "is new" in place.read("out.txt"), "a file in a new folder", 30)
        eventually(lambda: runs() >= 3, "its end", 30)
        place.write("tests/new/b_test.lua", 'it("is newer", function() error "x" end)')
        eventually(lambda: "FAIL is newer" in place.read("out.txt"), "a change in it", 30)
        eventually(lambda: runs() >= 4, "its end", 30)
    finally:
        process.send_signal(signal.SIGINT)
        eq(process.wait(30), 1)
