#!/bin/bash
# Stands before a node's `zfs`: the command that a test waits for stands still where the test wants it to.
#
# In FOLDER the test writes "armed" (before, during or after; then a glob); whoever matches first takes it
# away, says its pid in "reached", and goes on with a line from the named pipe "gate" (or when that is late).
set -o pipefail
folder=@FOLDER@
real=@REAL@
command="zfs $*"

reaches() {
    local when pattern
    [[ -e $folder/armed ]] || return 1
    { read -r when && read -r pattern; } 2>/dev/null <"$folder/armed" || return 1
    # Of several that match one takes it; the pattern is a glob, so it is not quoted.
    # shellcheck disable=SC2053
    [[ $when == "$1" && $command == $pattern ]] && mv "$folder/armed" "$folder/taken" 2>/dev/null
}

stand() {
    local gate
    # Any number but those that the agent gave us.
    exec {gate}<>"$folder/gate"
    echo $$ >"$folder/reaching"
    mv "$folder/reaching" "$folder/reached"
    read -r -t @TIMEOUT_SECONDS@ -u "$gate" _
    exec {gate}>&-
}

# What is killed here is to be dead there as well.
really() { exec setpriv --pdeathsig KILL -- "$real" "$@"; }

through() {
    head -c 512
    if reaches during; then stand; fi
    exec cat
}

if reaches before; then stand; fi
case $1 in
    send) really "$@" | through ;;
    receive) through | really "$@" ;;
    set | snapshot | unmount | mount) (really "$@") ;;
    *) exec "$real" "$@" ;;
esac
code=$?
if reaches after; then stand; fi
exit $code
