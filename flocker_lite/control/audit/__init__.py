"""Who changed what and when, kept durably."""
