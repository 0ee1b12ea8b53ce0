"""The bank's calls, and the node that answers them."""
