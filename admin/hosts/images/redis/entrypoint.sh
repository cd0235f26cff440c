#!/bin/sh
# The first process of the image. It gives /data to the user redis, and becomes the server as that user.
set -eu

# Options alone, and a configuration file, are arguments of the server.
case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis:redis '{}' +
    exec setpriv --reuid=redis --regid=redis --init-groups -- "$0" "$@"
fi

# A container's network protects it. The user may still say --protected-mode.
if [ "$1" = redis-server ]; then
    case " $* " in
        *" --protected-mode "* | *" --version "* | *" -v "* | *" --help "* | *" -h "*) ;;
        *) set -- "$@" --protected-mode no ;;
    esac
fi
exec "$@"
