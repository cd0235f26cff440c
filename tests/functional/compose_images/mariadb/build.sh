# Run in the root of the image that is being built: MariaDB's server and client, with no database yet.
set -eu
apt-get install -q -y --no-install-recommends mariadb-server-core mariadb-client-core
rm -f /usr/bin/innochecksum /usr/bin/mariadb-upgrade
# It is in a package with 60 MB more, and without a configuration it has nothing to print.
printf '#!/bin/sh\n' >/usr/bin/my_print_defaults
chmod 755 /usr/bin/my_print_defaults
useradd --system --uid 999 --home-dir /var/lib/mysql --no-create-home --shell /usr/sbin/nologin mysql
install -d -o mysql -g mysql /var/lib/mysql /run/mysqld
