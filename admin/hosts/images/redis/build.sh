# Installs Redis in the root of the image; it has its data in /data.
set -eu
apt-get install -q -y --no-install-recommends redis-server redis-tools
install -d -o redis -g redis /data
