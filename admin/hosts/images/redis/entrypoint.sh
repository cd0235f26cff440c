#!/bin/sh
# First process of the image: gives /data to the user redis, becomes that user, then becomes the server.
set -eu

# Bare options, or a configuration file, are arguments of the server.
case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis:redis '{}' +
    exec setpriv --reuid=redis --regid=redis --init-groups -- "$0" "$@"
fi

# In a container it is the network that protects; who says otherwise is heeded.
if [ "$1" = redis-server ]; then
    case " $* " in
        *" --protected-mode "* | *" --version "* | *" -v "* | *" --help "* | *" -h "*) ;;
        *) set -- "$@" --protected-mode no ;;
    esac
fi
exec "$@"
