"""What is written to a terminal: sentences, tables, codes as text, and the exit statuses."""
