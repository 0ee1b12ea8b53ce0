"""What `qalta bench` measures: figures side by side in one run, and the ratios between them."""
