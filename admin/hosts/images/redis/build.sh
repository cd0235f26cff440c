# Run in the root of the image that is being built: installs Redis with its data in /data.
set -eu
apt-get install -q -y --no-install-recommends redis-server redis-tools
install -d -o redis -g redis /data
