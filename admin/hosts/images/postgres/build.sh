# Installs PostgreSQL in the root of the image; there is no database yet.
set -eu
apt-get install -q -y --no-install-recommends postgresql-common
echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
apt-get install -q -y --no-install-recommends postgresql
# The image's PATH names this path, which is the same for each version.
ln -s /usr/lib/postgresql/*/bin /usr/local/lib/postgresql-bin
install -d -o postgres -g postgres -m 3777 /var/run/postgresql
install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data
