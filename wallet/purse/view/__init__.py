"""Looking at a purse; nothing here changes it."""
