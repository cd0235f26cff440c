"""What control service and agents say to each other, over AMP."""
