# Run in the root of the image that is being built: installs PostgreSQL, with no database yet.
set -eu
apt-get install -q -y --no-install-recommends postgresql-common
echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
apt-get install -q -y --no-install-recommends postgresql
# The same path whatever the version, so that the image's PATH can name it.
ln -s /usr/lib/postgresql/*/bin /usr/local/lib/postgresql-bin
install -d -o postgres -g postgres -m 3777 /var/run/postgresql
install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data
