#!/bin/sh
# First process of the image: puts WordPress into /var/www/html if it is not there, then becomes the web server.
#
# As in the real image, WORDPRESS_DB_HOST, _NAME, _USER and _PASSWORD say which database. PHP's own web server
# stands in for Apache, so the command is that, too.
set -eu

cd /var/www/html
if [ ! -e wp-includes/version.php ]; then
    cp -r /usr/src/wordpress/. .
    cat >wp-config.php <<'PHP'
<?php
define('DB_HOST', getenv('WORDPRESS_DB_HOST'));
define('DB_NAME', getenv('WORDPRESS_DB_NAME'));
define('DB_USER', getenv('WORDPRESS_DB_USER'));
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
require_once ABSPATH . 'wp-settings.php';
PHP
    chown -R www-data:www-data .
fi
exec setpriv --reuid=www-data --regid=www-data --init-groups -- "$@"
