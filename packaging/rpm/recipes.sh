# How each of the sources is compiled: one function for each, run in its folder by build-interpreter.sh.

build_zlib() {
    CFLAGS="$optimize" ./configure --static --prefix="$libraries"
    make -j"$jobs" libz.a
    make install
}

build_bzip2() {
    make -j"$jobs" libbz2.a CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$optimize -D_FILE_OFFSET_BITS=64"
    cp bzlib.h "$libraries/include/"
    cp libbz2.a "$libraries/lib/"
}

build_xzutils() {
    CFLAGS="$optimize" ./configure --host=x86_64-linux-gnu --prefix="$libraries" --disable-shared --enable-static --disable-doc \
        --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-nls --disable-dependency-tracking
    make -j"$jobs"
    make install
}

build_libffi() {
    # Static trampolines would want an executable file mapped, which SELinux denies.
    CFLAGS="$optimize" ./configure --host=x86_64-linux-gnu --prefix="$libraries" --libdir="$libraries/lib" --disable-shared \
        --enable-static --disable-docs --disable-multi-os-directory --disable-exec-static-tramp
    make -j"$jobs"
    make install
}

build_expat() {
    cd expat/lib
    # Debian's sources have no ./configure, whose findings would be these. A kernel of 3.10 has no getrandom.
    touch expat_config.h
    for name in xmlparse xmlrole xmltok; do
        "$CC" $optimize -I. -DHAVE_MEMMOVE -DBYTEORDER=1234 -DXML_CONTEXT_BYTES=1024 -DXML_DTD -DXML_NS -DXML_DEV_URANDOM -c $name.c
    done
    "$AR" rcs "$libraries/lib/libexpat.a" xmlparse.o xmlrole.o xmltok.o
    cp expat.h expat_external.h "$libraries/include/"
}

build_sqlite3() {
    # Its generators run here, and make the one file that is compiled for there.
    CC=cc ./configure --disable-tcl --disable-readline --disable-shared
    make sqlite3.c CC=cc
    "$CC" $optimize -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE \
        -DSQLITE_ENABLE_JSON1 -DSQLITE_ENABLE_COLUMN_METADATA -DHAVE_USLEEP=1 -DSQLITE_OMIT_LOAD_EXTENSION -c sqlite3.c
    "$AR" rcs "$libraries/lib/libsqlite3.a" sqlite3.o
    cp sqlite3.h "$libraries/include/"
}

build_openssl() {
    # The certificates that the system trusts are below /etc/pki/tls there.
    ./Configure linux-x86_64 no-shared no-tests no-legacy no-engine no-dso no-module $optimize \
        --prefix="$libraries" --libdir=lib --openssldir=/etc/pki/tls
    make -j"$jobs" build_generated
    make -j"$jobs" libcrypto.a libssl.a
    make install_dev
}

build_python311() {
    # What Debian mended since the release, and not what it moved about for its own layout.
    sed -n '/^shutdown-deadlock.diff/,$p' debian/patches/series | while read -r name; do
        patch --strip=1 --silent <"debian/patches/$name"
    done
    # One of those patches uses what is only for Python's own modules, which setup.py does not know of this one.
    sed -i '1i #define Py_BUILD_CORE_MODULE 1' Modules/pyexpat.c
    # zig's headers hide most of what a glibc of 2.17 has not; these say it outright.
    export ac_cv_func_getentropy=no ac_cv_func_getrandom=no ac_cv_func_memfd_create=no ac_cv_func_copy_file_range=no \
        ac_cv_func_preadv2=no ac_cv_func_pwritev2=no ac_cv_func_close_range=no
    export CFLAGS="-w -g0 -fstack-protector-strong" CPPFLAGS="-I$libraries/include" LDFLAGS="-L$libraries/lib"
    export ZLIB_CFLAGS=" " ZLIB_LIBS="-lz" BZIP2_CFLAGS=" " BZIP2_LIBS="-lbz2" LIBLZMA_CFLAGS=" " LIBLZMA_LIBS="-llzma" \
        LIBSQLITE3_CFLAGS=" " LIBSQLITE3_LIBS="-lsqlite3 -lm -lpthread -ldl"
    ./configure --prefix="$prefix" --with-openssl="$libraries" --with-openssl-rpath=no --with-system-expat --with-system-ffi \
        --without-ensurepip --disable-test-modules --without-static-libpython OPT="-DNDEBUG -O2 -fwrapv"
    make -j"$jobs"
    # Not "make install", which would compile all the library three times over.
    make altbininstall sharedinstall DESTDIR="$work/out"
    cp -R Lib/. "$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$work/out$prefix/lib/python3.11/"
    slim_down "$work/out$prefix"
}

# Leaves what the daemons need: the interpreter and its library, without tests, desktop, headers and what builds extensions.
slim_down() {
    cd "$1"
    find . -name __pycache__ -prune -exec rm -rf {} +
    find bin ! -type d ! -name python3.11 -exec rm {} +
    rm -rf include share lib/pkgconfig lib/*.a
    cd lib/python3.11
    rm -rf test idlelib tkinter turtledemo turtle.py lib2to3 ensurepip pydoc_data config-*
    # One that is executable has a first line that the package would ask for: /usr/local/bin/python, for one.
    find . -name '*.py' -exec chmod 644 {} +
    cd "$1"
    strip --strip-unneeded bin/python3.11 lib/python3.11/lib-dynload/*.so
}
