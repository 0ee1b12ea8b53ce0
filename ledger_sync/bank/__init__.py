"""A bank node: customers' accounts, wallet certificates, and what wallets upload."""
