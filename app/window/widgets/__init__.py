"""The parts that screens are put together from. They know theme and words, and nothing of wallets or presenters."""
