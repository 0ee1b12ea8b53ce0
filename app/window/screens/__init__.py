"""One screen a file. A screen draws its presenter's view and passes touches on; it decides nothing."""
