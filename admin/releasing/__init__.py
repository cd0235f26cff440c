"""Makes what a release consists of, besides the packages of `admin.packaging`."""
