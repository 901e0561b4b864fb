# Atlas: the front door.  The build itself is CMake's (CMakeLists.txt).
#
#   make            build/release/atlas; with LUA=lua5.4 on the other VM
#   make run        serve the sample application on PORT (8000)
#   make test       all behaviour on both VMs; test-long: more, and longer
#   make dev        build/dev/atlas, with sanitizers
#   make lint       layers, lengths, style, static analysis
#   make format     lay out the C files as .clang-format says
#   make fuzz       each fuzz target for MINUTES (1)
#   make reference  docs/reference, from the annotations
#   make cov        line coverage, in build/cov/html
#   make bench      the HTTP benchmark
#   make install    to PREFIX (/usr/local), below DESTDIR
#   make clean      remove all that was built

LUA = luajit
MINUTES = 1
PREFIX ?= /usr/local

# Installs the Debian packages that are missing; DEPS=: leaves that to you.
DEPS = tools/install-deps.sh

ifeq ($(filter luajit lua5.4,$(LUA)),)
$(error LUA is "$(LUA)": want luajit or lua5.4)
endif
vm := $(if $(filter lua5.4,$(LUA)),-lua5.4)

# $(call build,PRESET): its build/PRESET/atlas is up to date.
define build
@test -e build/$(1)/build.ninja || \
    cmake --log-level=WARNING --preset $(1) >/dev/null
@cmake --build build/$(1) --target atlas
endef

.PHONY: all run dev test test-long lint format fuzz reference cov bench \
    install clean

all:
	@$(DEPS) run $(LUA)
	$(call build,release$(vm))
	@ln -sfn build/release$(vm)/compile_commands.json compile_commands.json

run: all
	@exec build/release$(vm)/atlas serve app.main:app --config app.config \
	    --host 127.0.0.1 --port "$${PORT:-8000}"

dev:
	@$(DEPS) run $(LUA)
	$(call build,dev$(vm))

test:
	@$(DEPS) run luajit lua5.4 test
	@tools/test.py

test-long:
	@$(DEPS) run luajit lua5.4 test
	@tools/test.py --long

lint:
	@$(DEPS) run luajit lint
	@tools/lint.sh

format:
	@$(DEPS) lint
	@tools/lint.sh --format

fuzz:
	@$(DEPS) run luajit fuzz
	@tools/fuzz.sh $(MINUTES)

# The binary tells what there is, and carries the pages for `atlas help`.
reference: all
	@build/release$(vm)/atlas run tools/reference/main.lua
	$(call build,release$(vm))

cov:
	@$(DEPS) run luajit test cov
	@tools/cov.sh

bench: all
	@test -x bench/http/run.sh || { echo "bench/http/run.sh is missing" >&2; exit 1; }
	@bench/http/run.sh

install: all
	@DESTDIR="$(DESTDIR)" cmake --install build/release$(vm) --prefix "$(PREFIX)"

clean:
	rm -rf build compile_commands.json
