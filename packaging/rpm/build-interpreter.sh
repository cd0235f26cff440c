#!/bin/sh
# Compiles CPython, and the libraries that it needs, for the glibc of CentOS 7.
#
#   build-interpreter.sh WORK
#
# WORK has sources/NAME, the unpacked sources, and zig/, the compiler. The interpreter comes to lie in WORK/out.
# WORK must always have the same name, or what is compiled differs. What is said goes to WORK/NAME.log.
set -eu

work=$1
here=$(cd "$(dirname "$0")" && pwd)
prefix=/opt/flocker-lite/python
libraries=$work/libraries
optimize="-O2 -g0 -w -fPIC -fstack-protector-strong"

export WORK="$work"
export PATH="$work/bin:$PATH" LC_ALL=C TZ=UTC
export CC="$work/bin/zig-cc" AR="$work/bin/zig-ar" RANLIB="$work/bin/zig-ranlib"
export ZIG_GLOBAL_CACHE_DIR="$work/zig-cache" ZIG_LOCAL_CACHE_DIR="$work/zig-cache"
export PKG_CONFIG_LIBDIR="$libraries/lib/pkgconfig" PKG_CONFIG_PATH=
jobs=$(nproc)

main() {
    tools
    for name in zlib bzip2 xz-utils libffi expat sqlite3 openssl python3.11; do
        build "$name" >"$work/$name.log" 2>&1 || {
            tail -40 "$work/$name.log" >&2
            echo "build-interpreter.sh: $name cannot be built; $work/$name.log has all that was said" >&2
            exit 1
        }
    done
}

tools() {
    mkdir -p "$work/bin" "$libraries/include" "$libraries/lib"
    cp "$here/zig-cc" "$work/bin/zig-cc"
    for tool in ar ranlib; do
        printf '#!/bin/sh\nexec "%s/zig/ziglang/zig" %s "$@"\n' "$work" $tool >"$work/bin/zig-$tool"
    done
    chmod 755 "$work"/bin/*
}

# In a shell of its own, where a failing command ends it, which it would not on the left of "||".
build() { sh -eu -c ". '$here/recipes.sh'; cd '$work/sources/$1'; build_$(echo "$1" | tr -cd a-z0-9)"; }

export prefix libraries optimize jobs work
main
