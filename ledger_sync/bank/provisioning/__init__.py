"""What a customer's device gets from its bank: certificates for its keys, and tokens for its money."""
