#!/bin/sh
# install-deps.sh GROUP... - install the Debian packages that what a make
# target does needs.  Costs one dpkg-query when everything is there.
# SPDX-License-Identifier: MIT
set -eu

packages=
for group; do
    case $group in
    run) more='gcc libc6-dev cmake ninja-build pkg-config libuv1-dev' ;;
    # Never libluajit2-5.1-dev: it takes the place of this one, and hashes
    # strings so that a client can choose keys that collide.
    luajit) more='libluajit-5.1-dev' ;;
    lua5.4) more='liblua5.4-dev' ;;
    # The sanitizers come with gcc, in libgcc-12-dev.
    test)
        more='libcmocka-dev python3 curl wrk locales chromium iproute2'
        more="$more luajit lua5.4 lua-luv lua-luassert lua-say"
        ;;
    lint) more='clang-format clang-tidy lua-check python3' ;;
    fuzz) more='clang-14 libclang-rt-14-dev' ;;
    cov) more='lcov' ;;
    bench) more='wrk valgrind python3 lua-cjson bc luajit lua5.4 lua-luv' ;;
    *)
        echo "install-deps: unknown group: $group" >&2
        exit 2
        ;;
    esac
    packages="$packages $more"
done

present=$(dpkg-query -W -f '${db:Status-Status}:${Package} ' $packages \
    2>/dev/null) || true
missing=
for package in $packages; do
    case " $present " in
    *" installed:$package "*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends --no-remove$missing"
give_up() {
    echo "atlas: packages are missing, and $1; as root:" \
        "apt-get update && $install" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 ||
    give_up "apt-get too (make DEPS=: goes on without this check)"
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "sudo as well"
    # Without a terminal nobody can type the password.
    [ -t 0 ] || sudo -n true 2>/dev/null || give_up "sudo wants a password"
    root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
as_root() {
    $root env DEBIAN_FRONTEND=noninteractive "$@" \
        -o DPkg::Lock::Timeout=300 </dev/null >"$log" 2>&1
}
echo "installing$missing"
# The lists may be absent or old: they are fetched only if it fails without.
as_root $install || { as_root apt-get update && as_root $install; } || {
    cat "$log" >&2
    give_up "they could not be installed"
}
