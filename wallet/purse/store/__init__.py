"""What a purse keeps: its file, the journal, and the rows of each thing it knows."""
