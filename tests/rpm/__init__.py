"""What can be tested of the packages without building them."""
