"""What can be tested of the virtual machine without booting it."""
