"""The cluster's own certificate authority, and the command `flocker-ca`."""
